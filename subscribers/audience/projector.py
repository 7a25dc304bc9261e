"""Audience projector: catch-up subscription that keeps people and reference data exactly at a log position.

One thread applies events to the audience columns and the reference data. In a process that also sends (a reactor is
given), each event with effects is passed to the reactor when everything up to it, and nothing after it, has been
applied: so an audience is computed at the position of its NoticeIssued (RULES 8).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from time import monotonic
from uuid import UUID

from alerts.domain import events as e
from alerts.domain.events import NoticePlan
from alerts.eventlog.log import read_before
from alerts.eventlog.ports import Log, UnreadableEvent
from alerts.kernel.errors import Unavailable
from alerts.kernel.events import Recorded
from alerts.kernel.geometry import grown, resolve_area
from alerts.kernel.terms import MsgType
from subscribers.audience import reference_data as r
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.index import AudienceColumns, ContactFacts
from subscribers.audience.matching import Audience, audience, count, count_near
from subscribers.audience.query import AudienceCount
from subscribers.audience.reactor import Reactor
from subscribers.audience.reference_data import ReferenceData
from subscribers.audience.topics import APPLIED, PEOPLE, WANTED
from subscribers.audience.work_budget import WorkBudget
from subscribers.domain.events import SubscriberErased

_log = logging.getLogger(__name__)

_BATCH = 2_000
_ANY = 1 << 62
_STAND_BY = 0.02
"""Seconds between checks for the leader's completion of an event's effects."""
_COUNTERS = 2
"""Counts at a time; each may hold a copy of the columns."""
_MOST_PAUSE = 2.0
"""Seconds that one count waits for effects in all: they may be stalled by the database."""
_POLL = 0.25
"""Seconds between polls of the log without a wake-up (P5 allows a second)."""


class AudienceProjector:
    """Projector thread and its reads. All public methods but `start` and `stop` are thread-safe."""

    def __init__(
        self,
        log: Log,
        columns: AudienceColumns,
        reference_data: ReferenceData,
        reactor: Reactor | None = None,
        *,
        clock: Callable[[], datetime],
        forget: Callable[[UUID], None] = lambda subscriber: None,
        snapshots: CheckpointStore | None = None,
    ) -> None:
        """`forget` drops this process's data of a person whom another process has erased.

        `snapshots`: checkpoints, with which a start need not read the whole log.
        """
        self._forget, self._snapshots = forget, snapshots
        self.columns, self.reference_data = columns, reference_data
        self._log, self._reactor, self._clock = log, reactor, clock
        self._lock = threading.RLock()
        self._moved = threading.Condition(threading.Lock())
        self._position = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._applied = 0
        self._effects_after = 0
        self._saved_position = 0
        self._folded = array("q")
        """Positions of the events that the reference data is folded from."""
        self._caught_up = False
        self._goal = 0
        """End of the log at the start."""
        self._pending: Recorded | None = None
        """An event that is applied and whose effects are not on disk yet."""
        self._stall_reason = ""
        self._resting = threading.Event()
        """Cleared while the effects of an event are decided: counts wait."""
        self._resting.set()
        self._counters = ThreadPoolExecutor(_COUNTERS, "audience count")
        """Threads of their own: counts that queue take no other request's thread."""

    def start(self) -> None:
        """Start following, from the checkpoint or from the log's first event."""
        self._effects_after = self._reactor.position() if self._reactor else 0
        self._goal = self._log.position()
        self._thread = threading.Thread(target=self._follow, name="audience projector", daemon=True)
        self._thread.start()

    def begin_stop(self) -> None:
        """Ask it to stop, without waiting for it."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop following; the reactor's last position is saved."""
        self.begin_stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._snapshots is not None:
            self._snapshots.finish()
        self._counters.shutdown(wait=False, cancel_futures=True)

    @property
    def stalled_because(self) -> str:
        """Reason for a stall (an event about people cannot be read or applied), "" if there is none."""
        return self._stall_reason

    def runs_effects(self) -> bool:
        """True if this process is the leader that runs effects."""
        return self._reactor is not None and self._reactor.is_leader()

    @property
    def caught_up(self) -> bool:
        """True once it has reached the end that the log had at the start: counts are valid from then on."""
        return self._caught_up

    def position(self) -> int:
        """Log position up to which everything is applied and has had its effects."""
        return self._position

    def applied_position(self) -> int:
        """Log position of people and reference data; its effects may not be on disk yet."""
        return self._applied

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until `position()` reaches a position; False after `timeout` seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._position >= position, timeout)

    def wait_for_applied(self, position: int, timeout: float) -> bool:
        """Block until `applied_position()` reaches a position; False after `timeout` seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._applied >= position, timeout)

    @contextmanager
    def locked_at_position(self) -> Iterator[int]:
        """Lock columns and reference data at the yielded position. Keep it short: the projector waits."""
        with self._lock:
            yield self._applied

    def replay_to(self, to: int) -> None:
        """Apply everything up to that position, without a thread and effects: for offline checkpoints."""
        while self._position < to:
            batch = self._log.read(self._position, _BATCH, APPLIED)
            whole = len(batch) < _BATCH or batch[-1].position > to
            self._take([recorded for recorded in batch if recorded.position <= to])
            if whole:
                self._advance(to)

    @property
    def folded(self) -> array[int]:
        """Positions of the events that the reference data is folded from."""
        return self._folded

    def everybody(self) -> None:
        """Raise Unavailable until everybody is known after a start: a smaller count would be believed."""
        if self._thread is not None and not self._caught_up:
            raise Unavailable(
                f"After a start everybody is read from the log, now at {self._applied} of {self._log.position()}. "
                "Try again in a few seconds."
            )

    async def count(
        self,
        plan: NoticePlan,
        *,
        at: datetime | None = None,
        msg_type: MsgType = "Alert",
        near_m: float = 0.0,
        check: Callable[[ReferenceData], None] = lambda _: None,
    ) -> AudienceCount:
        """Count the plan's audience (implements `alerts.commands.ports.AudiencePort`).

        `check` may refuse the plan by the segments and places that the count uses.
        """
        counted = partial(self.counted, plan, at=at, msg_type=msg_type, near_m=near_m, check=check)
        return await asyncio.get_running_loop().run_in_executor(self._counters, counted)

    def counted(
        self,
        plan: NoticePlan,
        *,
        at: datetime | None = None,
        msg_type: MsgType = "Alert",
        sample: int = 20,
        near_m: float = 0.0,
        check: Callable[[ReferenceData], None] = lambda _: None,
    ) -> AudienceCount:
        """Count the plan's current audience on a snapshot: neither the projector nor the planner waits for it.

        `near_m`: count also how many more an area that is wider by so many metres would reach. Raises Invalid if its
        RULE cannot be read, TooMuchWork, Unavailable like `everybody`.
        """
        self.everybody()
        at = at or self._clock()
        with self._lock:
            position, reference_data = self._applied, self.reference_data.snapshot()
            reading = self.columns.snapshot(self._lock)
            columns = reading.__enter__()
        with ExitStack() as stack:
            stack.push(reading)
            check(reference_data)
            query = reference_data.query(plan, at, msg_type=msg_type)
            work, near = WorkBudget(pause=self._after_planning()), None
            if near_m and query.area is not None and query.change is None:
                wider = resolve_area(grown(query.area, near_m), lambda _: None)
                found, near = count_near(columns, query, wider, work)
            else:
                found = count(columns, query, work)
            return AudienceCount(
                people=found.people,
                unreachable=found.unreachable,
                by_channel=dict[str, int](found.by_channel.items()),
                by_language=dict(found.by_language),
                position=position,
                sample=tuple(found.sample(sample)),
                near=near,
            )

    def _after_planning(self) -> Callable[[], None]:
        """Return a pause between the steps of a count: while effects are decided, they have the processor."""
        left = [_MOST_PAUSE]

        def pause() -> None:
            if not self._resting.is_set() and left[0] > 0:
                began = monotonic()
                self._resting.wait(left[0])
                left[0] -= monotonic() - began

        return pause

    def audience(self, plan: NoticePlan, *, at: datetime | None = None, msg_type: MsgType = "Alert") -> Audience:
        """Compute the plan's current audience. Call it within `locked_at_position` if its position matters."""
        with self._lock:
            return audience(self.columns, self.reference_data.query(plan, at or self._clock(), msg_type=msg_type))

    def facts(self, contact: int) -> ContactFacts | None:
        """Return the facts of a contact point."""
        with self._lock:
            return self.columns.facts(contact)

    def _follow(self) -> None:
        self._restore()
        while not self._stopping.is_set():
            try:
                resting = not self._step()
                # Not the current end: a busy writer always adds another event.
                self._caught_up = self._caught_up or resting or self._position >= self._goal
                if resting:
                    self._save_checkpoint()
                    self._log.wait_for(self._position + 1, _POLL)
                self._stall_reason = ""
            except _Stopping:
                return
            except _Broken as error:
                self._stall_reason = f"the audience stands at {self._applied}: {error.__cause__}"
                _log.exception("cannot follow past %d; restart once it is mended", self._applied)
                return
            except Unavailable as error:
                self._stall_reason = f"the audience stands at {self._applied}: {error}"
                _log.warning("the audience waits at position %d: %s", self._applied, error)
                self._stopping.wait(0.5)
            except Exception as error:
                self._stall_reason = f"the audience stands at {self._applied}: {error}"
                _log.exception("the audience cannot be followed past position %d; it tries again", self._applied)
                self._stopping.wait(1.0)
        self._save_position()
        self._save_checkpoint()

    def _step(self) -> bool:
        """Process one batch of the log; True if there was any."""
        if self._pending is not None:
            self._react(self._pending)
        end = self._log.position()
        if end <= self._position:
            return False
        topics = WANTED
        if self._reactor is None or self._position < self._effects_after:
            # Events with effects only are skipped: millions of outcomes need not be read.
            topics, end = APPLIED, end if self._reactor is None else min(end, self._effects_after)
        try:
            batch = self._log.read(self._position, _BATCH, topics)
            whole = len(batch) < _BATCH or batch[-1].position > end
        except UnreadableEvent as unreadable:
            batch, whole = read_before(self._log, self._position, unreadable, topics), True
            end = min(end, unreadable.position - 1)
            if not batch and end <= self._position:
                raise
        self._take(batch if topics is WANTED else [recorded for recorded in batch if recorded.position <= end])
        if whole:
            self._advance(max(end, self._position))
        if self._position > self._saved_position + 10_000:
            self._save_position()
        return True

    def _take(self, batch: list[Recorded]) -> None:
        """Apply a batch; each event with effects ends a run of those without."""
        run: list[Recorded] = []
        for recorded in batch:
            if self._stopping.is_set():
                raise _Stopping
            if not self._has_effects(recorded):
                run.append(recorded)
                continue
            if run:
                self._apply(run)
                run = []
            self._resting.clear()
            try:
                self._look(recorded)
                self._apply([recorded])
                self._react(recorded)
            finally:
                self._resting.set()
        if run:
            self._apply(run)
            self._advance(run[-1].position)

    def _has_effects(self, recorded: Recorded) -> bool:
        return self._reactor is not None and recorded.position > self._effects_after and self._reactor.wants(recorded)

    def _look(self, recorded: Recorded) -> None:
        assert self._reactor is not None
        with self._lock:
            self._reactor.prepare(recorded)

    def _react(self, recorded: Recorded) -> None:
        """Run an event's effects, retried while the database cannot take them: nothing may overtake them."""
        assert self._reactor is not None
        self._pending = recorded
        while True:
            if self._stopping.is_set():
                raise _Stopping
            try:
                if self._reactor.react(recorded):
                    break
                self._stopping.wait(_STAND_BY)
            except Unavailable as error:
                self._stall_reason = str(error)
                _log.warning("effects of event %d wait: %s", recorded.position, error)
                self._stopping.wait(0.2)
        self._pending = None
        self._saved_position = recorded.position
        self._advance(recorded.position)

    def _apply(self, run: list[Recorded]) -> None:
        """Apply each event once; an error is fatal, since a half-applied person would get wrong messages."""
        try:
            with self._lock:
                people: list[Recorded] = []
                for recorded in run:
                    if recorded.event.topic() in PEOPLE:
                        people.append(recorded)
                        if isinstance(recorded.event, SubscriberErased):
                            self._forget(recorded.originator_id)
                        continue
                    if people:
                        self.columns.apply_many(people)
                        people = []
                    self._apply_register(recorded)
                if people:
                    self.columns.apply_many(people)
        except Exception as error:
            raise _Broken from error
        with self._moved:
            self._applied = run[-1].position
            self._moved.notify_all()

    def _apply_register(self, recorded: Recorded) -> None:
        self.reference_data.apply(recorded)
        if recorded.event.topic() in r.TOPICS:
            self._folded.append(recorded.position)
        match recorded.event:
            case e.PlaceDefined(slug=slug) | e.PlaceRevised(slug=slug):
                area = self.reference_data.place_area(slug)
                if area is not None:
                    self.columns.define_place(slug, area)
            case e.PlaceRetired(slug=slug):
                self.columns.retire_place(slug)
            case _:
                pass

    def _advance(self, position: int) -> None:
        with self._moved:
            self._position = position
            self._applied = max(self._applied, position)
            self._moved.notify_all()

    def _save_position(self) -> None:
        """Save the reactor's position for the next start; nothing since its last effects had any."""
        if (
            self._reactor is None
            or self._pending is not None
            or self._position <= max(self._saved_position, self._effects_after)
        ):
            return
        try:
            self._reactor.advance_clock(self._position)
            self._saved_position = self._position
        except Unavailable:
            _log.warning("the reactor's position could not be kept; it starts a little earlier next time")

    def _restore(self) -> None:
        """Restore the checkpoint, if it is not past an event whose effects are not on disk."""
        if self._snapshots is None:
            return
        newest = self._effects_after if self._reactor else _ANY
        with self._lock:
            found = self._snapshots.restore(self.columns, self.reference_data, newest)
        if found is not None:
            self._folded = found.folded
            self._advance(found.position)

    def _save_checkpoint(self) -> None:
        """Save a checkpoint from time to time, and at the end; only by the leader, whose position is saved with it."""
        snapshots, stopping = self._snapshots, self._stopping.is_set()
        if snapshots is None or not self._caught_up or not snapshots.is_due(self._position, stopping=stopping):
            return
        try:
            if self.runs_effects():
                snapshots.save(self.columns, self._folded, self._to_the_end, wait=stopping)
        except _Stopping:
            raise
        except Exception as error:
            _log.warning("the audience's columns could not be kept: %s", error)

    def _to_the_end(self) -> int | None:
        """Apply the log up to its current end; the position, or None if impossible or effects are in progress."""
        assert self._reactor is not None
        if self._stopping.is_set():
            if self._log.position() > self._position:
                return None
        else:
            while self._step():
                pass
        if self._pending is not None or self._applied != self._position:
            return None
        self._save_position()
        return self._position if self._reactor.position() >= self._position else None


class _Stopping(Exception):
    """Stop requested before everything read had its effects."""


class _Broken(Exception):
    """An event could not be applied; its cause says why."""
