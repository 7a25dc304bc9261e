"""Whose turn it is among the pages of a file that are on their way at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PATIENCE = 120.0
"""Seconds: the page before may never have come in, since who sent it is gone."""


class PageOrder:
    """How far each file has come in this process. A page waits until the one before it is through.

    Of a file that nobody began here nothing is known, and its pages do not wait: whether they are the next ones is
    decided where they are written.
    """

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._moved = asyncio.Condition()

    def begin(self, digest: str, done: int) -> None:
        """The pages of this file begin at its `done`-th row."""
        self._done[digest] = done

    def end(self, digest: str) -> None:
        """No further page of this file comes."""
        self._done.pop(digest, None)

    @asynccontextmanager
    async def turn(self, digest: str, start: int, count: int) -> AsyncIterator[None]:
        """The turn of the `count` rows from the `start`-th on. If the block fails, those that wait behind it wait no
        longer: they will find that they are not the next."""
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
