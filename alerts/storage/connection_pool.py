"""A handful of connections, opened when first needed and kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Generic, TypeVar

from alerts.kernel.errors import Unavailable

C = TypeVar("C")


class Pool(Generic[C]):
    """At most `limit` connections at once; the one given back last is taken first, so that few stay in use."""

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
        self._places = BoundedSemaphore(limit)
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def take(self) -> Iterator[C]:
        """A connection for the length of a block; `Unavailable` if none becomes free within `patience` seconds."""
        if not self._places.acquire(timeout=self._patience):
            raise Unavailable("Every database connection is busy. Try again in a moment.")
        try:
            connection = self._pop() or self._open()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._places.release()

    def _pop(self) -> C | None:
        with self._lock:
            if self._closed:
                raise Unavailable("The database is closed: the process is stopping.")
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: C) -> None:
        with self._lock:
            keep = self._usable(connection)
            # One broken connection (a server that restarted) means that the idle ones are broken too.
            dead = [] if keep else [*self._idle]
            if not keep:
                self._idle.clear()
            if keep and not self._closed:
                self._idle.append(connection)
                return
        for one in (connection, *dead):
            self._close(one)

    def close(self) -> None:
        """Close the idle connections now, those in use when they come back."""
        with self._lock:
            self._closed = True
            idle = [*self._idle]
            self._idle.clear()
        for connection in idle:
            self._close(connection)
