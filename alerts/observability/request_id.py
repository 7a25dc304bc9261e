"""Request id: correlates a request, the events it wrote and their dispatch.

The web layer opens a trace for each request that changes something. The id is in the response's `X-Request-Id`, in
every event that the request wrote (`Recorded.command`), and in the log lines of both.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from uuid import UUID

_request: ContextVar[UUID | None] = ContextVar("alerts_request", default=None)


def current() -> UUID | None:
    """Return the id of the current trace; None outside a trace."""
    return _request.get()


def begin(id: UUID | None) -> Token[UUID | None]:
    """Open a trace with this id; `end` closes it with the token returned here."""
    return _request.set(id)


def end(begun: Token[UUID | None]) -> None:
    """Close the trace and restore the previous one."""
    _request.reset(begun)
