"""Projection runner: keeps read models up to date; one thread, batches of events, one transaction a batch.

The tracking row of each projection moves in the transaction that writes its rows, from exactly the position that this
runner has loaded: of two runners, only one can win. On PostgreSQL a lock keeps the others from trying.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from threading import Event as Flag
from threading import Thread
from time import monotonic

from eventsourcing.persistence import Tracking

from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import Projection, UnreadableEvent
from alerts.eventlog.position_waiter import PositionWaiter
from alerts.eventlog.read_model import LostFence, ReadModel, ViewRecorder
from alerts.kernel.errors import DomainError, NotFound
from alerts.kernel.events import Recorded
from alerts.projections import parked
from alerts.projections.parked import Parked
from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.generations import LiveViews
from alerts.storage.leader_election import AdvisoryLockLeader
from alerts.storage.stall_detector import STALL_TIMEOUT_S, StallDetector

logger = logging.getLogger(__name__)

Found = Sequence[Recorded | UnreadableEvent]

_BATCH = 1000
_IDLE = 1.0
_ATTENTION = 0.1
_PAUSE_S, _IDLE_PAUSE_S = 0.005, 0.05
"""Pause between two batches in seconds: events written meanwhile share the next one, other threads may run.

The long one applies while nobody waits for a position: a batch of two hundred costs little more than one of twenty.
"""
_BEHIND_ANOTHER = 0.01
_AFTER_TROUBLE = 0.5
_TOO_MANY = 100


class ProjectionRunner:
    """Runner of projections over the log.

    A projection with a true `guards` attribute stops at an event it cannot apply; for others the event is parked and
    they continue.
    """

    def __init__(
        self,
        log: EventLog,
        database: BaseDatabase,
        projections: Sequence[Projection],
        clock: Callable[[], datetime],
    ) -> None:
        self._log, self._database, self._clock = log, database, clock
        self._recorder = ViewRecorder(database)
        self._projections = list(projections)
        for projection in projections:
            if isinstance(projection, ReadModel):
                projection.bind(self._recorder)
        names = [projection.name for projection in projections]
        if len(set(names)) != len(names):
            raise ValueError(f"two projections of one name: {sorted(names)}")
        self._positions: dict[str, int] = {}
        self._halted: dict[str, str] = {}
        self._parked_in_a_row: dict[str, int] = {}
        self._wake = Flag()
        self._waiter = PositionWaiter(awaited=self._wake.set)
        self._stop = Flag()
        self._thread: Thread | None = None
        self._looked = monotonic()
        self._leader = self._new_leader()
        self._stall = StallDetector(STALL_TIMEOUT_S)
        """Watches another process that applies the events."""
        self._taken_over = False
        self._load()

    # --- the outside

    def start(self) -> None:
        """Run in a separate thread until `stop`."""
        self._thread = Thread(target=self._loop, name="views runner", daemon=True)
        self._thread.start()

    def begin_stop(self) -> None:
        """Ask it to stop after the current batch, without waiting for it."""
        self._stop.set()
        self._wake.set()

    def stop(self) -> None:
        """Finish the current batch, then stop. The log may be closed afterwards."""
        self.begin_stop()
        if self._thread is not None:
            self._thread.join()
        self._leader.release()

    def position(self) -> int:
        """Position reached by every projection that has not halted."""
        return self._waiter.position()

    def positions(self) -> dict[str, int]:
        """Position of each projection."""
        return dict(self._positions)

    def halted(self) -> dict[str, str]:
        """Halted projections, each with the error that a person has to look at."""
        return dict(self._halted)

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until the read models reach `position`; False after `timeout` seconds."""
        return self._waiter.wait_for(position, timeout)

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """Asynchronous version of `wait_for`."""
        return await self._waiter.wait_for_async(position, timeout)

    def catch_up(self, to: int, progress: Callable[[int, int], None] = lambda position, end: None) -> None:
        """Run in the caller's thread until all reach `to`. Raises DomainError if a projection halts."""
        try:
            while True:
                if self._halted:
                    raise DomainError("; ".join(f"{name} cannot go on: {why}" for name, why in self._halted.items()))
                if self._lowest() >= to:
                    return
                if not self._leader.is_leader() or not self._round():
                    self._stop.wait(_BEHIND_ANOTHER)
                    self._load()
                progress(min(self._lowest(), to), to)
        finally:
            self._leader.release()

    def parked(self) -> list[Parked]:
        """List parked events, oldest first."""
        return parked.listed(self._database)

    def retry(self, parked_id: str) -> None:
        """Apply a parked event again; raises the projection's error, or `NotFound`."""
        name, position = parked.named(parked_id)
        projection = next((p for p in self._projections if p.name == name), None)
        if projection is None:
            raise NotFound(f"There is no projection {name!r}: if there was one once, drop {parked_id}.")
        found = self._log.read_each(position - 1, 1, unseal=False)
        events = _wanted(projection, [event for event in found if event.position == position])
        with self._database.write() as tx:
            parked.take(tx, parked_id)
            projection.apply(tx, events)

    def drop(self, parked_id: str) -> None:
        """Drop a parked event: the read model lacks it until it is rebuilt. Raises `NotFound`."""
        with self._database.write() as tx:
            parked.take(tx, parked_id)

    # --- the thread

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                self._leader_step()
            except LostFence:
                self._taken_over = False
                self._load_quietly()
            except Exception as error:
                logger.error("the read models cannot be brought forward just now: %s", error)
                self._stop.wait(_AFTER_TROUBLE)
                self._load_quietly()

    def _leader_step(self) -> None:
        """Run one leader step, or observe the leader's progress; wait if there is nothing to do."""
        if monotonic() - self._looked > _IDLE:
            self._looked = monotonic()
            self._switch()
        if self._leader.is_leader():
            before = self._lowest()
            if self._round():
                if self._lowest() - before < _BATCH:
                    self._batch_pause()
                return
        elif self._is_behind_another():
            if not self._taken_over or not self._round():
                self._stop.wait(_BEHIND_ANOTHER)
            return
        deadline = monotonic() + _IDLE / 2
        while (
            not self._stop.is_set()
            and monotonic() < deadline
            and not self._log.wait_for(self._lowest() + 1, _ATTENTION)
        ):
            pass

    def _batch_pause(self) -> None:
        """Pause until enough events have accumulated, or a caller waits for them."""
        self._wake.clear()
        self._stop.wait(_PAUSE_S)
        if not self._waiter.is_awaited() and not self._stop.is_set():
            self._wake.wait(_IDLE_PAUSE_S - _PAUSE_S)

    def _is_behind_another(self) -> bool:
        """True if the leading process has events to apply; take over from it if it stalls.

        The tracking row keeps the two from applying an event twice, so it is safe if the leader resumes.
        """
        self._load()
        lowest = self._lowest()
        if lowest >= self._log.position():
            self._stall.reset()
            return False
        if self._stall.is_stalled(lowest) and not self._taken_over:
            self._taken_over = True
            logger.warning("the process that keeps the read models stands still at %d: this one stands in", lowest)
        return True

    def _load(self) -> None:
        """Load positions from the database; new projections begin at 0."""
        names = [projection.name for projection in self._projections]
        found = self._recorder.positions(start=names)
        self._positions = {name: found[name] for name in names}
        self._waiter.advance(self._lowest())

    def _load_quietly(self) -> None:
        try:
            self._load()
        except Exception as error:
            logger.error("the positions of the read models cannot be read: %s", error)

    def _running(self) -> list[Projection]:
        return [p for p in self._projections if p.name not in self._halted]

    def _lowest(self) -> int:
        return min((self._positions[p.name] for p in self._running()), default=0)

    def _round(self) -> bool:
        """Apply one batch to the projections that are furthest behind; True if there was any."""
        running = self._running()
        if not running:
            return False
        after = self._lowest()
        group = [p for p in running if self._positions[p.name] == after]
        topics = _topics(group)
        # The end first: an event appended between the two reads is then not skipped as unwanted.
        end = self._log.position() if topics else 0
        # Read models store personal data sealed: after an erasure a rebuild gives the same rows.
        found = self._log.read_each(after, _BATCH, topics, unseal=False)
        last = found[-1].position if found else after
        # Events appended between the two reads are in the batch, so the position moves to the batch's end.
        to = last if len(found) == _BATCH or not topics else max(end, last)
        if to == after:
            return False
        try:
            self._commit(group, found, after, to)
        except Exception as error:
            if isinstance(error, LostFence) or self._database.fault_kind(error) == "transient":
                raise
            for projection in group:
                self._advance(projection, found, after, to)
        self._waiter.advance(self._lowest())
        return True

    def _commit(self, group: Sequence[Projection], found: Found, after: int, to: int) -> None:
        """Commit rows and positions of these projections in one transaction. Raises a projection's error."""
        with self._database.write() as tx:
            self._fence(tx, group, after, to)
            for projection in group:
                events = _wanted(projection, found)
                if events:
                    projection.apply(tx, events)
        for projection in group:
            self._positions[projection.name] = to
            self._parked_in_a_row.pop(projection.name, None)

    def _fence(self, tx: BaseTransaction, group: Sequence[Projection], after: int, to: int) -> None:
        self._recorder.fence(tx, after, [Tracking(projection.name, to) for projection in group])

    def _advance(self, projection: Projection, found: Found, after: int, to: int) -> None:
        """Commit one projection, bisecting a failing batch until the faulty event is found."""
        if projection.name in self._halted:
            return
        try:
            self._commit([projection], found, after, to)
        except Exception as error:
            if isinstance(error, LostFence) or self._database.fault_kind(error) == "transient":
                raise
            if len(found) <= 1 or self._database.fault_kind(error) == "schema":
                self._give_up(projection, found, error, after, to)
                return
            middle = len(found) // 2
            between = found[middle - 1].position
            self._advance(projection, found[:middle], after, between)
            self._advance(projection, found[middle:], between, to)

    def _give_up(self, projection: Projection, found: Found, error: Exception, after: int, to: int) -> None:
        """Park the event, or halt the projection if it guards people or the fault is not the event's."""
        name = projection.name
        why = f"{type(error).__name__}: {error}"
        in_a_row = self._parked_in_a_row.get(name, 0) + 1
        broken = self._database.fault_kind(error) == "schema" or in_a_row > _TOO_MANY or not found
        if broken or getattr(projection, "guards", False):
            self._halted[name] = why
            logger.error("%s has stopped at position %d: %s", name, after, why)
            return
        event = found[0]
        topic = event.topic if isinstance(event, UnreadableEvent) else event.event.topic()
        with self._database.write() as tx:
            self._fence(tx, [projection], after, to)
            parked.park(tx, name, event.position, topic, why, self._clock())
        self._positions[name] = to
        self._parked_in_a_row[name] = in_a_row
        logger.error("%s cannot take event %d (%s), which is parked: %s", name, event.position, topic, why)

    def _switch(self) -> None:
        """Switch to the generation that the pointer names, once it has caught up with this one."""
        if not isinstance(self._database, LiveViews):
            return
        fresh = self._database.newer()
        if fresh is None:
            return
        ProjectionRunner(self._log, fresh, self._projections, self._clock).catch_up(self._lowest())
        self._database.switch(fresh)
        self._leader.release()
        self._leader = self._new_leader()
        self._load()
        self._halted.clear()
        logger.info("the read models are those of generation %d now", fresh.generation)

    def _new_leader(self) -> AdvisoryLockLeader:
        current = self._database
        return AdvisoryLockLeader(current.current if isinstance(current, LiveViews) else current)


def _topics(group: Sequence[Projection]) -> Collection[str]:
    """Union of the topics of a group; an empty one means all."""
    if any(not p.topics for p in group):
        return ()
    return sorted({topic for p in group for topic in p.topics})


def _wanted(projection: Projection, found: Found) -> list[Recorded]:
    """Events that a projection subscribes to; raises an `UnreadableEvent` among them."""
    events = []
    for event in found:
        topic = event.topic if isinstance(event, UnreadableEvent) else event.event.topic()
        if projection.topics and topic not in projection.topics:
            continue
        if isinstance(event, UnreadableEvent):
            raise event
        events.append(event)
    return events
