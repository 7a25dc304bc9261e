"""Daily quota of messages per provider, counted in the database across all processes.

A process reserves a few at a time through the log's writer, counted before any of them is sent, so that the limit is
hard: what a killed process had reserved and not used is lost for that day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import DomainError
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "daily_quota.sql")
_BLOCK = 1_000
"""Upper limit of messages reserved at a time; for a small budget its two-hundredth part."""
_RETENTION_DAYS = 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


class DailyQuota:
    """Daily quota of every provider of a channel. `reserve` and `close` belong to one event loop."""

    def __init__(self, database: Database, writer: Writer, budget: int, *, clock: Callable[[], datetime]) -> None:
        """`budget`: messages per UTC day and provider."""
        self._database, self._writer, self._budget, self._clock = database, writer, budget, clock
        # A large budget is reserved in blocks, a small one singly, so that processes do not starve each other.
        self._block = max(1, min(_BLOCK, budget // 200))
        self._reserved: dict[tuple[str, int], int] = {}
        self._lock = Lock()
        self._asking: dict[str, asyncio.Lock] = {}

    @property
    def daily(self) -> int:
        """Messages a day, per provider."""
        return self._budget

    async def reserve(self, name: str) -> int | None:
        """Count one message of today; return the day it counts for, None if none is left. Raises DomainError."""
        key = (name, self._today())
        if self._use(key):
            return key[1]
        async with self._asking.setdefault(name, asyncio.Lock()):
            if self._use(key):  # another message has reserved a block meanwhile
                return key[1]
            granted = await self._reserve(*key)
            with self._lock:
                self._reserved = {k: v for k, v in self._reserved.items() if k[0] != name or k[1] == key[1]}
                self._reserved[key] = self._reserved.get(key, 0) + granted
            return key[1] if self._use(key) else None

    def refund(self, name: str, day: int) -> None:
        """Return one message that was counted for that day and not sent."""
        key = (name, day)
        with self._lock:
            self._reserved[key] = self._reserved.get(key, 0) + 1

    def remaining(self, name: str) -> int:
        """Messages left today, to this process's knowledge. Thread-safe."""
        key = (name, self._today())
        with self._database.read() as tx:
            rows = tx.execute(_sql.taken, key)
        with self._lock:
            reserved = self._reserved.get(key, 0)
        return max(0, self._budget - (int(rows[0][0]) if rows else 0) + reserved)

    async def close(self) -> None:
        """Return what was reserved and not used."""
        with self._lock:
            unused, self._reserved = self._reserved, {}
        rows = [(name, day, -count) for (name, day), count in unused.items() if count > 0]
        if rows:
            try:
                await self._writer.run(lambda unit: unit.write_many(_sql.take, rows), by="system")
            except DomainError as error:
                _log.warning("%d reserved messages of the day's budget are lost: %s", sum(-r[2] for r in rows), error)

    def _use(self, key: tuple[str, int]) -> bool:
        with self._lock:
            left = self._reserved.get(key, 0)
            if left <= 0:
                return False
            self._reserved[key] = left - 1
            return True

    async def _reserve(self, name: str, day: int) -> int:
        def work(unit: UnitOfWork) -> int:
            rows = unit.read(_sql.taken, (name, day))
            granted = max(0, min(self._block, self._budget - (int(rows[0][0]) if rows else 0)))
            if granted:
                unit.write(_sql.take, (name, day, granted))
            if not rows:
                unit.write(_sql.forget, (name, day - _RETENTION_DAYS))
            return granted

        return (await self._writer.run(work, by="system")).result

    def _today(self) -> int:
        return self._clock().astimezone(UTC).toordinal() - _EPOCH
