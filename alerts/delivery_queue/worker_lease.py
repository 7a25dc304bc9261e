"""Worker lease: identity of this worker, and validity of its claims.

A worker's row holds the end of its lease, by the database's clock: no host's clock decides. It is renewed in a
transaction of its own, not queued behind other work, so that only a process that is stopped or disconnected misses a
renewal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.times import duration_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Transaction
from alerts.storage.server_clock import shared_now, steady

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "queue.sql")
LIFE = timedelta(seconds=8)
BEAT = 2.0
"""Seconds between renewals."""
_MARGIN = 6.0
"""Seconds after its last renewal in which a worker still begins hand-overs; less than the lease."""
_FOREVER = timedelta(days=36_500)
_BEYOND = 1 << 62


class WorkerLease:
    """Worker number with a lease, extended by `renew`. On SQLite there is one process: the lease never expires."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        *,
        clock: Callable[[], datetime],
        tick: Callable[[], float] = steady,
    ) -> None:
        """`tick`: monotonic seconds, by which a worker checks its own lease."""
        self._database, self._writer, self._clock, self._tick = database, writer, clock, tick
        self._alone = database.dialect == "sqlite"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease")
        self._beaten = 0.0
        self._regular_since = 0.0
        self._changing = asyncio.Lock()
        """Held by a renewal or the release: a renewal must not acquire a new number after the release."""
        self._released = False
        self.number = 0

    def is_valid(self, number: int) -> bool:
        """True if claims under that number are still this worker's; False once others may reassign them."""
        return number == self.number and (self._alone or self._tick() - self._beaten < _MARGIN)

    @property
    def may_expire_others(self) -> bool:
        """True if workers with an expired lease may be declared gone.

        A worker that could not renew its own lease (the database was away, or this process stopped) has to give the
        others the time to renew theirs: the whole duration of a lease.
        """
        if self._alone:
            return True
        now = self._tick()
        return now - self._beaten < _MARGIN and now - self._regular_since >= LIFE.total_seconds()

    async def acquire(self) -> None:
        """Acquire a worker number; a new one if the lease was lost."""
        begun = self._tick()

        def work(unit: UnitOfWork) -> int:
            number = unit.number("worker")
            unit.write(_sql.worker_begins, (number, self._until(unit.read)))
            return number

        self.number = (await self._writer.run(work, by="system")).result
        _log.info("process %d on %s is worker %d", os.getpid(), socket.gethostname(), self.number)
        self._beaten = self._regular_since = begun

    async def renew(self) -> None:
        """Renew the lease; acquire a new one if it was lost."""
        async with self._changing:
            if self._alone or self._released:
                return
            begun = self._tick()
            if not await asyncio.get_running_loop().run_in_executor(self._thread, self._beat):
                _log.warning(
                    "worker %d (process %d) was taken for dead: it takes a new number", self.number, os.getpid()
                )
                await self.acquire()
                return
            if begun - self._beaten >= _MARGIN:
                self._regular_since = begun
            self._beaten = begun

    async def release(self) -> None:
        """Release the lease, after a renewal in progress: claims under this number may be reassigned at once."""
        async with self._changing:
            self._released = True
            try:
                if not self._alone:
                    await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
            except Exception as error:
                _log.warning("the others learn in a while only that this worker has stopped: %s", error)
            finally:
                self._thread.shutdown(wait=False)

    def _beat(self) -> bool:
        with self._database.write() as tx:
            return bool(tx.execute(_sql.worker_lives, (self._until(tx.execute), self.number)))

    def _end(self) -> None:
        with self._database.write() as tx:
            tx.execute(_sql.worker_gone, (self.number, _BEYOND))

    def _until(self, read: Callable[[str], list[tuple[int, ...]]]) -> int:
        if self._alone:
            return micros(self._clock() + _FOREVER)
        return shared_now(read, "postgresql", self._clock()) + duration_micros(LIFE)


def workers(tx: Transaction, own: datetime) -> dict[int, bool]:
    """Return worker → True if its lease is valid. `own`: this process's time, used on SQLite."""
    now = shared_now(tx.execute, tx.dialect, own)
    return {int(worker): until >= now for worker, until in tx.execute(_sql.workers_all)}


def expire_worker(unit: UnitOfWork, worker: int, now: int) -> bool:
    """Delete a worker's lease unless renewed since `now`; True if it is gone.

    `now`: a moment ago by the database's clock (microseconds).
    """
    return not unit.read(_sql.worker, (worker,)) or bool(unit.read(_sql.worker_gone, (worker, now)))
