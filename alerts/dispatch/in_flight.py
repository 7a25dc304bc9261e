"""In-flight set: rows claimed by this process whose outcome is not yet recorded."""

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
    """Multiset of rows: added by the writer's thread just before their claim commits, removed by the event loop.

    A row may be in it twice for a moment: deferred and claimed again while the rest of its first claim is served.
    """

    def __init__(self) -> None:
        self._held: Counter[tuple[int, int]] = Counter()
        self._lock = Lock()

    def add(self, rows: Iterable[Claimed]) -> None:
        """Add the rows of a claim being made."""
        with self._lock:
            self._held.update((row.notice, row.contact) for row in rows)

    def remove(self, rows: Iterable[Claimed]) -> None:
        """Remove the rows of a claim that was served, failed, or was given up."""
        with self._lock:
            for row in rows:
                key = (row.notice, row.contact)
                self._held[key] -= 1
                if self._held[key] <= 0:
                    del self._held[key]

    def contains(self, row: Claimed) -> bool:
        """True if this process serves the row."""
        return (row.notice, row.contact) in self._held


class SenderWindow:
    """Prefetch window of one sender: at most one chunk of rows in flight.

    It claims again while stragglers are still in flight, so that a stalled destination blocks no other.
    """

    def __init__(self) -> None:
        self._rows = self._most = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """Number of rows it may claim now."""
        return CHUNK - self._rows

    async def wait_for_room(self) -> None:
        """Wait until only stragglers are left of the claimed rows."""
        while self._rows > max(_STRAGGLERS, self._most // 2):
            self._changed.clear()
            await self._changed.wait()

    def start(self, rows: int, serving: Coroutine[Any, Any, None]) -> None:
        """Start serving rows; `finished` reports those recorded."""
        self._rows += rows
        self._most = self._rows
        task = asyncio.ensure_future(serving)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def finished(self, rows: int) -> None:
        """Report rows as recorded or given up."""
        self._rows -= rows
        self._changed.set()

    async def drain(self) -> None:
        """Wait for all tasks."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel all tasks: outcomes not recorded are in doubt."""
        for task in self._tasks:
            task.cancel()
