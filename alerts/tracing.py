"""One id joins what belongs together: the request that asked, the events it wrote, what the dispatch made of them.

A door opens a trace for each request that changes something; the id is in the answer's `X-Request-Id`, in every event
that the request wrote (`Recorded.command`), and in the log lines of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_request: ContextVar[UUID | None] = ContextVar("alerts_request", default=None)


def current() -> UUID | None:
    """The id of what is being done just now; None where nobody opened a trace."""
    return _request.get()


@contextmanager
def trace(id: UUID | None) -> Iterator[None]:
    """Everything within belongs to this id, tasks that are started here too."""
    token = _request.set(id)
    try:
        yield
    finally:
        _request.reset(token)
