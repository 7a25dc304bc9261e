"""What the API answers, as structs: the same shapes make the JSON and `openapi.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.answers import NoticeKept, SubscriberKept
from alerts.domain.events import Json, NoticePlan
from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.domain.registers import PlaceState, SegmentState, TopicState, TriggerState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.words.paging import Page as CursorPage
from alerts.web.requests import next_url
from subscribers.domain.events import Place as SubscriberPlace
from subscribers.domain.subscriber import ContactState, SubscriberState

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A response body."""


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """A list by cursor: `next` is the address of the rest, null at the end."""

    items: tuple[T, ...]
    next: str | None


class Taken(Answer, frozen=True, kw_only=True):
    """A thing is kept; `position` is the log position at which every read model shows it."""

    id: UUID
    version: int
    position: int


class TakenWithNotice(Taken, frozen=True, kw_only=True):
    """`notice`: what the key's policy made of it, if anything."""

    notice: UUID | None


class NoticeTaken(Answer, frozen=True, kw_only=True):
    """A notice has moved."""

    id: UUID
    state: str
    version: int
    position: int


class NoticeOut(NoticeTaken, frozen=True, kw_only=True):
    """A notice is out; `dispatch` is where its progress is told."""

    dispatch: str


class Words(Answer, frozen=True, kw_only=True):
    """One language's words of an incident."""

    headline: str
    description: str
    instruction: str


class Incident(Answer, frozen=True, kw_only=True):
    """`headline` and `description` are in `language`; `words` has them in every language there is."""

    id: UUID
    version: int
    state: str
    headline: str
    description: str
    language: str
    words: dict[str, Words]
    category: str
    urgency: str
    severity: str
    certainty: str
    topic: str | None
    area: list[Json] | None
    onset: datetime | None
    expires: datetime | None
    source: str
    source_ref: str | None
    notice: UUID | None
    reported_at: datetime
    revised_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, state: IncidentState) -> Incident:
        """From the read model."""
        facts = state.facts
        language, headline = next(iter(facts.headline.items()), ("", ""))
        words = {
            tag: Words(
                headline=text,
                description=facts.description.get(tag, ""),
                instruction=facts.instruction.get(tag, ""),
            )
            for tag, text in facts.headline.items()
        }
        return cls(
            id=state.id,
            version=state.version,
            state=state.status,
            headline=headline,
            description=facts.description.get(language, ""),
            language=language,
            words=words,
            category=facts.category,
            urgency=facts.urgency,
            severity=facts.severity,
            certainty=facts.certainty,
            topic=facts.topic,
            area=facts.area,
            onset=facts.onset,
            expires=facts.expires,
            source=state.source,
            source_ref=facts.source_ref,
            notice=state.notice,
            reported_at=state.reported_at,
            revised_at=state.revised_at,
            ended_at=state.ended_at,
        )


class Visit(Answer, frozen=True, kw_only=True):
    """When a mobile unit stands here."""

    dtstart: datetime
    minutes: int
    rrule: str | None


class ServicePoint(Answer, frozen=True, kw_only=True):
    """A place people go to for a service."""

    id: UUID
    version: int
    kind: str
    name: str
    address: str
    lat: float
    lon: float
    opening_hours: str | None
    visits: tuple[Visit, ...]
    reach_km: float
    source_ref: str | None
    open: bool

    @classmethod
    def of(cls, state: PointState) -> ServicePoint:
        """From the read model."""
        facts = state.facts
        return cls(
            id=state.id,
            version=state.version,
            kind=facts.kind,
            name=facts.name,
            address=facts.address,
            lat=facts.lat,
            lon=facts.lon,
            opening_hours=facts.opening_hours,
            visits=tuple(Visit(dtstart=v.dtstart, minutes=v.minutes, rrule=v.rrule) for v in facts.visits),
            reach_km=facts.reach_km,
            source_ref=facts.source_ref,
            open=state.open,
        )


class ServiceChange(Answer, frozen=True, kw_only=True):
    """A planned or sudden change to service points."""

    id: UUID
    version: int
    state: str
    headline: str
    description: str
    language: str
    kind: str
    service_points: tuple[UUID, ...]
    effective: datetime
    until: datetime | None
    after: dict[str, Any]
    topic: str | None
    source: str
    source_ref: str | None
    notice: UUID | None
    announced_at: datetime

    @classmethod
    def of(cls, state: ChangeState) -> ServiceChange:
        """From the read model."""
        facts = state.facts
        language, headline = next(iter(facts.headline.items()), ("", ""))
        return cls(
            id=state.id,
            version=state.version,
            state=state.status,
            headline=headline,
            description=facts.description.get(language, ""),
            language=language,
            kind=facts.kind,
            service_points=facts.service_points,
            effective=facts.effective,
            until=facts.until,
            after={point: msgspec.to_builtins(after) for point, after in facts.after.items()},
            topic=facts.topic,
            source=state.source,
            source_ref=facts.source_ref,
            notice=state.notice,
            announced_at=state.announced_at,
        )


class Place(Answer, frozen=True, kw_only=True):
    """A registered place; `area` is GeoJSON."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    area: Json

    @classmethod
    def of(cls, state: PlaceState) -> Place:
        """From the read model."""
        return cls(id=state.id, slug=state.slug, version=state.version, name=state.name, area=state.geometry)


class Topic(Answer, frozen=True, kw_only=True):
    """A subject people may choose. `version` 0: built in, never revised."""

    slug: str
    version: int
    name: dict[str, str]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, state: TopicState) -> Topic:
        """From the read model."""
        return cls(slug=state.slug, version=state.version, name=state.name, categories=state.categories)


class Segment(Answer, frozen=True, kw_only=True):
    """A named, saved audience rule."""

    id: UUID
    slug: str
    version: int
    name: str
    rule: Json

    @classmethod
    def of(cls, state: SegmentState) -> Segment:
        """From the read model."""
        return cls(id=state.id, slug=state.slug, version=state.version, name=state.name, rule=state.rule)


class Content(Answer, frozen=True, kw_only=True):
    """One language's words of a notice."""

    title: str
    body: str
    instruction: str
    sms: str


class Notice(Answer, frozen=True, kw_only=True):
    """A notice. `people`: the count as it stands until the notice is issued, then the frozen audience's."""

    id: UUID
    number: int
    version: int
    state: str
    people: int | None
    kind: str
    msg_type: str
    thread: UUID
    references: tuple[UUID, ...]
    replaced_by: UUID | None
    incident: UUID | None
    service_change: UUID | None
    topic: str | None
    area: list[Json] | None
    urgency: str
    severity: str
    certainty: str
    category: str | None
    status: str
    priority: str
    danger_to_life: bool
    audience: Json | None
    channels: tuple[str, ...]
    content: dict[str, Content]
    send_at: datetime | None
    expires: datetime | None
    source: str | None
    drafted_at: datetime
    drafted_by: str
    approved_by: str | None
    approved_at: datetime | None
    issued_at: datetime | None
    ended_at: datetime | None
    reason: str
    url: str
    dispatch: str | None

    @classmethod
    def of(cls, state: NoticeState, people: int | None, public_url: str) -> Notice:
        """From the read model."""
        plan = state.plan
        return cls(
            id=state.id,
            number=state.number,
            version=state.version,
            state=state.phase,
            people=people,
            kind=plan.kind,
            msg_type=state.msg_type,
            thread=state.thread,
            references=state.references,
            replaced_by=state.replaced_by,
            incident=plan.incident,
            service_change=plan.service_change,
            topic=plan.topic,
            area=plan.area,
            urgency=plan.urgency,
            severity=plan.severity,
            certainty=plan.certainty,
            category=plan.category,
            status=plan.status,
            priority=state.priority or plan.priority,
            danger_to_life=state.danger_to_life,
            audience=plan.audience,
            channels=plan.channels,
            content=contents(plan),
            send_at=state.send_at or plan.send_at,
            expires=state.expires or plan.expires,
            source=state.source,
            drafted_at=state.drafted_at,
            drafted_by=state.drafted_by,
            approved_by=state.approved_by,
            approved_at=state.approved_at,
            issued_at=state.issued_at,
            ended_at=state.ended_at,
            reason=state.reason,
            url=f"{public_url}/alerts/{state.id}",
            dispatch=dispatch_url(public_url, state.id) if state.issued_at else None,
        )


class ContactPoint(Answer, frozen=True, kw_only=True):
    """`state`: unverified, verified, suppressed or removed."""

    id: int
    channel: str
    state: str


class SubscriberTaken(Answer, frozen=True, kw_only=True):
    """A subscriber is kept."""

    id: UUID
    version: int
    position: int
    state: str
    contact_points: tuple[ContactPoint, ...]

    @classmethod
    def of(cls, kept: SubscriberKept) -> SubscriberTaken:
        """From the command's answer."""
        return cls(
            id=kept.id,
            version=kept.version,
            position=kept.position,
            state=kept.state,
            contact_points=tuple(ContactPoint(id=c.number, channel=c.channel, state=c.state) for c in kept.contacts),
        )


class Subscriber(Answer, frozen=True, kw_only=True):
    """A person with addresses and wishes; after an erasure both are gone."""

    id: UUID
    version: int
    state: str
    contact_points: tuple[ContactPoint, ...]
    email: str | None
    phone: str | None
    places: list[Json]
    topics: tuple[str, ...]
    severity_at_least: str | None
    channels: tuple[str, ...]
    language: str | None
    timezone: str | None
    frequency: str | None
    quiet_hours: Json | None
    danger_to_life: bool | None
    tester: bool | None
    paused_until: datetime | None
    consent: Json | None
    since: datetime
    confirmed_at: datetime | None
    ended_reason: str

    @classmethod
    def of(cls, state: SubscriberState) -> Subscriber:
        """From the directory."""
        wishes, here = state.preferences, [c for c in state.contacts if c.state != "removed"]
        addresses = {c.channel: c.address for c in here}
        quiet = wishes.quiet_hours if wishes else None
        return cls(
            id=state.id,
            version=state.version,
            state=state.phase,
            contact_points=tuple(contact_point(c) for c in state.contacts),
            email=addresses.get("email"),
            phone=addresses.get("sms"),
            places=[_place(place) for place in wishes.places] if wishes else [],
            topics=wishes.topics if wishes else (),
            severity_at_least=wishes.severity_at_least if wishes else None,
            channels=wishes.channels if wishes else (),
            language=wishes.language if wishes else None,
            timezone=wishes.timezone if wishes else None,
            frequency=wishes.frequency if wishes else None,
            quiet_hours={"from": quiet.start, "to": quiet.end, "wake_for": quiet.wake_for} if quiet else None,
            danger_to_life=wishes.danger_to_life if wishes else None,
            tester=wishes.tester if wishes else None,
            paused_until=state.paused_until,
            consent=msgspec.to_builtins(state.consent) if state.consent else None,
            since=state.since,
            confirmed_at=state.confirmed_at,
            ended_reason=state.ended_reason,
        )


class Trigger(Answer, frozen=True, kw_only=True):
    """What became of a webhook."""

    id: UUID
    state: str
    incident: UUID | None
    service_change: UUID | None
    notices: tuple[UUID, ...]
    reason: str
    source: str
    type: str
    at: datetime

    @classmethod
    def of(cls, state: TriggerState) -> Trigger:
        """From the read model."""
        return cls(
            id=state.id,
            state=state.state,
            incident=state.incident,
            service_change=state.service_change,
            notices=state.notices,
            reason=state.reason,
            source=state.source,
            type=state.kind,
            at=state.at,
        )


class TriggerTaken(Answer, frozen=True, kw_only=True):
    """A webhook is on disk; what became of it stands at `status_url`."""

    id: UUID
    status_url: str


class Count(Answer, frozen=True, kw_only=True):
    """An audience: `people` with a contact point due, `by_channel` their contact points."""

    people: int
    unreachable: int
    by_channel: dict[str, int]
    by_language: dict[str, int]
    position: int
    sample: tuple[UUID, ...]


class Attempt(Answer, frozen=True, kw_only=True):
    """One try to hand a message over."""

    at: datetime
    outcome: str
    reason: str = ""


class Delivery(Answer, frozen=True, kw_only=True):
    """One notice to one contact point. `notice` null: a confirmation; `due_at`: when a held or deferred one goes on."""

    id: str
    notice: UUID | None
    subscriber: UUID | None
    contact_point: int
    channel: str
    state: str
    reason: str
    due_at: datetime | None
    attempts: tuple[Attempt, ...]


class Event(Answer, frozen=True, kw_only=True):
    """One event of the log, personal data left out."""

    position: int
    type: str
    version: int
    stream: UUID
    at: datetime
    data: dict[str, Any]


def contact_point(state: ContactState) -> ContactPoint:
    """A contact point without its address."""
    shown = "suppressed" if state.suppressed and state.state != "removed" else state.state
    return ContactPoint(id=state.number, channel=state.channel, state=shown)


def _place(place: SubscriberPlace) -> Json:
    """A person's place as the body that would make it."""
    if place.slug is not None:
        return {"place": place.slug, "name": place.name}
    if place.area is not None:
        return {"area": place.area, "name": place.name}
    return {"lat": place.lat, "lon": place.lon, "radius_km": place.radius_km, "name": place.name}


def contents(plan: NoticePlan) -> dict[str, Content]:
    """A plan's words by language, every field shown."""
    return {
        tag: Content(title=words.title, body=words.body, instruction=words.instruction, sms=words.sms)
        for tag, words in plan.content.items()
    }


def dispatch_url(public_url: str, notice: UUID) -> str:
    """Where a notice's progress is told."""
    return f"{public_url}/api/v1/notices/{notice}/dispatch"


def notice_taken(kept: NoticeKept) -> NoticeTaken:
    """A notice has moved, from the command's answer."""
    return NoticeTaken(id=kept.id, state=kept.state, version=kept.version, position=kept.position)


def notice_out(kept: NoticeKept, public_url: str) -> NoticeOut:
    """A notice is out, from the command's answer."""
    return NoticeOut(
        id=kept.id,
        state=kept.state,
        version=kept.version,
        position=kept.position,
        dispatch=dispatch_url(public_url, kept.id),
    )


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response."""
    return web.Response(status=status, body=_encode(body), content_type="application/json", headers=headers)


def page(request: web.Request, public_url: str, found: CursorPage[Any], shown: Callable[[Any], object]) -> web.Response:
    """A page of a list, with the address of the next one."""
    return listed(map(shown, found.items), next_url(public_url, request, found.next))


def listed(items: Iterable[object], following: str | None = None) -> web.Response:
    """A list as CONTRACT shapes it."""
    return answer({"items": list(items), "next": following})
