"""Dispatch worker: claims rows, sends them, records the outcomes. By lane, emergencies first.

Senders take claims one after the other; some of them take emergencies alone, so that an emergency never waits for a
long notice to finish. A housekeeper reads the queue a few times a second and at each wake-up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, Protocol, cast

from alerts.channels.message import Provider
from alerts.channels.renderer import Renderer
from alerts.delivery_queue import provider_health
from alerts.delivery_queue.claim import Claim, claim_due, claim_planned
from alerts.delivery_queue.row_format import CHUNK, JOB_NOTICE, LANE
from alerts.delivery_queue.settle import Claimed, LeaseLost
from alerts.delivery_queue.state import OpenDispatch, QueueSnapshot, read_snapshot
from alerts.delivery_queue.worker_lease import WorkerLease
from alerts.dispatch.composer import ContactLookup, MessageComposer
from alerts.dispatch.concurrency_limiter import SHARE_PER_DESTINATION, ConcurrencyLimiter, PerDestination
from alerts.dispatch.delivery import DeliveryRunner
from alerts.dispatch.housekeeping import Housekeeping
from alerts.dispatch.in_flight import InFlight, SenderWindow
from alerts.dispatch.personal_content import Sender
from alerts.dispatch.rate_limiter import RateLimited, RateLimiter
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.wakeup import Wakeup
from alerts.eventlog.ports import Committed, UnitOfWork, Writer
from alerts.kernel.errors import DomainError
from alerts.kernel.ids import SHARDS
from alerts.kernel.terms import Channel
from alerts.providers.failover import AcceptsPeerHealth
from alerts.storage.ports import Database
from subscribers.audience.projector import AudienceProjector

_log = logging.getLogger(__name__)
_REWALK = 2.0
_KNOWS = 2.0
"""Seconds between log lines while sending waits for a position."""
_TELL = 5.0
"""Seconds between reports of provider health to other processes."""
STOP_S = 7.0
"""Seconds that messages in flight may take when the process stops; the rest is in doubt, left to others."""
_FIRST = 50
_FAR = timedelta(days=365)
_EVERY_LANE = tuple(LANE.values())
_EMERGENCIES = (LANE["emergency"],)
_URGENT_S = 1.0
"""Seconds after its last claim in which an emergency still counts as being sent."""
_URGENT_SENDERS = 2
"""Number of senders that take emergencies alone."""

Serve = Callable[[list[Claimed], Mapping[int, datetime], int, Callable[[int], None]], Awaitable[None]]
"""Serves claimed rows: `DeliveryRunner.notices`, or `DeliveryRunner.transactional` of known kinds."""


class ReadModels(Protocol):
    """Projection runner, as the worker needs it."""

    def position(self) -> int:
        """Log position that every read model has reached."""

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until it is reached; False after `timeout` seconds."""


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
        database: Database,
        writer: Writer,
        follower: AudienceProjector,
        read_models: ReadModels,
        directory: ContactLookup,
        renderer: Renderer,
        providers: Mapping[Channel, Provider],
        house: Sender,
        bell: Wakeup,
        *,
        clock: Callable[[], datetime],
        retries: RetryPolicy,
        concurrency: Mapping[Channel, int],
        reserve: int = 4,
        senders: int = 4,
    ) -> None:
        """`concurrency`: messages in flight by channel; `reserve` of them for emergencies alone.

        `follower` is a projector with a fan-out; `senders` take claims of every lane, two more take emergencies alone.
        """
        self._database, self._writer, self._follower, self._read_models = database, writer, follower, read_models
        self._providers, self._bell, self._clock, self._senders = providers, bell, clock, senders
        # Few threads: they render messages, and beside the sending loop each more costs more than it brings.
        # Emergencies have a separate one, and never wait.
        self._threads = (
            ThreadPoolExecutor(2, thread_name_prefix="dispatch"),
            ThreadPoolExecutor(1, thread_name_prefix="dispatch emergencies"),
        )
        # A separate thread: a housekeeper queued behind senders that wait for a position would lose the lease.
        self._house_threads = ThreadPoolExecutor(1, thread_name_prefix="dispatch house")
        self._waiting = ThreadPoolExecutor(senders + _URGENT_SENDERS, thread_name_prefix="dispatch waits")
        self._alone = database.dialect == "sqlite"
        self._lease = WorkerLease(database, writer, clock=clock)
        gates = {
            channel: ConcurrencyLimiter(
                concurrency.get(channel, 64),
                reserve,
                part=SHARE_PER_DESTINATION if isinstance(one, PerDestination) else 1.0,
            )
            for channel, one in providers.items()
        }
        self._server = DeliveryRunner(
            writer,
            MessageComposer(follower, directory, renderer, house, clock=clock),
            providers,
            gates,
            retries,
            self._lease,
            self._threads,
            paused=lambda notice: notice in self._paused,
            paces={channel: RateLimiter(p.rate) for channel, p in providers.items() if isinstance(p, RateLimited)},
            clock=clock,
        )
        self._housekeeping = Housekeeping(database, writer, follower, self._lease, self._house_threads, clock=clock)
        self._hands = InFlight()
        self._lost = False
        """True if a claim or a sender has failed since the last search for lost claims."""
        self._picture = QueueSnapshot((), {}, ())
        self._paused: set[int] = set()
        self._walks: dict[int, _Walk] = {}
        self._told = float("-inf")
        self._news: set[asyncio.Event] = set()
        self._tick, self._urgent_until = monotonic, 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._leased = False

    # --- life ---

    async def start(self) -> None:
        """Acquire a lease and start working."""
        self._bell.bind()
        await self._lease.acquire()
        lanes = [_EVERY_LANE] * self._senders + [_EMERGENCIES] * _URGENT_SENDERS
        self._leased = True
        self._tasks = [asyncio.create_task(self._keep_house(), name="dispatch housekeeper")]
        self._tasks += [asyncio.create_task(self._send(one), name="dispatch sender") for one in lanes]

    async def stop(self, patience: float = STOP_S) -> None:
        """Finish messages in flight, release rows not begun, record, and stop."""
        self._server.stop()
        self._bell.notify()
        self._tell()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._tasks = []
        if self._leased:
            self._leased = False
            await self._lease.release()
        for provider in set(self._providers.values()):
            await provider.close()
        for threads in (*self._threads, self._house_threads, self._waiting):
            threads.shutdown(wait=False)

    @property
    def _stopping(self) -> bool:
        return self._server.stopping

    # --- the housekeeper ---

    async def renew_lease(self) -> None:
        """Renew the worker's lease; a periodic job."""
        if not self._leased:
            return
        try:
            await self._lease.renew()
        except Exception as error:
            _log.warning("no sign of life could be given; it is tried again: %s", error)

    def wake_housekeeping(self) -> None:
        """Wake the housekeeper without a notification; a periodic job."""
        self._bell.notify()

    async def _keep_house(self) -> None:
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
                await self._bell.wait()

    async def _tidy(self) -> bool:
        """Run one round of housekeeping; True if more pages wait to be planned."""
        now = self._clock()
        # Read before the snapshot: a claim lost from here on may be missing in it, and is found next time.
        lost, self._lost = self._lost, False
        try:
            picture = await self._look(now)
            if lost:
                await self._housekeeping.find_lost(picture, self._hands)
        except BaseException:
            self._lost = self._lost or lost
            raise
        if picture.orphaned or picture.silent:
            await self._housekeeping.recover_orphaned(picture)
            return True
        planned = await self._housekeeping.plan()
        if planned:
            picture = await self._look(now)
        self._picture = picture
        self._paused = {job.notice for job in picture.jobs if job.is_waiting}
        self._paused |= await self._housekeeping.guard(picture)
        await self._tell_of_providers(picture.workers)
        self._walk_again()
        self._tell()
        await self._housekeeping.sweep(picture, now)
        await self._housekeeping.complete(picture)
        return planned

    async def _look(self, now: datetime) -> QueueSnapshot:
        judging, number = self._lease.may_expire_others, self._lease.number
        found = await self._in_thread(read_snapshot, self._database, number, now, alone=self._alone, judging=judging)
        return cast(QueueSnapshot, found)

    async def _tell_of_providers(self, workers: int) -> None:
        """Share the providers' rates with other sending processes, and exchange provider health."""
        for provider in self._providers.values():
            if isinstance(provider, RateLimited):
                provider.share_among(workers)
        if self._alone or monotonic() - self._told < _TELL:
            return
        self._told = monotonic()
        resting = await self._in_thread(
            provider_health.unhealthy_elsewhere, self._database, self._clock(), but=self._lease.number
        )
        for channel, provider in self._providers.items():
            if isinstance(provider, AcceptsPeerHealth) and channel in resting:
                provider.apply_peer_health(resting[channel])
        states = await self._in_thread(provider_health.local, self._providers)
        if states:
            await self._writer.run(lambda unit: provider_health.save(unit, self._lease.number, states), by="system")

    def _walk_again(self) -> None:
        """Drop walks of finished dispatches; restart those that seem to have missed rows."""
        open_jobs = {job.notice: job for job in self._picture.jobs}
        self._walks = {notice: walk for notice, walk in self._walks.items() if notice in open_jobs}
        for notice, walk in self._walks.items():
            job = open_jobs[notice]
            if job.queued and job.planned and walk.drained_at >= 0 and monotonic() - walk.since > _REWALK:
                walk.shard, walk.drained_at = 0, -1

    def _tell(self) -> None:
        for event in self._news:
            event.set()

    async def _in_thread(self, call: Callable[..., Any], *args: object, **options: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._house_threads, partial(call, *args, **options))

    # --- senders ---

    async def _send(self, lanes: Sequence[int]) -> None:
        news, load = asyncio.Event(), SenderWindow()
        self._news.add(news)
        while not self._stopping:
            try:
                await load.wait_for_room()
                if self._server.stopping:  # meanwhile
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
            due = self._picture.due.get(lane)
            if due is not None and due <= now:
                return partial(self._serve_due, lane)
            for job in self._picture.jobs:
                if job.lane == lane and job.kind == JOB_NOTICE and job.end(now) is None and self._has_rows(job):
                    return partial(self._serve_waiting, job)
        return None

    def _has_rows(self, job: OpenDispatch) -> bool:
        if not job.next_page or job.notice in self._paused:
            return False
        walk = self._walks.setdefault(job.notice, _Walk())
        return walk.drained_at < job.next_page

    async def _serve_waiting(self, job: OpenDispatch, load: SenderWindow) -> None:
        walk = self._walks.setdefault(job.notice, _Walk())
        shard, limit = walk.shard, min(load.free, self._limit(job, first=walk.shard == 0))
        claim = await self._claim(
            lambda unit: claim_planned(unit, self._lease.number, job.notice, job.contacts, shard, limit)
        )
        taken = claim.result
        if len(taken.rows) < limit:
            walk.drained_at, walk.since = job.next_page, monotonic()
            walk.shard = SHARDS if job.planned else max(walk.shard, job.frontier, 0)
        else:
            walk.shard = max(walk.shard, taken.next_shard)
        load.start(len(taken.rows), self._serve(claim, self._server.notices, load))

    async def _serve_due(self, lane: int, load: SenderWindow) -> None:
        now, limit = self._clock(), load.free
        claim = await self._claim(lambda unit: claim_due(unit, self._lease.number, lane, now, limit))
        if len(claim.result.rows) < limit:
            self._picture.due.pop(lane, None)
        serve = self._server.notices
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
        await self._server.transactional(rows, expires, kinds, worker, recorded)

    async def _claim(self, take: Callable[[UnitOfWork], Claim]) -> Committed[Claim]:
        """Claim rows into the in-flight set; if the result is unknown, the housekeeper looks for lost ones."""
        held: list[Claimed] = []

        def work(unit: UnitOfWork) -> Claim:
            taken = take(unit)
            self._hands.remove(held)
            held[:] = taken.rows
            self._hands.add(held)
            return taken

        try:
            return await self._writer.run(work, by="system")
        except BaseException:
            self._hands.remove(held)
            self._lost = True
            raise

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
                while not await self._knows(claim.position) and not self._stopping:
                    trouble = self._follower.stalled_because or "catching up"
                    _log.warning("hand-overs wait for position %d: %s", claim.position, trouble)
                await serve(rows, self._expiries(rows), claim.result.worker, recorded)
        except Exception:
            _log.exception("a claim of %d rows could not be served; what is left of it is taken again", len(rows))
            self._lost = True
        finally:
            self._hands.remove(rows)
            load.finished(left)

    async def _knows(self, position: int) -> bool:
        loop = asyncio.get_running_loop()
        for stands, wait in (
            (self._follower.applied_position, self._follower.wait_for_applied),
            (self._read_models.position, self._read_models.wait_for),
        ):
            if stands() < position and not await loop.run_in_executor(self._waiting, wait, position, _KNOWS):
                return False
        return True

    def _expiries(self, rows: Sequence[Claimed]) -> dict[int, datetime]:
        jobs = {job.notice: job.expires for job in self._picture.jobs}
        found = {}
        for notice in {row.notice for row in rows}:
            issued = self._follower.registers.issued(notice)
            found[notice] = issued.expires if issued else jobs.get(notice, self._clock() + _FAR)
        return found
