"""How the API shows those who are told."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.commands.results import SubscriberSaved
from alerts.domain.events import Json
from alerts.web.http.responses import JsonResponse
from subscribers.domain.events import Place as SubscriberPlace
from subscribers.domain.subscriber import ContactState, SubscriberState


class ContactPoint(JsonResponse, frozen=True, kw_only=True):
    """`state`: unverified, verified, suppressed or removed."""

    id: int
    channel: str
    state: str


class SubscriberTaken(JsonResponse, frozen=True, kw_only=True):
    """A subscriber is kept."""

    id: UUID
    version: int
    position: int
    state: str
    contact_points: tuple[ContactPoint, ...]

    @classmethod
    def of(cls, kept: SubscriberSaved) -> SubscriberTaken:
        """From the command's answer."""
        return cls(
            id=kept.id,
            version=kept.version,
            position=kept.position,
            state=kept.state,
            contact_points=tuple(ContactPoint(id=c.number, channel=c.channel, state=c.state) for c in kept.contacts),
        )


class Subscriber(JsonResponse, frozen=True, kw_only=True):
    """A person with addresses and wishes; after an erasure both are gone."""

    id: UUID
    version: int
    state: str
    contact_points: tuple[ContactPoint, ...]
    email: str | None
    phone: str | None
    push: Json | None
    """Of several devices the last."""
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
            push=_device(addresses.get("push")),
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


def contact_point(state: ContactState) -> ContactPoint:
    """A contact point without its address."""
    shown = "suppressed" if state.suppressed and state.state != "removed" else state.state
    return ContactPoint(id=state.number, channel=state.channel, state=shown)


def _device(address: str | None) -> Json | None:
    return None if address is None else msgspec.json.decode(address, type=dict[str, object])


def _place(place: SubscriberPlace) -> Json:
    """A person's place as the body that would make it."""
    if place.slug is not None:
        return {"place": place.slug, "name": place.name}
    if place.area is not None:
        return {"area": place.area, "name": place.name}
    return {"lat": place.lat, "lon": place.lon, "radius_km": place.radius_km, "name": place.name}
