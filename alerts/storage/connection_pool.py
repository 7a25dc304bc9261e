"""Connection pool: connections are opened on first use and reused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

from alerts.kernel.errors import Unavailable

C = TypeVar("C")


class Pool(Generic[C]):
    """Pool of at most `limit` connections, last in first out, so that few stay in use."""

    def __init__(
        self,
        open_one: Callable[[], C],
        close_one: Callable[[C], None],
        usable: Callable[[C], bool],
        limit: int,
        patience: float = 30.0,
    ) -> None:
        self._open, self._close, self._usable, self._patience = open_one, close_one, usable, patience
        self._idle: deque[C] = deque()
        self._slots = BoundedSemaphore(limit)
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def take(self) -> Iterator[C]:
        """Borrow a connection for a block; `Unavailable` if none becomes free within `patience` seconds."""
        if not self._slots.acquire(timeout=self._patience):
            raise Unavailable("Every database connection is busy. Try again in a moment.")
        try:
            connection = self._pop() or self._open()
            try:
                yield connection
            finally:
                self._return(connection)
        finally:
            self._slots.release()

    def _pop(self) -> C | None:
        with self._lock:
            if self._closed:
                raise Unavailable("The database is closed: the process is stopping.")
            return self._idle.pop() if self._idle else None

    def _return(self, connection: C) -> None:
        with self._lock:
            keep = self._usable(connection)
            # A broken connection (the server restarted) means that the idle ones are broken too.
            dead = [] if keep else [*self._idle]
            if not keep:
                self._idle.clear()
            if keep and not self._closed:
                self._idle.append(connection)
                return
        for one in (connection, *dead):
            self._close(one)

    def close(self) -> None:
        """Close the idle connections now, borrowed ones on their return."""
        with self._lock:
            self._closed = True
            idle = [*self._idle]
            self._idle.clear()
        for connection in idle:
            self._close(connection)
