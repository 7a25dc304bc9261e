"""Housekeeping of the queue: planning of pages, ended dispatches, orphaned claims, completion."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from alerts.delivery_queue.bounce_pause import pause
from alerts.delivery_queue.claim import cancel_leftover, requeue_lost, requeue_orphaned
from alerts.delivery_queue.row_format import FINAL, JOB_NOTICE
from alerts.delivery_queue.state import OpenDispatch, QueueSnapshot
from alerts.delivery_queue.worker_lease import expire_worker
from alerts.dispatch import planner
from alerts.dispatch.channel_recovery import ChannelRecovery
from alerts.dispatch.health_exchange import HealthExchange
from alerts.dispatch.queue_client import QueueClient
from alerts.domain.events import DispatchCompleted
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import SHARDS
from alerts.kernel.terms import DELIVERY_STATES
from alerts.storage.named_queries import load
from alerts.storage.server_clock import shared_now
from alerts.storage.stall_detector import StallDetector
from subscribers.audience.projector import AudienceProjector

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "queue.sql")
_SWEEP = 2_000
_BEYOND = 1 << 62


class Housekeeping:
    """Housekeeping tasks over a queue snapshot. One per process, in one event loop."""

    def __init__(
        self,
        queue: QueueClient,
        projector: AudienceProjector,
        exchange: HealthExchange,
        recovery: ChannelRecovery,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._queue, self._projector, self._exchange, self._clock = queue, projector, exchange, clock
        self.recovery = recovery
        self._database, self._writer = queue.database, queue.writer
        self._planner_stall = StallDetector()
        """Watches the page that another process is to plan."""
        self._stands_in = False
        """True if the fan-out's process stalled: pages are planned here until it moves again."""
        self._swept: dict[int, tuple[int, int, int]] = {}

    async def exchange_health(self, workers: int) -> None:
        """Exchange provider health with the other workers."""
        await self._exchange.exchange(workers)

    def _requeue_lost(self, notice: int, unit: UnitOfWork) -> int:
        return requeue_lost(unit, self._queue.number, notice, self._queue.in_flight.contains)

    async def plan(self) -> bool:
        """Plan the most urgent page; True if there was one."""
        found = await self._queue.in_thread(planner.next_page, self._database)
        if found is None:
            return False
        if not self._is_to_plan(found):
            return False
        notice, number = found
        issued = self._projector.reference_data.issued(notice)
        if issued is None:
            return False  # the reference data is not loaded yet after a start
        page = await self._queue.in_thread(
            planner.prepare, self._database, self._projector, issued, number, self._clock()
        )
        done = await self._writer.run(lambda unit: planner.write(unit, self._queue.number, page), by="system")
        self._stands_in = self._stands_in and done.result
        return done.result

    def _is_to_plan(self, page: tuple[int, int]) -> bool:
        """True if this process plans pages: the fan-out's leader, or any process if a page waits too long."""
        if self._projector.runs_effects():
            return True
        self._stands_in = self._planner_stall.is_stalled(page) or self._stands_in
        return self._stands_in

    async def recover_orphaned(self, snapshot: QueueSnapshot) -> None:
        """Requeue claims of expired workers: whether they were sent is unknown, so they are sent again."""
        alive: set[int] = set()
        for worker in {worker for _, worker in snapshot.orphaned}.union(snapshot.silent):
            if not (await self._writer.run(partial(self._expire_worker, worker), by="system")).result:
                alive.add(worker)
        for notice, worker in snapshot.orphaned:
            if worker in alive:
                continue
            shard = 0
            while shard < SHARDS:

                def work(unit: UnitOfWork, notice: int = notice, worker: int = worker, shard: int = shard) -> int:
                    return requeue_orphaned(unit, self._queue.number, worker, notice, shard, _SWEEP).next_shard

                shard = (await self._writer.run(work, by="system")).result

    def _expire_worker(self, worker: int, unit: UnitOfWork) -> bool:
        now = _BEYOND if self._queue.alone else shared_now(unit.read, "postgresql", self._clock())
        gone = expire_worker(unit, worker, now)
        if gone:
            unit.after_commit(lambda: _log.warning("worker %d is gone: what it had in hand is sent again", worker))
        return gone

    async def find_lost(self, snapshot: QueueSnapshot) -> None:
        """Requeue rows that this worker has claimed but no longer serves, after a failed claim or sender."""
        for job in snapshot.jobs:
            if not job.sending:
                continue
            lost = await self._writer.run(partial(self._requeue_lost, job.notice), by="system")
            if lost.result:
                _log.warning("%d claims of dispatch %d were lost and are in doubt", lost.result, job.notice)

    async def sweep(self, snapshot: QueueSnapshot, now: datetime) -> None:
        """End the unsent rows of ended dispatches."""
        for job in snapshot.jobs:
            end = job.end(now)
            if end is None or not job.planned or not job.open_rows:
                continue
            seen = (end[0], job.open_rows, job.sending)
            if self._swept.get(job.notice) == seen:
                continue  # open rows are in flight, or wait for their digest
            await self._sweep_one(job, *end)
            self._swept[job.notice] = seen

    async def _sweep_one(self, job: OpenDispatch, state: int, reason: str) -> None:
        shard = 0
        while shard < SHARDS:

            def work(unit: UnitOfWork, shard: int = shard) -> int:
                return cancel_leftover(unit, self._queue.number, job.notice, state, reason, shard, _SWEEP).next_shard

            shard = (await self._writer.run(work, by="system")).result

    async def guard(self, snapshot: QueueSnapshot) -> set[int]:
        """Pause bulletins with too many bounces; return those paused now."""
        paused: set[int] = set()
        for job in snapshot.jobs:
            if job.bounces.too_many:
                done = await self._writer.run(lambda unit, job=job: pause(unit, job.notice), by="system")  # type: ignore[misc]
                if done.result:
                    paused.add(job.notice)
        return paused

    async def complete(self, snapshot: QueueSnapshot) -> None:
        """Complete dispatches whose rows are all final."""
        for job in snapshot.jobs:
            if job.planned and not job.open_rows:
                issued = self._projector.reference_data.issued(job.notice)
                request = None if issued is None else issued.request
                work = partial(_complete, job=job, request=request)
                await self._writer.run(work, by="system", command=request)
                self._swept.pop(job.notice, None)


def _complete(unit: UnitOfWork, job: OpenDispatch, request: UUID | None) -> None:
    totals: dict[int, int] = {}
    for _, state, amount in unit.read(_sql.tallies_of, (job.notice,)):
        totals[state] = totals.get(state, 0) + int(amount)
    [(notice, kind, pages, next_page)] = unit.read(_sql.job_planned, (job.notice,))
    if next_page < pages or any(amount for state, amount in totals.items() if state not in FINAL):
        return
    unit.write(_sql.job_done, (job.notice,))
    unit.write(_sql.overtaken_stale, (job.notice,))
    if kind != JOB_NOTICE:
        return
    stream = dispatch_id(_uuid(notice))
    state_of = unit.get(DISPATCH, stream)
    if state_of is not None and state_of.planned is not None and not state_of.completed:
        by_state: dict[str, int] = {DELIVERY_STATES[state]: amount for state, amount in sorted(totals.items())}
        completed = DispatchCompleted(notice=_uuid(notice), number=job.notice, by_state=by_state)
        unit.append(DISPATCH, stream, completed)
        fields = {"dispatch": job.notice, "outcomes": " ".join(f"{state}={n}" for state, n in by_state.items())}
        unit.after_commit(lambda: _log.info("dispatch complete", extra={**fields, "request": str(request or "")}))


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=bytes(raw))
