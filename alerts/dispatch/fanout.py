"""Fan-out: effects of an event on the queue, decided when everything up to it, and nothing after it, is applied.

A reactor of the audience projector. Each reaction is one small transaction with the reactor's position in it, which is
also the fence between two processes; pages of delivery rows follow (`alerts.dispatch.planner`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from alerts.delivery_queue.bounce_pause import RESUMED
from alerts.delivery_queue.enqueue import NewDelivery, daily_dispatch, enqueue, is_enqueued
from alerts.delivery_queue.frozen_audience import FrozenAudience
from alerts.delivery_queue.row_format import (
    FAILED_TECHNICAL,
    IN_DOUBT,
    JOB_CONFIRMATIONS,
    JOB_NOTICE,
    LANE,
    STATE,
    DeliveryFlag,
)
from alerts.delivery_queue.unreached import MOST_UNREACHABLE, keep_unreachable
from alerts.dispatch import recipients
from alerts.dispatch.transactional import may_request, requested_by
from alerts.dispatch.wakeup import Wakeup
from alerts.domain import events as e
from alerts.domain.events.notice import ENDINGS
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.eventlog.recorder import Recorder
from alerts.kernel.errors import Conflict, Unavailable
from alerts.kernel.events import Recorded
from alerts.kernel.ids import contact_shard
from alerts.kernel.terms import CHANNEL_CODE, Channel
from alerts.kernel.times import micros
from alerts.storage.base import BaseDatabase
from alerts.storage.leader_failover import LeaderElection, LeaderWithFailover, Turn
from alerts.storage.named_queries import load
from subscribers.audience.index import AudienceColumns
from subscribers.audience.issued_notice import IssuedNotice, end_of_older
from subscribers.audience.matching import Audience, audience, matches_one
from subscribers.audience.reference_data import ReferenceData
from subscribers.audience.work_budget import TooMuchWork
from subscribers.confirmation_limit import unasked
from subscribers.domain import events as se
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "queue.sql")

Work = Callable[[UnitOfWork], None]
NAME = "fan-out"
LOCK = 0x6661_6E00
"""Advisory lock of the process that runs the effects."""
PLANNER = 0
"""Worker number of the reactor's tallies: it runs in one process at a time."""
_PEOPLE = tuple(SUBSCRIBER_EVENTS.events.values())
_HANDED = ("sent", "delivered")


def position(database: BaseDatabase) -> int:
    """Log position up to which all effects are on disk."""
    return Recorder(database).max_tracking_id(NAME) or 0


class FanOut:
    """Fan-out reactor. Used by the projector's thread alone."""

    def __init__(
        self,
        writer: Writer,
        database: BaseDatabase,
        columns: AudienceColumns,
        reference_data: ReferenceData,
        *,
        clock: Callable[[], datetime],
        wakeup: Wakeup,
        leader: LeaderElection,
    ) -> None:
        """`leader`: the lock of the one process that runs effects while the others stand by."""
        self._turns = LeaderWithFailover(leader, self.position, what="the fan-out")
        self._writer, self._database, self._clock, self._wakeup = writer, database, clock, wakeup
        self._columns, self._reference_data = columns, reference_data
        self._due_before: dict[int, set[int]] = {}
        """By emergency: contact points of the current event's person that were due just before it."""

    # --- the reactor ---

    def position(self) -> int:
        """See `Reactor.position`."""
        return position(self._database)

    def wants(self, recorded: Recorded) -> bool:
        """See `Reactor.wants`. Its answer depends only on reference data that wanted events change."""
        if recorded.position <= self._turns.done:
            return False  # another process has done it
        match recorded.event:
            case e.NoticeIssued() | e.DispatchStopped() | e.DispatchResumed():
                return True
            case event if isinstance(event, ENDINGS):
                return True
            case e.DispatchChunkFinished(number=number):
                return bool(self._reference_data.superseding(number, self._clock()))
            case e.ReceiptReceived(number=number, was=was, state="delivered"):
                return was not in _HANDED and bool(self._reference_data.superseding(number, self._clock()))
            case event if may_request(event):
                return True
            case event if isinstance(event, _PEOPLE):
                return self._reference_data.query_for_anyone()
            case _:
                return False

    def prepare(self, recorded: Recorded) -> None:
        """See `Reactor.prepare`. A person who was due before does not become due by this change (RULES 7)."""
        self._due_before = {}
        if isinstance(recorded.event, _PEOPLE):
            self._due_before = {n.number: set(found) for n, found in self._due_now(recorded)}

    def react(self, recorded: Recorded) -> bool:
        """See `Reactor.react`. A failure not caused by the database parks the notice, and the rest continues."""
        turn = self._turn(recorded.position)
        if turn == "ours":
            self._react(recorded)
        if turn != "theirs":
            self._wakeup.notify()
        return turn != "theirs"

    def is_leader(self) -> bool:
        """See `Reactor.is_leader`."""
        return self._turns.is_leader()

    def _turn(self, position: int) -> Turn:
        try:
            return self._turns.whose_step(position)
        except Exception as error:
            raise Unavailable(f"it cannot be read whose turn it is ({error})") from error

    def _react(self, recorded: Recorded) -> None:
        try:
            works = self._works(recorded)
            self._commit(recorded, works)
        except (Unavailable, Conflict) as error:
            raise Unavailable(str(error)) from error
        except Exception as error:
            _log.exception(
                "effects of event %d (%s) failed",
                recorded.position,
                recorded.event.topic(),
                extra={"request": str(recorded.command or "")},
            )
            self._commit(recorded, self._parked(recorded, error))

    def advance_clock(self, position: int) -> None:
        """See `Reactor.advance_clock`. Only the leader advances it: no position may pass another's work."""
        if not self._turns.is_leader():
            return
        self._writer.submit(lambda unit: unit.track(NAME, position), by="system").result()

    def _works(self, recorded: Recorded) -> list[Work]:
        match recorded.event:
            case e.NoticeIssued() as event:
                return [self._issue(recorded, event)]
            case e.DispatchStopped(number=number):
                return self._end(self._reference_data.issued(number))
            case e.DispatchResumed(number=number):
                return [lambda unit: unit.write(_sql.job_pause, (RESUMED, number))]
            case e.DispatchChunkFinished() as event:
                return self._outcomes(event.number, _reached(event))
            case e.ReceiptReceived(number=number, contact=contact, channel=channel):
                return self._outcomes(number, [(contact, channel)])
            case event if isinstance(event, ENDINGS):
                return self._end(self._reference_data.issued_by_id(recorded.originator_id))
            case _:
                return self._answers(recorded) + self._late_comers(recorded)

    def _commit(self, recorded: Recorded, works: list[Work]) -> None:
        position = recorded.position

        def fenced(unit: UnitOfWork) -> bool:
            if unit.tracked(NAME) >= position:
                return False  # another process, or this one before a crash, has done it
            for work in works:
                work(unit)
            unit.track(NAME, position)
            return True

        done = self._writer.submit(fenced, by="system", command=recorded.command, cause=position).result()
        self._turns.step_done(position, ours=done.result)

    # --- a notice goes out ---

    def _issue(self, recorded: Recorded, event: e.NoticeIssued) -> Work:
        issued = self._reference_data.issued(event.number)
        assert issued is not None, "the registers have applied this very event"
        due = self._due(issued)
        own = recipients.due(self._columns, issued, due, self._reference_data.team())
        own = recipients.merged(own, recipients.followers(self._columns, issued))

        def work(unit: UnitOfWork) -> None:
            earlier = recipients.already_told(unit, self._columns, self._reference_data, issued)
            frozen = recipients.merged(own, earlier)
            state = unit.get(DISPATCH, dispatch_id(issued.id))
            stopped = state.stopped if state is not None else None
            ended, reason = (STATE["cancelled"], f"stopped: {stopped}") if stopped is not None else (None, None)
            self._end_older(unit, issued)
            planned = self._planned(issued, due, frozen)
            self._write_job(unit, issued, frozen, planned, ended, reason)
            if due is not None and due.unreachable and issued.plan.status == "Actual":
                keep_unreachable(unit, issued.number, issued.expires, due.without(MOST_UNREACHABLE))
            unit.append(DISPATCH, dispatch_id(issued.id), planned)
            fields = {"dispatch": issued.number, "position": issued.position, "lane": issued.lane}
            people = {"people": planned.people, "deliveries": planned.contacts}
            request = str(issued.request or "")
            unit.after_commit(lambda: _log.info("dispatch planned", extra={**fields, **people, "request": request}))

        return work

    def _due(self, issued: IssuedNotice) -> Audience | None:
        """Audience by the notice's own rules; a cancel and an all-clear have none (RULES 14)."""
        if issued.msg_type in ("Cancel", "AllClear"):
            return None
        query = self._reference_data.query(issued.plan, issued.issued_at, danger_to_life=issued.danger_to_life)
        return audience(self._columns, replace(query, priority=issued.priority))

    def _end_older(self, unit: UnitOfWork, issued: IssuedNotice) -> None:
        state, reason = end_of_older(issued.msg_type)
        unit.write(_sql.jobs_end_thread, (STATE[state], reason, issued.thread.bytes, issued.number))

    def _planned(self, issued: IssuedNotice, due: Audience | None, frozen: FrozenAudience) -> e.DispatchPlanned:
        tally = recipients.counted(self._columns, frozen)
        return e.DispatchPlanned(
            notice=issued.id,
            number=issued.number,
            lane=issued.lane,
            position=issued.position,
            people=tally.people,
            unreachable=due.unreachable if due is not None else 0,
            contacts=len(frozen),
            by_channel=tally.by_channel,
            by_language=tally.by_language,
            rule=issued.plan.audience,
        )

    def _write_job(
        self,
        unit: UnitOfWork,
        issued: IssuedNotice,
        frozen: FrozenAudience,
        planned: e.DispatchPlanned,
        ended: int | None,
        reason: str | None,
    ) -> None:
        pages = list(frozen.pages())
        unit.write(
            _sql.job_insert,
            (
                issued.number,
                issued.id.bytes,
                issued.thread.bytes,
                JOB_NOTICE,
                None,
                LANE[issued.lane],
                issued.position,
                micros(issued.issued_at),
                micros(issued.expires),
                len(pages),
                planned.people,
                planned.unreachable,
                planned.contacts,
                ended,
                reason,
            ),
        )
        unit.write_many(
            _sql.audience_insert,
            [
                (issued.number, number, int(page.shards[0]), int(page.shards[-1]), *page.packed())
                for number, page in enumerate(pages)
            ],
        )

    def _parked(self, recorded: Recorded, error: Exception) -> list[Work]:
        """Park a notice whose audience cannot be computed: it is sent to no one, and blocks no other."""
        event = recorded.event
        if not isinstance(event, e.NoticeIssued):
            return []
        row = (event.number, recorded.originator_id.bytes, event.thread.bytes, JOB_NOTICE, None, LANE["notice"])
        times = (recorded.position, micros(recorded.at), micros(event.expires))
        reason = f"{type(error).__name__}: {error}"
        return [
            lambda unit: unit.write(_sql.job_insert, (*row, *times, 0, 0, 0, 0, FAILED_TECHNICAL, reason)),
        ]

    # --- what follows ---

    def _end(self, issued: IssuedNotice | None) -> list[Work]:
        if issued is None or issued.ended is None:
            return []
        row = (STATE[issued.ended], issued.ended_reason, issued.number)
        return [lambda unit: unit.write(_sql.job_end, row)]

    def _outcomes(self, number: int, reached: list[tuple[int, Channel]]) -> list[Work]:
        """Add the follow-up for people whom the old notice reached after its audience was frozen (RULES 14)."""
        later = self._reference_data.superseding(number, self._clock())
        old = self._reference_data.issued(number)
        if not later or not reached or old is None:
            return []

        def work(unit: UnitOfWork) -> None:
            additions: dict[int, list[NewDelivery]] = {}
            for contact, channel in reached:
                if not recipients.still_reachable(self._columns, self._reference_data, contact, channel):
                    continue
                rows = unit.read(_sql.delivery, (contact_shard(contact), number, contact))
                flags = recipients.inherited_flags(int(rows[0][2]) if rows else 0, old) | DeliveryFlag.LATE_JOINER
                person = min(recipients.contacts_of(self._columns, contact))
                additions.setdefault(person, []).append(NewDelivery(contact, CHANNEL_CODE[channel], flags))
            for notice in later:
                for of_person in additions.values():
                    self._add(unit, notice, of_person, late=False)

        return [work]

    def _add(self, unit: UnitOfWork, notice: IssuedNotice, additions: list[NewDelivery], *, late: bool) -> None:
        """Add one person's rows, and count the person if they had none in the dispatch."""
        others = recipients.contacts_of(self._columns, additions[0].contact)
        new = 0 if any(is_enqueued(unit, notice.number, contact) for contact in others) else 1
        counts = {"late": new} if late else {"people": new}
        enqueue(unit, PLANNER, notice.number, LANE[notice.lane], additions, **counts)

    def _late_comers(self, recorded: Recorded) -> list[Work]:
        """Send the thread's latest at once to people who become due for a live emergency (RULES 7).

        Resuming is excluded: notices of the pause are not sent later (RULES 6).
        """
        if isinstance(recorded.event, se.SubscriptionResumed):
            return []
        works: list[Work] = []
        for notice, contacts in self._due_now(recorded):
            new = [contact for contact in contacts if contact not in self._due_before.get(notice.number, ())]
            if new:
                works.append(self._late(notice, new))
        return works

    def _due_now(self, recorded: Recorded) -> list[tuple[IssuedNotice, list[int]]]:
        """Live emergencies, each with this person's contact points that are due for it now."""
        found = []
        for notice in self._reference_data.live_emergencies(recorded.at):
            assert notice.query is not None
            query = replace(notice.query, at=recorded.at)
            try:
                contacts = matches_one(self._columns, recorded.originator_id, query)
            except TooMuchWork:  # parked at its issue for the same reason; it must not stop what follows
                continue
            found.append((notice, [int(c) for c in contacts]))
        return found

    def _late(self, notice: IssuedNotice, contacts: list[int]) -> Work:
        additions = []
        for contact in contacts:
            channel = int(self._columns.contacts.channel[self._columns.contact_row(contact)])
            wakes = recipients.may_wake(self._columns, contact, notice)
            flags = DeliveryFlag.LATE_JOINER | (DeliveryFlag.MAY_WAKE if wakes else 0)
            additions.append(NewDelivery(contact, channel, flags))
        return lambda unit: self._add(unit, notice, additions, late=True)

    def _answers(self, recorded: Recorded) -> list[Work]:
        """Queue the transactional messages that answer an event, at most one a day and contact point."""
        found = requested_by(recorded, self._reference_data)
        if found is None or not found.rows:
            return []
        at = recorded.at.astimezone(UTC)

        def work(unit: UnitOfWork) -> None:
            rows = found.rows
            if found.kind == JOB_CONFIRMATIONS and (silent := unasked(unit.read, [row.contact for row in rows])):
                rows = [row for row in rows if row.contact not in silent]
            if rows:
                job = daily_dispatch(unit, found.kind, at, LANE["transactional"], recorded.position)
                enqueue(unit, PLANNER, job, LANE["transactional"], rows)

        return [work]


def _reached(event: e.DispatchChunkFinished) -> list[tuple[int, Channel]]:
    """Contact points that a chunk's messages were sent to, or may have been."""
    return [(o.contact, o.channel) for o in event.outcomes if o.state in _HANDED or o.reason.startswith(IN_DOUBT)]
