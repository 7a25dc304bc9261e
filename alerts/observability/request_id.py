"""One id joins what belongs together: the request that asked, the events it wrote, what the dispatch made of them.

A door opens a trace for each request that changes something; the id is in the answer's `X-Request-Id`, in every event
that the request wrote (`Recorded.command`), and in the log lines of both.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from uuid import UUID

_request: ContextVar[UUID | None] = ContextVar("alerts_request", default=None)


def current() -> UUID | None:
    """The id of what is being done just now; None where nobody opened a trace."""
    return _request.get()


def begin(id: UUID | None) -> Token[UUID | None]:
    """Everything from here on belongs to this id, until `end` is given what this returns."""
    return _request.set(id)


def end(begun: Token[UUID | None]) -> None:
    """What comes now belongs to whatever it belonged to before."""
    _request.reset(begun)
