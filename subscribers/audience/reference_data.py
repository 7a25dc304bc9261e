"""Reference data at a log position: places, topics, segments, organisations, points, changes, team, issued notices.

Folded in memory from every event in order, for exact positions: by the projector for the fan-out and the counts, by the
explainer for explanations. Not locked; the projector guards its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from alerts.domain import events as e
from alerts.domain.events.notice import ENDINGS
from alerts.domain.notice_lifecycle import danger_to_life as danger_to_life_of
from alerts.domain.organisation import OrganisationState
from alerts.domain.reference_data import MemberState, PlaceState, SegmentState, TopicState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.streams import CHANGE, MEMBER, ORGANISATION, PLACE, POINT, SEGMENT, TOPIC, WEBHOOK, organisation_id
from alerts.domain.webhook import WebhookState
from alerts.kernel.errors import Invalid
from alerts.kernel.events import Event, Recorded, Stream
from alerts.kernel.geometry import Area, area_of, resolve_area
from alerts.kernel.rules import Rule, parse_rule, resolve_rule
from alerts.kernel.rules.size import RuleSize
from alerts.kernel.terms import BUILT_IN_TOPICS, SERVICE_CHANGES_TOPIC, DeliveryState, MsgType
from subscribers.audience.issued_notice import IssuedNotice, end_of_older, lane_of
from subscribers.audience.nearest import OpenPoint
from subscribers.audience.open_points import change_reach, open_after
from subscribers.audience.query import AudienceQuery, ChangeReach

_STREAMS: Final[tuple[Stream[Any], ...]] = (PLACE, TOPIC, SEGMENT, ORGANISATION, POINT, CHANGE, MEMBER, WEBHOOK)
_FOLDED: Final[dict[type[Event], Stream[Any]]] = {event: stream for stream in _STREAMS for event in stream.events}
_MEANT: Final[tuple[type[Event], ...]] = (*_FOLDED, e.NoticeIssued, *ENDINGS, e.DispatchStopped)

TOPICS: Final[frozenset[str]] = frozenset(event.topic() for event in _MEANT)
"""Events that the reference data is folded from: enough to build a notice's query at any past position."""


class ReferenceData:
    """Reference data folded from the log. `apply` each event once, in log order; the rest are reads."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Reset to the state before the first event."""
        self._states: dict[str, dict[UUID, Any]] = {stream.name: {} for stream in _FOLDED.values()}
        self._slugs: dict[tuple[str, str], UUID] = {}
        """Stream by (kind, slug), for places and segments."""
        self._areas: dict[str, Area] = {}
        self._places: tuple[PlaceState, ...] | None = None
        self._rules: dict[str, Rule] = {}
        self._issued: dict[int, IssuedNotice] = {}
        self._numbers: dict[UUID, int] = {}
        self._threads: dict[UUID, list[int]] = {}
        self._announced: dict[UUID, int] = {}
        self._stopped_at: dict[UUID, int] = {}
        """By outgoing webhook: the log position after which nothing was posted when it was disabled."""
        self._open_emergencies: set[int] = set()
        """Emergencies that may still be live: each event about a person is matched against them."""

    def apply(self, recorded: Recorded) -> None:
        """Fold one event; irrelevant ones are ignored."""
        event = recorded.event
        stream = _FOLDED.get(type(event))
        if stream is not None:
            states = self._states[stream.name]
            states[recorded.originator_id] = stream.evolve(states.get(recorded.originator_id), recorded)
        match event:
            case e.PlaceDefined(slug=slug) | e.PlaceRevised(slug=slug) | e.PlaceRetired(slug=slug):
                self._slugs[PLACE.name, slug] = recorded.originator_id
                self._areas.pop(slug, None)
                self._places = None
            case e.SegmentDefined(slug=slug) | e.SegmentRevised(slug=slug) | e.SegmentRetired(slug=slug):
                self._slugs[SEGMENT.name, slug] = recorded.originator_id
                self._rules.clear()
            case e.NoticeIssued():
                self._issue(recorded, event)
            case e.NoticeSuperseded():
                self._end(recorded.originator_id, *end_of_older("Update"))
            case e.NoticeCleared():
                self._end(recorded.originator_id, *end_of_older("AllClear"))
            case e.NoticeCancelled():
                self._end(recorded.originator_id, *end_of_older("Cancel"))
                cancelled = self._numbers.get(recorded.originator_id)
                self._announced = {c: number for c, number in self._announced.items() if number != cancelled}
            case e.NoticeExpired():
                self._end(recorded.originator_id, "expired", "its time ran out before it could leave")
            case e.WebhookDisabled(at_position=at_position):
                self._stopped_at[recorded.originator_id] = at_position
            case e.DispatchStopped(number=number, reason=reason):
                self._end_number(number, "cancelled", f"stopped: {reason}")
            case _:
                pass

    def snapshot(self) -> ReferenceData:
        """Copy what a query is built from, for another thread. Call it where `apply` cannot run meanwhile.

        States are immutable: only the maps of them are copied.
        """
        made = ReferenceData()
        made._states = {name: dict(states) for name, states in self._states.items()}
        made._slugs, made._areas, made._rules = dict(self._slugs), dict(self._areas), dict(self._rules)
        made._announced = dict(self._announced)
        return made

    # --- places, topics, segments, team ---

    def places(self) -> Iterator[PlaceState]:
        """Every registered place, retired ones too."""
        yield from list(self._states[PLACE.name].values())  # other threads read while the projector writes

    def _registered(self) -> tuple[PlaceState, ...]:
        """Every registered place: the same tuple until one changes."""
        if self._places is None:
            self._places = tuple(self.places())
        return self._places

    def place(self, slug: str) -> PlaceState | None:
        """Return a place, retired or not."""
        found: PlaceState | None = self._by_slug(PLACE, slug)
        return found

    def place_area(self, slug: str) -> Area | None:
        """Area of a place in its current version (retired ones keep their last); None if there is none."""
        if slug not in self._areas:
            place = self.place(slug)
            if place is None:
                return None
            self._areas[slug] = resolve_area(place.geometry, lambda _: None)
        return self._areas[slug]

    def topics(self) -> frozenset[str]:
        """Slugs that can be chosen."""
        defined: Iterable[TopicState] = list(self._states[TOPIC.name].values())
        retired = {topic.slug for topic in defined if topic.retired}
        return (frozenset(BUILT_IN_TOPICS) | {topic.slug for topic in defined}) - retired

    def segment(self, slug: str) -> SegmentState | None:
        """Return a segment."""
        found: SegmentState | None = self._by_slug(SEGMENT, slug)
        return found

    def organisation(self, slug: str | None) -> OrganisationState | None:
        """Return the organisation that a plan names, retired or not; None for the service itself."""
        return None if slug is None else self._states[ORGANISATION.name].get(organisation_id(slug))

    def team(self) -> list[MemberState]:
        """Members with a role."""
        return [member for member in self._states[MEMBER.name].values() if member.role is not None]

    def member_of(self, contact: int) -> MemberState | None:
        """Team member whose sign-in address has this contact point number, if they have a role."""
        return next((member for member in self.team() if member.contact == contact), None)

    # --- webhooks out ---

    def webhook_owners(self, webhook: UUID) -> list[MemberState]:
        """Recipients of a webhook's failure: its member, or the admins if that one left the team."""
        state: WebhookState | None = self._states[WEBHOOK.name].get(webhook)
        if state is None:
            return []
        own = [member for member in self.team() if member.id == state.person]
        return own or [member for member in self.team() if member.role == "admin"]

    def webhooks_off(self, member: MemberState) -> list[tuple[WebhookState, int]]:
        """A member's disabled webhooks, each with the log position after which nothing was posted."""
        disabled = [state for state in list(self._states[WEBHOOK.name].values()) if state.phase == "disabled"]
        return [
            (state, self._stopped_at.get(state.id, state.after))
            for state in sorted(disabled, key=lambda state: state.id)
            if member in self.webhook_owners(state.id)
        ]

    # --- service points ---

    def points(self) -> Iterator[PointState]:
        """Every service point, closed ones too."""
        yield from list(self._states[POINT.name].values())

    def change(self, change: UUID) -> ChangeState | None:
        """Return a service change."""
        found: ChangeState | None = self._states[CHANGE.name].get(change)
        return found

    def issued_changes(self, but: UUID | None = None) -> list[ChangeState]:
        """Announced changes that were not withdrawn, by effective time."""
        changes = [self._states[CHANGE.name].get(change) for change in self._announced if change != but]
        return sorted(
            (change for change in changes if change is not None and change.status != "withdrawn"),
            key=lambda change: (change.facts.effective, change.id),
        )

    # --- what is out ---

    def issued(self, number: int) -> IssuedNotice | None:
        """Return an issued notice by its number."""
        return self._issued.get(number)

    def issued_by_id(self, notice: UUID) -> IssuedNotice | None:
        """Return an issued notice by its id."""
        number = self._numbers.get(notice)
        return None if number is None else self._issued[number]

    def thread(self, thread: UUID) -> list[IssuedNotice]:
        """Issued notices of a thread, oldest first."""
        return [self._issued[number] for number in self._threads.get(thread, ())]

    def superseding(self, number: int, now: datetime) -> list[IssuedNotice]:
        """Live follow-ups of a notice: later notices of its thread that may still be sent."""
        notice = self._issued.get(number)
        if notice is None:
            return []
        later = (other for other in self.thread(notice.thread) if other.position > notice.position)
        return [other for other in later if other.verdict(now) is None]

    def live_emergencies(self, now: datetime) -> list[IssuedNotice]:
        """Emergencies sent to people who become due now (RULES 7): the latest of each live thread."""
        return [
            notice
            for notice in (self._issued[number] for number in sorted(self._open_emergencies))
            if notice.verdict(now) is None and self._threads[notice.thread][-1] == notice.number
        ]

    def query_for_anyone(self) -> bool:
        """True if any emergency may still be live: a cheap test for the usual case of none."""
        return bool(self._open_emergencies)

    # --- who is due ---

    def query(
        self,
        plan: e.NoticePlan,
        at: datetime,
        *,
        msg_type: MsgType = "Alert",
        danger_to_life: bool | None = None,
    ) -> AudienceQuery:
        """Build the notice's audience query, resolved at this position (RULES 1–12).

        `danger_to_life`: as decided at the issue; None computes it. Raises Invalid if the RULE cannot be read or names
        something unknown.
        """
        danger = danger_to_life_of(plan, msg_type) if danger_to_life is None else danger_to_life
        change = self.change(plan.service_change) if plan.service_change else None
        topic = plan.topic or (change.facts.topic if change else None)
        if topic is None and plan.kind == "service-change":
            topic = SERVICE_CHANGES_TOPIC
        return AudienceQuery(
            kind=plan.kind,
            status=plan.status,
            topic=topic,
            severity=plan.severity,
            priority="emergency" if danger else plan.priority,
            danger_to_life=danger,
            area=self._area(plan.area) if plan.area and change is None else None,
            change=self.reach(change) if change else None,
            rule=self.rule(plan.audience),
            channels=frozenset(plan.channels),
            at=at,
        )

    def rule(self, raw: e.Json | None) -> Rule | None:
        """Resolve a RULE: segments inlined, places resolved; None for everyone."""
        if raw is None:
            return None
        return resolve_rule(self._parsed(raw), self._segment_rule, self.place_area)

    def reach(self, change: ChangeState) -> ChangeReach:
        """Reach of a service change in place of an area (RULES 11)."""
        return change_reach(change, list(self.points()), self.issued_changes(but=change.id))

    def open_after(self, change: UUID) -> tuple[OpenPoint, ...]:
        """Points open after a change, of every kind (RULES 12)."""
        found = self.change(change)
        if found is None:
            return ()
        return open_after(found, list(self.points()), self.issued_changes(but=change))

    def _area(self, parts: e.AreaJson) -> Area:
        """Resolve a notice's own area. Raises Invalid if it is larger than one question may ask about."""
        size = RuleSize("area")
        for part in parts:
            named = self.place_area(part["place"]) if "place" in part else None
            size.part(part, 0 if named is None else named.positions)
        return area_of(parts, self.place_area)

    def _by_slug(self, stream: Stream[Any], slug: str) -> Any:
        found = self._slugs.get((stream.name, slug))
        return None if found is None else self._states[stream.name].get(found)

    def _parsed(self, raw: e.Json) -> Rule:
        return parse_rule(
            raw,
            "audience",
            known_place=lambda slug: self.place(slug) is not None,
            known_topic=lambda slug: True,  # it was known when the rule was written; a retired one is still valid
            known_segment=lambda slug: self.segment(slug) is not None,
        )

    def _segment_rule(self, slug: str) -> Rule | None:
        if slug not in self._rules:
            segment = self.segment(slug)
            if segment is None:
                return None
            self._rules[slug] = self._parsed(segment.rule)
        return self._rules[slug]

    # --- folding ---

    def _issue(self, recorded: Recorded, event: e.NoticeIssued) -> None:
        thread = self.thread(event.thread)
        plan = event.plan
        issued = IssuedNotice(
            id=recorded.originator_id,
            number=event.number,
            thread=event.thread,
            msg_type=event.msg_type,
            plan=plan,
            priority=event.priority,
            danger_to_life=event.danger_to_life,
            expires=event.expires,
            issued_at=recorded.at,
            position=recorded.position,
            lane=lane_of(event, thread),
            request=recorded.command,
            places=self._registered(),
            organisation=self.organisation(plan.organisation),
        )
        if plan.area:
            with suppress(Invalid):  # the fan-out gets the same error, parks the notice and says why
                issued.area = self._area(plan.area)
        change = self.change(plan.service_change) if plan.service_change is not None else None
        if change is not None:
            concerned = [point for point in self.points() if point.id in change.facts.service_points]
            issued.reach = self.reach(change)
            issued.open_points = self.open_after(change.id)
            issued.concerned = tuple(sorted(point.facts.name for point in concerned))
            issued.point_kind = concerned[0].facts.kind if concerned else ""
            issued.effective = change.facts.effective
            if event.msg_type != "Cancel":
                self._announced[change.id] = event.number
        for earlier in thread:
            # Deliveries of older members not handed over yet end when a newer one is issued (RULES 14).
            self._end(earlier.id, *end_of_older(event.msg_type))
        if event.priority == "emergency" and event.msg_type in ("Alert", "Update"):
            issued.query = self._emergency_query(issued)
            if issued.query is not None:
                self._open_emergencies.add(event.number)
        self._issued[event.number] = issued
        self._numbers[recorded.originator_id] = event.number
        self._threads.setdefault(event.thread, []).append(event.number)

    def _emergency_query(self, issued: IssuedNotice) -> AudienceQuery | None:
        try:
            query = self.query(issued.plan, issued.issued_at, danger_to_life=issued.danger_to_life)
        except Invalid:
            return None  # the fan-out gets the same error, parks the notice and says why
        return replace(query, priority=issued.priority)

    def _end(self, notice: UUID, state: DeliveryState, reason: str) -> None:
        number = self._numbers.get(notice)
        if number is not None:
            self._end_number(number, state, reason)

    def _end_number(self, number: int, state: DeliveryState, reason: str) -> None:
        """End a notice; the first ending is final, since its rows were settled by it."""
        issued = self._issued.get(number)
        if issued is not None and issued.ended is None:
            issued.ended, issued.ended_reason, issued.query = state, reason, None
            self._open_emergencies.discard(number)
