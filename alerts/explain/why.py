"""Why and why-not: recomputed from the log, never stored.

The person's stream and the reference data are folded up to the position at which the notice's audience was computed,
and RULES 1–15 are evaluated one by one, by the slow and explicit path of `audience.explain`. The chain leads from the
event that triggered the notice to the outcome of the delivery.
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
_CACHED = 8
"""Notices whose past reference data is cached: queries concentrate on a few notices."""
_SENT: frozenset[DeliveryState] = frozenset(("sent", "delivered"))


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A rule evaluated for one person: passed or not, and the reason in plain words."""

    rule: str
    holds: bool
    detail: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Result of why / why-not (CONTRACT), with further facts for a page."""

    due: bool
    """True if a delivery to this person (or this contact point) was due."""
    position: int
    """Log position of the computation; 0 if the notice was never issued."""
    checks: tuple[Check, ...]
    chain: tuple[ChainLink, ...]
    notice: UUID
    subscriber: UUID | None
    """None for a team member who took part in an exercise."""
    place: str = ""
    """The matched place in the person's own words."""
    distance_m: float | None = None
    outcome: str = ""
    """State of the delivery, "" if there is none."""
    reason: str = ""


class Deliveries(Protocol):
    """Port to the delivery queue."""

    def delivery(self, number: int, contact: int) -> DeliveryRow | None:
        """Delivery by its two numbers."""


class Notices(Protocol):
    """Port to the read models."""

    def notice(self, notice: UUID) -> NoticeState | None: ...
    def notice_by_number(self, number: int) -> NoticeState | None: ...
    def cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]: ...


@dataclass(frozen=True, slots=True)
class _PastQuery:
    """The audience query of a notice as of its issue. `reference_data` is the reference data at that position."""

    position: int
    query: AudienceQuery
    reference_data: ReferenceData
    issued: NoticeIssued
    earlier: tuple[int, ...]
    """Numbers of the notices issued earlier in the thread."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    due: bool
    position: int
    checks: tuple[Check, ...]
    place: str = ""
    distance_m: float | None = None


class Explainer:
    """Answers why and why-not, from any thread.

    Everything is read anew, except the cached reference data of the most recent notices.
    """

    def __init__(self, log: Log, views: Notices, deliveries: Deliveries) -> None:
        self._log, self._views, self._deliveries = log, views, deliveries
        self._cache: OrderedDict[UUID, _PastQuery] = OrderedDict()
        self._lock = Lock()

    def why(self, number: int, contact: int) -> Why | None:
        """Explain the delivery of notice `number` to contact point `contact`; None if there is no such delivery."""
        notice, row = self._views.notice_by_number(number), self._deliveries.delivery(number, contact)
        if notice is None or row is None:
            return None
        past = self._past_query(notice)
        if past.reference_data.member_of(contact) is not None:
            return self._answer(notice, None, _team(past), [row])
        card = self._views.cards([contact]).get(contact)
        if card is None:
            return None
        return self._answer(notice, card.subscriber, self._verdict(past, card.subscriber, contact, had=True), [row])

    def why_not(self, notice: UUID, subscriber: UUID) -> Why | None:
        """Explain why this person did or did not get the notice; None if there is no such notice or person."""
        state, person = self._views.notice(notice), self._log.state(SUBSCRIBER, subscriber)
        if state is None or person is None:
            return None
        if not state.issued:
            detail = f"the notice is {state.phase}: nothing of it has been sent"
            verdict = _Verdict(False, 0, (Check(rule="issued", holds=False, detail=detail),))
            return self._answer(state, subscriber, verdict, [])
        found = [self._deliveries.delivery(state.number, contact.number) for contact in person.contacts]
        rows = [row for row in found if row is not None]
        verdict = self._verdict(self._past_query(state), subscriber, None, had=bool(rows))
        return self._answer(state, subscriber, verdict, rows)

    # --- past query ---

    def _past_query(self, notice: NoticeState) -> _PastQuery:
        with self._lock:
            cached = self._cache.get(notice.id)
            if cached is not None:
                self._cache.move_to_end(notice.id)
                return cached
        made = self._load(notice)
        with self._lock:
            self._cache[notice.id] = made
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return made

    def _load(self, notice: NoticeState) -> _PastQuery:
        recorded = next(r for r in self._log.stream(notice.id) if isinstance(r.event, NoticeIssued))
        event = recorded.event
        assert isinstance(event, NoticeIssued)
        reference_data = ReferenceData()
        after = 0
        while after < recorded.position:
            page = self._log.read(after, _PAGE, TOPICS)
            for one in page:
                if one.position <= recorded.position:
                    reference_data.apply(one)
            after = page[-1].position if len(page) == _PAGE else recorded.position
        query = reference_data.query(
            event.plan, recorded.at, msg_type=event.msg_type, danger_to_life=event.danger_to_life
        )
        thread = reference_data.thread(event.thread)
        return _PastQuery(
            position=recorded.position,
            query=replace(query, priority=event.priority),
            reference_data=reference_data,
            issued=event,
            earlier=tuple(other.number for other in thread if other.number != event.number),
        )

    # --- verdict ---

    def _verdict(self, past: _PastQuery, subscriber: UUID, contact: int | None, *, had: bool) -> _Verdict:
        """Decide if a delivery to this person (to this contact point) was due, and by which rules.

        `had`: there is a delivery, so if no rule explains it at the issue, it was a late one (RULES 7).
        """
        person = self._log.state(SUBSCRIBER, subscriber, past.position)
        if had and person is not None and person.preferences is None:
            detail = "it was due; what they had asked for has been erased since, so the rules cannot be asked again"
            return _Verdict(True, past.position, (Check(rule="erased", holds=True, detail=detail),))
        own = self._by_own_rules(past, person, contact, past.position)
        if own.due or not past.earlier:
            return own if own.due or not had else self._late(past, subscriber, contact) or own
        following = self._following(past, person, contact)
        if following is not None:
            return following
        follow_up = self._follow_up_reason(past, person, contact)
        if follow_up is None:
            late = self._late(past, subscriber, contact) if had else None
            return late or own
        check = Check(rule="follow-up", holds=True, detail=follow_up)
        return _Verdict(True, past.position, (check,), own.place, own.distance_m)

    def _by_own_rules(
        self, past: _PastQuery, person: SubscriberState | None, contact: int | None, position: int
    ) -> _Verdict:
        from subscribers.audience.explain import explain

        if past.issued.msg_type in ("Cancel", "AllClear"):
            detail = "it goes to those who were sent the earlier messages of this thread; this person was not"
            return _Verdict(False, position, (Check(rule="follow-up", holds=False, detail=detail),))
        if person is None:
            detail = "they had not signed up when the notice was issued"
            return _Verdict(False, position, (Check(rule="subscription", holds=False, detail=detail),))
        try:
            found = explain(person, past.query, past.reference_data.place_area)
        except Invalid as error:  # a RULE that is no longer valid: report it rather than fail
            return _Verdict(False, position, (Check(rule="audience", holds=False, detail=error.message),))
        due = found.due and (contact in found.contacts if contact is not None else bool(found.contacts))
        checks = tuple(Check(rule=check.rule, holds=check.holds, detail=check.detail) for check in found.checks)
        return _Verdict(due, position, checks, _place_name(person, found), found.distance_m)

    def _following(self, past: _PastQuery, person: SubscriberState | None, contact: int | None) -> _Verdict | None:
        """Verdict that the person follows the thread (RULES 14); None if that does not make it due."""
        from subscribers.audience.explain import explain_following

        if person is None or past.issued.plan.status != "Actual":
            return None
        found = explain_following(person, past.query, past.issued.thread)
        if found is None or not found.contacts or (contact is not None and contact not in found.contacts):
            return None
        checks = tuple(Check(rule=check.rule, holds=check.holds, detail=check.detail) for check in found.checks)
        return _Verdict(True, past.position, checks)

    def _follow_up_reason(self, past: _PastQuery, person: SubscriberState | None, contact: int | None) -> str | None:
        """Reason why RULES 14 makes a follow-up due: an earlier message of the thread was sent, or may have been."""
        numbers = [contact] if contact is not None else [c.number for c in person.contacts] if person else []
        for earlier in reversed(past.earlier):
            for number in numbers:
                row = self._deliveries.delivery(earlier, number)
                if row is None:
                    continue
                outcomes = {attempt.outcome for attempt in row.attempts}
                sent = row.state in _SENT or "sent" in outcomes  # a receipt may have reported a failure since
                if sent or "in-doubt" in outcomes:
                    outcome = "was sent" if sent else "may have been sent"
                    return (
                        f"an earlier message of this thread {outcome} to this contact point, "
                        "so it is told how it goes on"
                    )
        return None

    def _late(self, past: _PastQuery, subscriber: UUID, contact: int | None) -> _Verdict | None:
        """Find the first change of their own after the issue that made the person due (RULES 7)."""
        state: SubscriberState | None = None
        for recorded in self._log.stream(subscriber):
            state = SUBSCRIBER.evolve(state, recorded)
            if recorded.position <= past.position:
                continue
            at_that_time = replace(past, query=replace(past.query, at=recorded.at))
            verdict = self._by_own_rules(at_that_time, state, contact, recorded.position)
            if verdict.due:
                detail = "they became due by a change of their own while the emergency was live"
                return replace(verdict, checks=(*verdict.checks, Check(rule="late", holds=True, detail=detail)))
        return None

    def _answer(
        self, notice: NoticeState, subscriber: UUID | None, verdict: _Verdict, rows: Sequence[DeliveryRow]
    ) -> Why:
        attempts = [
            ChainLink(at=attempt.at, what="Delivery", detail=_attempt_words(attempt))
            for row in rows
            for attempt in row.attempts
        ]
        shown = next((row for row in rows if row.state in _SENT), rows[0] if rows else None)
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


def _team(past: _PastQuery) -> _Verdict:
    status = past.issued.plan.status
    holds = status != "Actual"
    detail = f"this is a team member's sign-in address, and the notice is {'a drill' if holds else 'not a drill'}"
    return _Verdict(holds, past.position, (Check(rule="team", holds=holds, detail=detail),))


def _place_name(person: SubscriberState, found: Explanation) -> str:
    if found.matched_place is None or person.preferences is None:
        return ""
    place = person.preferences.places[found.matched_place]
    return place.name or place.slug or ""


def _attempt_words(attempt: Attempt) -> str:
    return f"{attempt.outcome}: {attempt.reason}" if attempt.reason else attempt.outcome
