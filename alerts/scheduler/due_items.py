"""Due items: the schedule is rows of our own; APScheduler only wakes the poll that reads them.

An item is (kind, subject, time). It is planned and cancelled by the commands, in the transaction of their events, and
fired by a command that takes it and appends in one transaction: two schedulers, a restart or a jump of the clock can
neither double nor drop one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.times import from_micros, micros, optional_from_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.scheduler", "due_items.sql")
_log = logging.getLogger(__name__)

Fire = Callable[[str, UUID, datetime], Awaitable[object]]
"""`commands.fire(kind, subject, due_at)`: takes the item (`take_due`) and appends what follows, in one transaction."""

_PAGE = 100


def plan_due(unit: UnitOfWork, kind: str, subject: UUID, due_at: datetime) -> None:
    """Plan an item within a command; idempotent."""
    unit.write(_sql.plan, (kind, subject.bytes, micros(due_at)))


def cancel_due(unit: UnitOfWork, kind: str, subject: UUID) -> None:
    """Cancel the unfired items of this kind for this subject."""
    unit.write(_sql.cancel, (kind, subject.bytes))


def take_due(unit: UnitOfWork, kind: str, subject: UUID, due_at: datetime) -> bool:
    """Mark an item fired, within the command that fires it; False if it was already fired or cancelled."""
    key = (kind, subject.bytes, micros(due_at))
    rows = unit.read(_sql.state, key)
    if not rows or rows[0][0] != 0:
        return False
    unit.write(_sql.fired, key)
    return True


class DuePoll:
    """Poll of due items. A periodic job calls it each second, and once more at the very next due time.

    `fire` must tolerate being called twice for one item. An item whose firing raises stays planned and is tried again
    at the next poll, after the others.
    """

    def __init__(self, database: Database, fire: Fire, *, clock: Callable[[], datetime], every: float = 1.0) -> None:
        self._database, self._fire, self._clock = database, fire, clock
        self.every_s = every
        self._polling = asyncio.Lock()
        self.polls = 0
        """Number of polls that ended well; a scheduler whose number does not rise gives no sign of life."""
        self.run_at: Callable[[datetime], object] = lambda at: None
        """Schedules an extra poll (`PeriodicJobs.run_at`)."""

    async def poll(self) -> int:
        """Fire the items due now; return their number."""
        async with self._polling:
            fired = 0
            failed: set[tuple[str, UUID, datetime]] = set()
            while items := [item for item in await asyncio.to_thread(self._due, len(failed)) if item not in failed]:
                for item in items:
                    try:
                        await self._fire(*item)
                        fired += 1
                    except Exception:
                        _log.exception("due item %s of %s could not be fired", item[0], item[1])
                        failed.add(item)
                failed.update(items)  # an item left planned is not fired twice in one poll
            await self._wake_for_next()
            self.polls += 1
            return fired

    def _due(self, more: int) -> list[tuple[str, UUID, datetime]]:
        with self._database.read() as tx:
            rows = tx.execute(_sql.due, (micros(self._clock()), _PAGE + more))
        return [(kind, UUID(bytes=bytes(subject)), from_micros(due_at)) for kind, subject, due_at in rows]

    def _next(self) -> datetime | None:
        with self._database.read() as tx:
            [(due_at,)] = tx.execute(_sql.next)
        return optional_from_micros(due_at)

    async def _wake_for_next(self) -> None:
        """Schedule an extra poll for an item due between two polls."""
        following = await asyncio.to_thread(self._next)
        now = self._clock()
        if following is not None and now < following < now + timedelta(seconds=self.every_s):
            self.run_at(following + timedelta(milliseconds=1))
