"""How many messages of a channel may be on their way at once, with places that only emergencies may take."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """`limit` places; others than emergencies leave `reserve` of them free. Emergencies go before whoever waits."""

    def __init__(self, limit: int, reserve: int) -> None:
        self._limit, self._open_to_all = limit, max(1, limit - reserve)
        self._inside = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def inside(self) -> int:
        """How many are on their way."""
        return self._inside

    @asynccontextmanager
    async def passage(self, *, emergency: bool) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        most = self._limit if emergency else self._open_to_all
        if self._inside >= most:
            queue = self._urgent if emergency else self._waiting
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                raise
        else:
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        """Hand the place on to whoever may have it."""
        self._inside -= 1
        for queue, most in ((self._urgent, self._limit), (self._waiting, self._open_to_all)):
            while queue and self._inside < most:
                turn = queue.popleft()
                if not turn.done():
                    self._inside += 1
                    turn.set_result(None)
