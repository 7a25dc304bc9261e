"""What this process has in its hands: rows that it claimed and has not recorded, so that none is claimed for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from threading import Lock
from typing import Any

from alerts.delivery_queue.row_format import CHUNK
from alerts.delivery_queue.settle import Claimed

_STRAGGLERS = 25


class InFlight:
    """Rows are taken by the writer's thread just before their claim is committed, and let go by the event loop.

    A row may be in hand twice for a moment: deferred and claimed again while the rest of its first claim is served.
    """

    def __init__(self) -> None:
        self._held: Counter[tuple[int, int]] = Counter()
        self._lock = Lock()

    def add(self, rows: Iterable[Claimed]) -> None:
        """A claim is being made."""
        with self._lock:
            self._held.update((row.notice, row.contact) for row in rows)

    def remove(self, rows: Iterable[Claimed]) -> None:
        """A claim is served, has failed, or is given up."""
        with self._lock:
            for row in rows:
                key = (row.notice, row.contact)
                self._held[key] -= 1
                if self._held[key] <= 0:
                    del self._held[key]

    def contains(self, row: Claimed) -> bool:
        """Whether somebody here serves this row."""
        return (row.notice, row.contact) in self._held


class SenderWindow:
    """How much one sender has under way: a chunk at most. It claims again while stragglers are still out, so that a
    destination that stalls holds up no other."""

    def __init__(self) -> None:
        self._rows = self._most = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many rows it may claim now."""
        return CHUNK - self._rows

    async def wait_for_room(self) -> None:
        """Wait until no more than stragglers are left of what was claimed."""
        while self._rows > max(_STRAGGLERS, self._most // 2):
            self._changed.clear()
            await self._changed.wait()

    def start(self, rows: int, serving: Coroutine[Any, Any, None]) -> None:
        """Serve so many rows; `less` tells of those that are recorded."""
        self._rows += rows
        self._most = self._rows
        task = asyncio.ensure_future(serving)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def finished(self, rows: int) -> None:
        """So many are recorded, or given up."""
        self._rows -= rows
        self._changed.set()

    async def drain(self) -> None:
        """Wait for all that is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Wait no longer: what is not recorded is in doubt."""
        for task in self._tasks:
            task.cancel()
