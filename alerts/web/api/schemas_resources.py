"""How the API shows what happens and where: incidents, service points and changes, the registers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.domain.events import Json
from alerts.domain.incident import IncidentState
from alerts.domain.reference_data import PlaceState, SegmentState, TopicState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.web.http.responses import JsonResponse


class Words(JsonResponse, frozen=True, kw_only=True):
    """One language's words of an incident."""

    headline: str
    description: str
    instruction: str


class Incident(JsonResponse, frozen=True, kw_only=True):
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


class Visit(JsonResponse, frozen=True, kw_only=True):
    """When a mobile unit stands here."""

    dtstart: datetime
    minutes: int
    rrule: str | None


class ServicePoint(JsonResponse, frozen=True, kw_only=True):
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


class ServiceChange(JsonResponse, frozen=True, kw_only=True):
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


class Place(JsonResponse, frozen=True, kw_only=True):
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


class Topic(JsonResponse, frozen=True, kw_only=True):
    """A subject people may choose. `version` 0: built in, never revised."""

    slug: str
    version: int
    name: dict[str, str]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, state: TopicState) -> Topic:
        """From the read model."""
        return cls(slug=state.slug, version=state.version, name=state.name, categories=state.categories)


class Segment(JsonResponse, frozen=True, kw_only=True):
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
