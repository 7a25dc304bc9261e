"""Dispatch worker: claims rows, sends them, records the outcomes. By lane, emergencies first.

Senders take claims one after the other; some of them take emergencies alone, so that an emergency never waits for a
long notice to finish. A housekeeper reads the queue a few times a second and at each wake-up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from alerts.delivery_queue.claim import Claim, claim_due, claim_planned
from alerts.delivery_queue.row_format import CHUNK, JOB_NOTICE, LANE
from alerts.delivery_queue.settle import Claimed, LeaseLost
from alerts.delivery_queue.state import OpenDispatch, QueueSnapshot
from alerts.dispatch.applied_positions import AppliedPositions
from alerts.dispatch.delivery import DeliveryRunner
from alerts.dispatch.housekeeping import Housekeeping
from alerts.dispatch.in_flight import SenderWindow
from alerts.dispatch.queue_client import QueueClient
from alerts.dispatch.wakeup import Wakeup
from alerts.eventlog.ports import Committed
from alerts.kernel.errors import DomainError
from alerts.kernel.ids import SHARDS

_log = logging.getLogger(__name__)
_REWALK = 2.0
STOP_S = 7.0
"""Seconds that messages in flight may take when the process stops; the rest is in doubt, left to others."""
_FIRST = 50
_FAR = timedelta(days=365)
_EVERY_LANE = tuple(LANE.values())
_EMERGENCIES = (LANE["emergency"],)
_URGENT_S = 1.0
"""Seconds after its last claim in which an emergency still counts as being sent."""
URGENT_SENDERS = 2
"""Number of senders that take emergencies alone."""

Serve = Callable[[list[Claimed], Mapping[int, datetime], int, Callable[[int], None]], Awaitable[None]]
"""Serves claimed rows: `DeliveryRunner.notices`, or `DeliveryRunner.transactional` of known kinds."""


@dataclass(slots=True)
class _Walk:
    """Progress of this process through one dispatch's planned rows; a restarted walk finds the same rows."""

    shard: int = 0
    drained_at: int = -1
    """Number of planned pages when no row was left."""
    since: float = 0.0


class Worker:
    """Dispatch worker. `start` and `stop` belong to one event loop."""

    def __init__(
        self,
        queue: QueueClient,
        delivery: DeliveryRunner,
        housekeeping: Housekeeping,
        positions: AppliedPositions,
        wakeup: Wakeup,
        *,
        clock: Callable[[], datetime],
        senders: int = 4,
    ) -> None:
        """`senders` take claims of every lane, `URGENT_SENDERS` more take emergencies alone."""
        self.queue, self.delivery = queue, delivery
        self._housekeeping, self._positions, self._wakeup = housekeeping, positions, wakeup
        self._clock, self._senders = clock, senders
        self._snapshot = QueueSnapshot((), {}, ())
        self._walks: dict[int, _Walk] = {}
        self._news: set[asyncio.Event] = set()
        self._tick, self._urgent_until = monotonic, 0.0
        self._tasks: list[asyncio.Task[None]] = []

    # --- life ---

    async def start(self) -> None:
        """Acquire a lease and start working."""
        self._wakeup.bind()
        await self.queue.acquire()
        lanes = [_EVERY_LANE] * self._senders + [_EMERGENCIES] * URGENT_SENDERS
        self._tasks = [asyncio.create_task(self._housekeeping_loop(), name="dispatch housekeeper")]
        self._tasks += [asyncio.create_task(self._send(one), name="dispatch sender") for one in lanes]

    async def stop(self, patience: float = STOP_S) -> None:
        """Finish messages in flight, release rows not begun, record, and stop."""
        self.delivery.stop()
        self._wakeup.notify()
        self._tell()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._tasks = []
        await self.queue.release()
        await self.delivery.close()
        self._positions.close()

    def is_working(self) -> bool:
        """True while its tasks run; a sign of life is given only then."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def _stopping(self) -> bool:
        return self.delivery.stopping

    # --- the housekeeper ---

    def wake_housekeeping(self) -> None:
        """Look for work that was announced by no wake-up; a periodic job."""
        self._wakeup.notify()

    async def requeue_recovered(self) -> None:
        """Requeue what failed technically in channels that work again; a periodic job."""
        await self._housekeeping.recovery.requeue()

    async def release_waiting(self) -> None:
        """Send at once what has waited for a provider that works again; a periodic job."""
        await self._housekeeping.recovery.release()
        self._wakeup.notify()

    async def _housekeeping_loop(self) -> None:
        while not self._stopping:
            try:
                busy = await self._tidy()
            except DomainError as error:
                _log.warning("the queue waits: %s", error)
                busy = False
            except LeaseLost:
                busy = False
            except Exception:
                _log.exception("housekeeping of the queue failed; it is tried again")
                await asyncio.sleep(0.5)
                busy = False
            if not busy:
                await self._wakeup.wait()

    async def _tidy(self) -> bool:
        """Run one round of housekeeping; True if more pages wait to be planned."""
        now, housekeeping = self._clock(), self._housekeeping
        # Read before the snapshot: a claim lost after this point may not be in it, and is found in the next round.
        suspicious = self.queue.take_suspicion()
        try:
            snapshot = await self.queue.snapshot(now)
            if suspicious:
                await housekeeping.find_lost(snapshot)
        except BaseException:
            if suspicious:
                self.queue.suspect()
            raise
        if snapshot.orphaned or snapshot.silent:
            await housekeeping.recover_orphaned(snapshot)
            return True
        planned = await housekeeping.plan()
        if planned:
            snapshot = await self.queue.snapshot(now)
        self._snapshot = snapshot
        self.queue.paused = {job.notice for job in snapshot.jobs if job.is_waiting} | await housekeeping.guard(snapshot)
        await housekeeping.exchange_health(snapshot.workers)
        self._walk_again()
        self._tell()
        await housekeeping.sweep(snapshot, now)
        await housekeeping.complete(snapshot)
        return planned

    def _walk_again(self) -> None:
        """Drop walks of finished dispatches; restart those that seem to have missed rows."""
        open_jobs = {job.notice: job for job in self._snapshot.jobs}
        self._walks = {notice: walk for notice, walk in self._walks.items() if notice in open_jobs}
        for notice, walk in self._walks.items():
            job = open_jobs[notice]
            if job.queued and job.planned and walk.drained_at >= 0 and monotonic() - walk.since > _REWALK:
                walk.shard, walk.drained_at = 0, -1

    def _tell(self) -> None:
        for event in self._news:
            event.set()

    # --- senders ---

    async def _send(self, lanes: Sequence[int]) -> None:
        news, load = asyncio.Event(), SenderWindow()
        self._news.add(news)
        while not self._stopping:
            try:
                await load.wait_for_room()
                if self.delivery.stopping:  # meanwhile
                    break
                work = self._pick(lanes)
                if work is None:
                    news.clear()
                    await news.wait()
                else:
                    await work(load)
            except DomainError as error:
                _log.warning("a claim was not possible: %s", error)
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                load.cancel()
                raise
            except LeaseLost:
                await asyncio.sleep(0.2)  # the housekeeper acquires a new lease
            except Exception:
                _log.exception("a sender failed; it goes on")
                await asyncio.sleep(0.5)
        try:
            await load.drain()
        except asyncio.CancelledError:
            load.cancel()
            raise

    def _pick(self, lanes: Sequence[int]) -> Callable[[SenderWindow], Awaitable[None]] | None:
        """Choose the most urgent work: by lane, due rows before planned ones, then the oldest dispatch."""
        now = self._clock()
        for lane in lanes:
            due = self._snapshot.due.get(lane)
            if due is not None and due <= now:
                return partial(self._serve_due, lane)
            for job in self._snapshot.jobs:
                if job.lane == lane and job.kind == JOB_NOTICE and job.end(now) is None and self._has_rows(job):
                    return partial(self._serve_waiting, job)
        return None

    def _has_rows(self, job: OpenDispatch) -> bool:
        if not job.next_page or job.notice in self.queue.paused:
            return False
        walk = self._walks.setdefault(job.notice, _Walk())
        return walk.drained_at < job.next_page

    async def _serve_waiting(self, job: OpenDispatch, load: SenderWindow) -> None:
        walk = self._walks.setdefault(job.notice, _Walk())
        shard, limit = walk.shard, min(load.free, self._limit(job, first=walk.shard == 0))
        claim = await self.queue.claim(
            lambda unit: claim_planned(unit, self.queue.number, job.notice, job.contacts, shard, limit)
        )
        taken = claim.result
        if len(taken.rows) < limit:
            walk.drained_at, walk.since = job.next_page, monotonic()
            walk.shard = SHARDS if job.planned else max(walk.shard, job.frontier, 0)
        else:
            walk.shard = max(walk.shard, taken.next_shard)
        load.start(len(taken.rows), self._serve(claim, self.delivery.notices, load))

    async def _serve_due(self, lane: int, load: SenderWindow) -> None:
        now, limit = self._clock(), load.free
        claim = await self.queue.claim(lambda unit: claim_due(unit, self.queue.number, lane, now, limit))
        if len(claim.result.rows) < limit:
            self._snapshot.due.pop(lane, None)
        serve = self.delivery.notices
        if lane == LANE["transactional"]:
            serve = partial(self._answer, claim.result.kinds)
        load.start(len(claim.result.rows), self._serve(claim, serve, load))

    async def _answer(
        self,
        kinds: Mapping[int, int],
        rows: list[Claimed],
        expires: Mapping[int, datetime],
        worker: int,
        recorded: Callable[[int], None],
    ) -> None:
        await self.delivery.transactional(rows, expires, kinds, worker, recorded)

    def is_urgent(self) -> bool:
        """True if this process is sending an emergency: other work may wait a moment."""
        return self._tick() < self._urgent_until

    def _limit(self, job: OpenDispatch, *, first: bool) -> int:
        """Size of a claim: small at first, to send the first message soon; emergencies are split among all senders."""
        urgent = job.lane == LANE["emergency"]
        if urgent:
            self._urgent_until = self._tick() + _URGENT_S
        if first:
            return _FIRST
        if urgent:
            return max(50, min(250, job.contacts // (self._senders + 2)))
        return CHUNK

    async def _serve(self, claim: Committed[Claim], serve: Serve, load: SenderWindow) -> None:
        """Serve a claim once this process has applied everything before it. Never raises."""
        rows, left = claim.result.rows, len(claim.result.rows)

        def recorded(amount: int) -> None:
            nonlocal left
            left -= amount
            load.finished(amount)

        try:
            if rows:
                while not await self._positions.wait_for(claim.position) and not self._stopping:
                    trouble = self._positions.stalled_because
                    _log.warning("hand-overs wait for position %d: %s", claim.position, trouble)
                await serve(rows, self._expiries(rows), claim.result.worker, recorded)
        except Exception:
            _log.exception("a claim of %d rows could not be served; what is left of it is taken again", len(rows))
            self.queue.suspect()
        finally:
            self.queue.in_flight.remove(rows)
            load.finished(left)

    def _expiries(self, rows: Sequence[Claimed]) -> dict[int, datetime]:
        jobs = {job.notice: job.expires for job in self._snapshot.jobs}
        return {
            notice: self._positions.expires(notice) or jobs.get(notice, self._clock() + _FAR)
            for notice in {row.notice for row in rows}
        }
