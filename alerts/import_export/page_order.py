"""Ordering of the pages of a file that are in flight at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PATIENCE = 120.0
"""Timeout in seconds: the previous page may never arrive, since its sender is gone."""


class PageOrder:
    """Progress of each file in this process; a page waits until the previous one is done.

    A file that was not begun here is unknown, and its pages do not wait: the write itself decides if they are next.
    """

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._moved = asyncio.Condition()

    def begin(self, digest: str, done: int) -> None:
        """Register a file whose pages begin at its `done`-th row."""
        self._done[digest] = done

    def end(self, digest: str) -> None:
        """Remove a file: no further page of it will come."""
        self._done.pop(digest, None)

    @asynccontextmanager
    async def turn(self, digest: str, start: int, count: int) -> AsyncIterator[None]:
        """Wait until the `count` rows from the `start`-th on are next.

        If the block fails, the pages waiting behind it are released: they will find that they are not next.
        """
        async with self._moved:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._moved.wait_for(lambda: self._done.get(digest, start) >= start)
        through = False
        try:
            yield
            through = True
        finally:
            async with self._moved:
                if through and digest in self._done:
                    self._done[digest] = start + count
                elif not through:
                    self.end(digest)
                self._moved.notify_all()
