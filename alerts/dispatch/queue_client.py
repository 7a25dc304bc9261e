"""Access of one process to the delivery queue: its lease, snapshots of the queue, and claims."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, cast

from alerts.delivery_queue.claim import Claim
from alerts.delivery_queue.queries import first_attempt
from alerts.delivery_queue.settle import Claimed
from alerts.delivery_queue.state import QueueSnapshot, read_snapshot
from alerts.delivery_queue.worker_lease import WorkerLease
from alerts.dispatch.in_flight import InFlight
from alerts.eventlog.ports import Committed, UnitOfWork, Writer
from alerts.storage.ports import Database

_log = logging.getLogger(__name__)


class QueueClient:
    """Belongs to one event loop. A claim that fails may have been committed all the same: see `take_suspicion`."""

    def __init__(self, database: Database, writer: Writer, *, clock: Callable[[], datetime]) -> None:
        self.database, self.writer = database, writer
        self.alone = database.dialect == "sqlite"
        """True if no other process can share the queue."""
        self.lease = WorkerLease(database, writer, clock=clock)
        self.in_flight = InFlight()
        self.paused: set[int] = set()
        """Notices of which nothing is to leave now."""
        # A thread of its own: behind senders that wait for a position the lease would be lost.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dispatch queue")
        self._leased = self._suspicious = False

    @property
    def number(self) -> int:
        """The worker's number, under which it claims."""
        return self.lease.number

    async def acquire(self) -> None:
        """Take a worker's number and its lease."""
        await self.lease.acquire()
        self._leased = True

    async def renew(self) -> None:
        """Renew the lease, if there is one; a failure is logged, and the next renewal tries again."""
        if not self._leased:
            return
        try:
            await self.lease.renew()
        except Exception as error:
            _log.warning("no sign of life could be given; it is tried again: %s", error)

    async def release(self) -> None:
        """Give up the lease, if there is one."""
        if self._leased:
            self._leased = False
            await self.lease.release()
        self._thread.shutdown(wait=False)

    async def in_thread(self, call: Callable[..., Any], *args: object, **options: object) -> Any:
        """Run a blocking call of the housekeeping."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(call, *args, **options))

    async def snapshot(self, now: datetime) -> QueueSnapshot:
        """Read the queue's state."""
        judging, number = self.lease.may_expire_others, self.number
        found = await self.in_thread(read_snapshot, self.database, number, now, alone=self.alone, judging=judging)
        return cast(QueueSnapshot, found)

    def first_try(self, row: Claimed) -> datetime | None:
        """Time of a row's first attempt, None if there was none. Blocks."""
        return first_attempt(self.database, row)

    async def claim(self, take: Callable[[UnitOfWork], Claim]) -> Committed[Claim]:
        """Claim rows, which are in flight from just before the commit until they are recorded."""
        held: list[Claimed] = []

        def work(unit: UnitOfWork) -> Claim:
            taken = take(unit)
            self.in_flight.remove(held)
            held[:] = taken.rows
            self.in_flight.add(held)
            return taken

        try:
            return await self.writer.run(work, by="system")
        except BaseException:
            self.in_flight.remove(held)
            self.suspect()
            raise

    def suspect(self) -> None:
        """Note that rows may be claimed under this number without being in flight here."""
        self._suspicious = True

    def take_suspicion(self) -> bool:
        """True if there may be such rows; the caller looks for them, and calls `suspect` again if it cannot."""
        found, self._suspicious = self._suspicious, False
        return found
