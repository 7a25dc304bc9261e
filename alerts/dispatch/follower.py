"""Follows the log in order, so that this process knows people and registers exactly at a position.

One thread applies events to the audience columns and the registers. Where this process also works (a reactor is given),
each event with effects is given to the reactor when everything up to it, and nothing after it, has been applied: that
is how an audience is computed at the position of its NoticeIssued (RULES 8).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from alerts.commands.ports import Counted
from alerts.dispatch import registers as r
from alerts.dispatch.registers import Registers
from alerts.domain import events as e
from alerts.domain.events import NoticePlan
from alerts.domain.words.errors import Unavailable
from alerts.domain.words.events import Recorded
from alerts.domain.words.terms import MsgType
from alerts.eventlog.ports import Log, UnreadableEvent
from subscribers.columns import AudienceColumns, ContactFacts
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS
from subscribers.domain.events import SubscriberErased
from subscribers.matching import Audience, audience, count

_log = logging.getLogger(__name__)

PEOPLE: Final[frozenset[str]] = frozenset(SUBSCRIBER_EVENTS.events)
_WANTED: Final[frozenset[str]] = (
    PEOPLE
    | r.TOPICS
    | {
        event.topic()
        for event in (e.DispatchChunkFinished, e.DispatchResumed, e.ReceiptReceived, e.InboundTextReceived)
    }
)
_BATCH = 2_000
_STAND_BY = 0.02
"""Seconds between looks at whether another process has had an event's effects."""
_POLL = 0.25
"""Seconds between looks at the log where nothing wakes us (P5 allows a second)."""


class Reactor(Protocol):
    """What has effects. It is never rebuilt; it keeps its position in the transaction of its effects."""

    def position(self) -> int:
        """How far its effects have come; events up to there are applied without effects."""

    def wants(self, recorded: Recorded) -> bool:
        """Whether this event may have effects, as the registers now stand (it is not applied yet)."""

    def before(self, recorded: Recorded) -> None:
        """A look at how things stand right before an event with effects is applied."""

    def react(self, recorded: Recorded) -> bool:
        """Effects of one event, after it has been applied: whether they are on disk. False, or Unavailable raised:
        ask again; another process is at it, or the database is away."""

    def leads(self) -> bool:
        """Whether it is this process that has effects; the others stand by."""

    def reached(self, position: int) -> None:
        """Everything up to here has been seen, without effects since the last."""


class Follower:
    """See the module. All public methods but `start` and `stop` may be called from any thread."""

    def __init__(
        self,
        log: Log,
        columns: AudienceColumns,
        registers: Registers,
        reactor: Reactor | None = None,
        *,
        clock: Callable[[], datetime],
        forget: Callable[[UUID], None] = lambda subscriber: None,
    ) -> None:
        """`forget` drops what this process still holds of a person whom another process has erased."""
        self._forget = forget
        self.columns, self.registers = columns, registers
        self._log, self._reactor, self._clock = log, reactor, clock
        self._lock = threading.RLock()
        self._moved = threading.Condition(threading.Lock())
        self._position = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._applied = 0
        self._effects_after = 0
        self._kept = 0
        self._pending: Recorded | None = None
        """An event that is applied and whose effects are not on disk yet."""
        self._trouble = ""

    # --- life ---

    def start(self) -> None:
        """Begin to follow, from the log's first event."""
        self._effects_after = self._reactor.position() if self._reactor else 0
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; the reactor's last position is kept."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def trouble(self) -> str:
        """Why it does not move on, "" while it does: an event that guards people cannot be read or applied."""
        return self._trouble

    def leads(self) -> bool:
        """Whether this process, of all that send, is the one that has effects now."""
        return self._reactor is not None and self._reactor.leads()

    # --- position ---

    def position(self) -> int:
        """The log position up to which everything is applied and has had its effects."""
        return self._position

    def applied(self) -> int:
        """The log position that people and registers stand at; its effects may still be on their way to the disk."""
        return self._applied

    def wait(self, position: int, timeout: float) -> bool:
        """Block until `position()` has come so far or the time (seconds) is up; whether it has."""
        with self._moved:
            return self._moved.wait_for(lambda: self._position >= position, timeout)

    def knows(self, position: int, timeout: float) -> bool:
        """The same for `applied()`."""
        with self._moved:
            return self._moved.wait_for(lambda: self._applied >= position, timeout)

    @contextmanager
    def at_rest(self) -> Iterator[int]:
        """Columns and registers held still at one position, which is given. Keep it short: the follower waits."""
        with self._lock:
            yield self._applied

    # --- who is due ---

    async def count(self, plan: NoticePlan, *, at: datetime | None = None, msg_type: MsgType = "Alert") -> Counted:
        """Whom the plan would reach (implements `alerts.commands.ports.AudiencePort`)."""
        return await asyncio.to_thread(self.counted, plan, at=at, msg_type=msg_type)

    def counted(
        self, plan: NoticePlan, *, at: datetime | None = None, msg_type: MsgType = "Alert", sample: int = 20
    ) -> Counted:
        """Whom the plan would reach as things stand. Raises Invalid if its RULE cannot be read."""
        with self._lock:
            found = count(self.columns, self.registers.query(plan, at or self._clock(), msg_type=msg_type))
            return Counted(
                people=found.people,
                unreachable=found.unreachable,
                by_channel=dict[str, int](found.by_channel.items()),
                by_language=dict(found.by_language),
                position=self._applied,
                sample=tuple(found.sample(sample)),
            )

    def audience(self, plan: NoticePlan, *, at: datetime | None = None, msg_type: MsgType = "Alert") -> Audience:
        """The plan's audience as things stand. Call it within `at_rest` if its position matters."""
        with self._lock:
            return audience(self.columns, self.registers.query(plan, at or self._clock(), msg_type=msg_type))

    def facts(self, contact: int) -> ContactFacts | None:
        """What is known of a contact point."""
        with self._lock:
            return self.columns.facts(contact)

    # --- following ---

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._step():
                    self._log.wait(self._position, _POLL)
                self._trouble = ""
            except _Stopping:
                return
            except _Broken as error:
                self._trouble = f"the follower stands at {self._applied}: {error.__cause__}"
                _log.exception("cannot follow past %d; restart once it is mended", self._applied)
                return
            except Unavailable as error:
                self._trouble = f"the follower stands at {self._applied}: {error}"
                _log.warning("the follower waits at position %d: %s", self._applied, error)
                self._stopping.wait(0.5)
            except Exception as error:
                self._trouble = f"the follower stands at {self._applied}: {error}"
                _log.exception("the follower cannot go on after position %d; it tries again", self._applied)
                self._stopping.wait(1.0)
        self._keep_position()

    def _step(self) -> bool:
        """Take what the log has; whether there was anything."""
        if self._pending is not None:
            self._react(self._pending)
        end = self._log.position()
        if end <= self._position:
            return False
        try:
            batch = self._log.read(self._position, _BATCH, _WANTED)
        except UnreadableEvent as unreadable:
            batch = self._before(unreadable)
            end = unreadable.position - 1
            if not batch and end <= self._position:
                raise
            self._take(batch)
            self._advance(max(end, self._position))
            return True
        self._take(batch)
        if len(batch) < _BATCH:
            self._advance(max(end, self._position))
        if self._position > self._kept + 10_000:
            self._keep_position()
        return True

    def _before(self, unreadable: UnreadableEvent) -> list[Recorded]:
        """What stands before an event that cannot be read: taken one by one, so that nobody waits for a mended log."""
        taken: list[Recorded] = []
        after = self._position
        while after < unreadable.position - 1:
            try:
                one = self._log.read(after, 1, _WANTED)
            except UnreadableEvent:
                break
            if not one:
                break
            taken += one
            after = one[0].position
        return taken

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
            self._look(recorded)
            self._apply([recorded])
            self._react(recorded)
        if run:
            self._apply(run)
            self._advance(run[-1].position)

    def _has_effects(self, recorded: Recorded) -> bool:
        return self._reactor is not None and recorded.position > self._effects_after and self._reactor.wants(recorded)

    def _look(self, recorded: Recorded) -> None:
        assert self._reactor is not None
        with self._lock:
            self._reactor.before(recorded)

    def _react(self, recorded: Recorded) -> None:
        """Effects, again and again while the database cannot take them: nothing may overtake them."""
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
                self._trouble = str(error)
                _log.warning("effects of event %d wait: %s", recorded.position, error)
                self._stopping.wait(0.2)
        self._pending = None
        self._kept = recorded.position
        self._advance(recorded.position)

    def _apply(self, run: list[Recorded]) -> None:
        """Apply each event once; half-applied people would be told wrongly, so an error here is the end."""
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
        self.registers.apply(recorded)
        match recorded.event:
            case e.PlaceDefined(slug=slug) | e.PlaceRevised(slug=slug):
                area = self.registers.place_area(slug)
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

    def _keep_position(self) -> None:
        """Let the reactor start from here next time; nothing since its last effects had any."""
        if self._reactor is None or self._pending is not None or self._position <= max(self._kept, self._effects_after):
            return
        try:
            self._reactor.reached(self._position)
            self._kept = self._position
        except Unavailable:
            _log.warning("the reactor's position could not be kept; it starts a little earlier next time")


class _Stopping(Exception):
    """The follower was asked to stop, before everything it had read had its effects."""


class _Broken(Exception):
    """An event could not be applied; its cause says why."""
