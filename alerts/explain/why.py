"""Why a person got a message, or why not: recomputed from the log, never remembered.

The person's stream and the registers are folded up to the position at which the notice's audience was computed, and
RULES 1–15 are asked again, one by one, by the slow and obvious path of `audience.explain`. The chain leads from the
event that triggered the notice to what became of the delivery.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import msgspec

from alerts.domain.events import NoticeIssued
from alerts.domain.notice import NoticeState
from alerts.eventlog.ports import Log
from alerts.explain.chain import ChainLink, chain_of
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import DeliveryState
from subscribers.audience.reference_data import TOPICS, ReferenceData
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

if TYPE_CHECKING:
    from alerts.delivery_queue.queries import Attempt, DeliveryRow
    from subscribers.audience.explain import Explanation
    from subscribers.audience.query import AudienceQuery
    from subscribers.directory import ContactCard

__all__ = ["ChainLink", "Check", "Explainer", "Why"]

_PAGE = 2_000
_KEPT = 8
"""Past registers kept in memory: whoever asks, asks about the same few notices."""
_HANDED: frozenset[DeliveryState] = frozenset(("sent", "delivered"))


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule asked of one person: whether it let them pass, and why in plain words."""

    rule: str
    holds: bool
    detail: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that CONTRACT calls why / why-not, with what a page says beside it."""

    due: bool
    """Whether a delivery to this person (or this contact point) was due."""
    position: int
    """The log position at which that was computed; 0 if the notice was never issued."""
    checks: tuple[Check, ...]
    chain: tuple[ChainLink, ...]
    notice: UUID
    subscriber: UUID | None
    """None for a team member who took part in an exercise."""
    place: str = ""
    """The matched place in the person's own words."""
    distance_m: float | None = None
    outcome: str = ""
    """The delivery's state, "" where there is none."""
    reason: str = ""


class Deliveries(Protocol):
    """What the explainer asks the dispatch."""

    def delivery(self, number: int, contact: int) -> DeliveryRow | None:
        """One delivery by its two numbers."""


class Notices(Protocol):
    """What it asks the read models."""

    def notice(self, notice: UUID) -> NoticeState | None: ...
    def notice_by_number(self, number: int) -> NoticeState | None: ...
    def cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A notice's question as it was asked when it was issued. `registers` stand still at that position."""

    position: int
    query: AudienceQuery
    registers: ReferenceData
    issued: NoticeIssued
    earlier: tuple[int, ...]
    """Numbers of what the thread had issued before."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    due: bool
    position: int
    checks: tuple[Check, ...]
    place: str = ""
    distance_m: float | None = None


class Explainer:
    """Answers from any thread; everything is read afresh but for the registers of the last few notices asked about."""

    def __init__(self, log: Log, views: Notices, deliveries: Deliveries) -> None:
        self._log, self._views, self._deliveries = log, views, deliveries
        self._asked: OrderedDict[UUID, _Asked] = OrderedDict()
        self._lock = Lock()

    def why(self, number: int, contact: int) -> Why | None:
        """Why the delivery of notice `number` to contact point `contact`; None if there is no such delivery."""
        notice, row = self._views.notice_by_number(number), self._deliveries.delivery(number, contact)
        if notice is None or row is None:
            return None
        asked = self._question(notice)
        if asked.registers.member_of(contact) is not None:
            return self._answer(notice, None, _team(asked), [row])
        card = self._views.cards([contact]).get(contact)
        if card is None:
            return None
        return self._answer(notice, card.subscriber, self._verdict(asked, card.subscriber, contact, had=True), [row])

    def why_not(self, notice: UUID, subscriber: UUID) -> Why | None:
        """Why this person did not get the notice, or why they did; None if there is no such notice or person."""
        state, person = self._views.notice(notice), self._log.state(SUBSCRIBER, subscriber)
        if state is None or person is None:
            return None
        if not state.issued:
            said = f"the notice is {state.phase}: nothing of it has been sent"
            verdict = _Verdict(False, 0, (Check(rule="issued", holds=False, detail=said),))
            return self._answer(state, subscriber, verdict, [])
        found = [self._deliveries.delivery(state.number, contact.number) for contact in person.contacts]
        rows = [row for row in found if row is not None]
        verdict = self._verdict(self._question(state), subscriber, None, had=bool(rows))
        return self._answer(state, subscriber, verdict, rows)

    # --- the question ---

    def _question(self, notice: NoticeState) -> _Asked:
        with self._lock:
            kept = self._asked.get(notice.id)
            if kept is not None:
                self._asked.move_to_end(notice.id)
                return kept
        made = self._folded(notice)
        with self._lock:
            self._asked[notice.id] = made
            while len(self._asked) > _KEPT:
                self._asked.popitem(last=False)
        return made

    def _folded(self, notice: NoticeState) -> _Asked:
        recorded = next(r for r in self._log.stream(notice.id) if isinstance(r.event, NoticeIssued))
        event = recorded.event
        assert isinstance(event, NoticeIssued)
        registers = ReferenceData()
        after = 0
        while after < recorded.position:
            page = self._log.read(after, _PAGE, TOPICS)
            for one in page:
                if one.position <= recorded.position:
                    registers.apply(one)
            after = page[-1].position if len(page) == _PAGE else recorded.position
        query = registers.query(event.plan, recorded.at, msg_type=event.msg_type, danger_to_life=event.danger_to_life)
        thread = registers.thread(event.thread)
        return _Asked(
            position=recorded.position,
            query=replace(query, priority=event.priority),
            registers=registers,
            issued=event,
            earlier=tuple(other.number for other in thread if other.number != event.number),
        )

    # --- the answer ---

    def _verdict(self, asked: _Asked, subscriber: UUID, contact: int | None, *, had: bool) -> _Verdict:
        """Whether a delivery to this person (to this contact point) was due, and by which rules.

        `had`: there is a delivery, so if nothing explains it at the issue, it came late (RULES 7).
        """
        person = self._log.state(SUBSCRIBER, subscriber, asked.position)
        if had and person is not None and person.preferences is None:
            said = "it was due; what they had asked for has been erased since, so the rules cannot be asked again"
            return _Verdict(True, asked.position, (Check(rule="erased", holds=True, detail=said),))
        own = self._by_own_rules(asked, person, contact, asked.position)
        if own.due or not asked.earlier:
            return own if own.due or not had else self._late(asked, subscriber, contact) or own
        followed = self._followed(asked, person, contact)
        if followed is None:
            late = self._late(asked, subscriber, contact) if had else None
            return late or own
        check = Check(rule="follow-up", holds=True, detail=followed)
        return _Verdict(True, asked.position, (check,), own.place, own.distance_m)

    def _by_own_rules(
        self, asked: _Asked, person: SubscriberState | None, contact: int | None, position: int
    ) -> _Verdict:
        from subscribers.audience.explain import explain

        if asked.issued.msg_type in ("Cancel", "AllClear"):
            said = "it goes to those who were sent the earlier messages of this thread; this person was not"
            return _Verdict(False, position, (Check(rule="follow-up", holds=False, detail=said),))
        if person is None:
            said = "they had not signed up when the notice was issued"
            return _Verdict(False, position, (Check(rule="subscription", holds=False, detail=said),))
        try:
            found = explain(person, asked.query, asked.registers.place_area)
        except Invalid as error:  # a RULE that no longer reads: say so rather than fail
            return _Verdict(False, position, (Check(rule="audience", holds=False, detail=error.message),))
        due = found.due and (contact in found.contacts if contact is not None else bool(found.contacts))
        checks = tuple(Check(rule=check.rule, holds=check.holds, detail=check.detail) for check in found.checks)
        return _Verdict(due, position, checks, _place_name(person, found), found.distance_m)

    def _followed(self, asked: _Asked, person: SubscriberState | None, contact: int | None) -> str | None:
        """How RULES 14 makes a follow-up due: an earlier message of the thread was handed over, or may have been."""
        numbers = [contact] if contact is not None else [c.number for c in person.contacts] if person else []
        for earlier in reversed(asked.earlier):
            for number in numbers:
                row = self._deliveries.delivery(earlier, number)
                if row is None:
                    continue
                outcomes = {attempt.outcome for attempt in row.attempts}
                sent = row.state in _HANDED or "sent" in outcomes  # a receipt may say since that it did not arrive
                if sent or "in-doubt" in outcomes:
                    said = "was sent" if sent else "may have been sent"
                    return (
                        f"an earlier message of this thread {said} to this contact point, so it is told how it goes on"
                    )
        return None

    def _late(self, asked: _Asked, subscriber: UUID, contact: int | None) -> _Verdict | None:
        """RULES 7: the first change of their own after the issue that made them due."""
        state: SubscriberState | None = None
        for recorded in self._log.stream(subscriber):
            state = SUBSCRIBER.evolve(state, recorded)
            if recorded.position <= asked.position:
                continue
            at_that_time = replace(asked, query=replace(asked.query, at=recorded.at))
            verdict = self._by_own_rules(at_that_time, state, contact, recorded.position)
            if verdict.due:
                said = "they became due by a change of their own while the emergency was live"
                return replace(verdict, checks=(*verdict.checks, Check(rule="late", holds=True, detail=said)))
        return None

    def _answer(
        self, notice: NoticeState, subscriber: UUID | None, verdict: _Verdict, rows: Sequence[DeliveryRow]
    ) -> Why:
        attempts = [
            ChainLink(at=attempt.at, what="Delivery", detail=_attempt_words(attempt))
            for row in rows
            for attempt in row.attempts
        ]
        shown = next((row for row in rows if row.state in _HANDED), rows[0] if rows else None)
        return Why(
            due=verdict.due,
            position=verdict.position,
            checks=verdict.checks,
            chain=tuple(sorted((*chain_of(self._log, notice), *attempts), key=lambda link: link.at)),
            notice=notice.id,
            subscriber=subscriber,
            place=verdict.place,
            distance_m=verdict.distance_m,
            outcome=shown.state if shown else "",
            reason=shown.reason if shown else "",
        )


def _team(asked: _Asked) -> _Verdict:
    status = asked.issued.plan.status
    holds = status != "Actual"
    said = f"this is a team member's sign-in address, and the notice is {'a drill' if holds else 'not a drill'}"
    return _Verdict(holds, asked.position, (Check(rule="team", holds=holds, detail=said),))


def _place_name(person: SubscriberState, found: Explanation) -> str:
    if found.matched_place is None or person.preferences is None:
        return ""
    place = person.preferences.places[found.matched_place]
    return place.name or place.slug or ""


def _attempt_words(attempt: Attempt) -> str:
    return f"{attempt.outcome}: {attempt.reason}" if attempt.reason else attempt.outcome
