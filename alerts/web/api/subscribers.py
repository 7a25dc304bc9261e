"""`/api/v1/subscribers`: subscribers, managed by programs that act for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.preferences import SubscriberEdit
from alerts.commands.results import SubscriberSaved
from alerts.contract.bodies import SubscriberBody
from alerts.domain.events import Json
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, Operation
from alerts.web.http.requests import edited_version, etag, id_of, json_body, limit_of, merge_patch, one_of, query, read
from alerts.web.http.responses import JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope
from subscribers.domain.events import SubscriberPlace
from subscribers.domain.subscriber import SUBSCRIBER, ContactState, SubscriberState


class ContactPoint(JsonResponse, frozen=True, kw_only=True):
    """Contact point. `state`: unverified, verified, suppressed or removed."""

    id: int
    channel: str
    state: str


class SubscriberTaken(JsonResponse, frozen=True, kw_only=True):
    """Accepted change of a subscriber."""

    id: UUID
    version: int
    position: int
    state: str
    contact_points: tuple[ContactPoint, ...]

    @classmethod
    def of(cls, saved: SubscriberSaved) -> SubscriberTaken:
        """Build from the command's result."""
        return cls(
            id=saved.id,
            version=saved.version,
            position=saved.position,
            state=saved.state,
            contact_points=tuple(ContactPoint(id=c.number, channel=c.channel, state=c.state) for c in saved.contacts),
        )


class Subscriber(JsonResponse, frozen=True, kw_only=True):
    """Subscriber with addresses and preferences; both are empty after an erasure."""

    id: UUID
    version: int
    state: str
    contact_points: tuple[ContactPoint, ...]
    email: str | None
    phone: str | None
    push: Json | None
    """The last registered device."""
    postal: Json | None
    call: str | None
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
    relay: bool | None
    discreet: bool | None
    paused_until: datetime | None
    consent: Json | None
    since: datetime
    confirmed_at: datetime | None
    ended_reason: str

    @classmethod
    def of(cls, state: SubscriberState) -> Subscriber:
        """Build from the directory."""
        preferences, here = state.preferences, [c for c in state.contacts if c.state != "removed"]
        addresses = {c.channel: c.address for c in here}
        quiet = preferences.quiet_hours if preferences else None
        return cls(
            id=state.id,
            version=state.version,
            state=state.phase,
            contact_points=tuple(contact_point(c) for c in state.contacts),
            email=addresses.get("email"),
            phone=addresses.get("sms"),
            push=_device(addresses.get("push")),
            postal=_device(addresses.get("letter")),
            call=addresses.get("phone"),
            places=[_place(place) for place in preferences.places] if preferences else [],
            topics=preferences.topics if preferences else (),
            severity_at_least=preferences.severity_at_least if preferences else None,
            channels=preferences.channels if preferences else (),
            language=preferences.language if preferences else None,
            timezone=preferences.timezone if preferences else None,
            frequency=preferences.frequency if preferences else None,
            quiet_hours={"from": quiet.start, "to": quiet.end, "wake_for": quiet.wake_for} if quiet else None,
            danger_to_life=preferences.danger_to_life if preferences else None,
            tester=preferences.tester if preferences else None,
            relay=preferences.relay if preferences else None,
            discreet=preferences.discreet if preferences else None,
            paused_until=state.paused_until,
            consent=msgspec.to_builtins(state.consent) if state.consent else None,
            since=state.since,
            confirmed_at=state.confirmed_at,
            ended_reason=state.ended_reason,
        )


REGISTER = Operation(
    "Sign somebody up; without confirmed and consent each contact point is asked first",
    status=201,
    response=SubscriberTaken,
    body=SubscriberBody,
    example={
        "email": "resident@example.org",
        "places": [{"lat": 51.5503, "lon": -0.1418, "radius_km": 1, "name": "Home"}],
        "topics": ["safety", "utilities"],
        "language": "en",
        "confirmed": True,
        "consent": {
            "wording": "Tell me of alerts near me.",
            "given_at": "2026-03-12T09:30:00+00:00",
            "how": "form at the desk",
        },
    },
)
LIST = Operation("Subscribers", response=ListBody[Subscriber], query=PAGING)
GET = Operation("One subscriber", response=Subscriber)
CHANGE = Operation(
    "Change wishes and addresses, pause by paused_until",
    response=SubscriberTaken,
    body=SubscriberEdit,
    merge_patch=True,
)
END = Operation(
    "End the subscription; erase=true forgets the person",
    response=SubscriberTaken,
    query={"erase": {"type": "string", "enum": ["true", "false"]}},
)


def routes(services: Services) -> list[Route]:
    """Policy rows of subscribers."""
    commands, public_url = services.commands, services.settings.public_url

    async def register(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, SubscriberBody)
        saved = await commands.register_subscriber(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/subscribers/{saved.id}", "ETag": etag(saved.version)}
        return json_response(SubscriberTaken.of(saved), 201, headers)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        people = await read_page(services, services.directory.people, values.get("cursor"), limit_of(values))
        return page_response(request, public_url, people, Subscriber.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        state = found(await read(services, services.directory.person, person), "subscriber", person)
        return json_response(Subscriber.of(state), headers={"ETag": etag(state.version)})

    async def change(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        state = found(await read(services, services.log.state, SUBSCRIBER, person), "subscriber", person)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        return _saved_response(await commands.change_subscriber(actor_of(request), person, patch, expected))

    async def end(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        erase = one_of(query(request, "erase"), "erase", ("true", "false")) == "true"
        if erase:
            return _saved_response(await commands.erase_subscriber(actor_of(request), person))
        return _saved_response(await commands.end_subscriber(actor_of(request), person, "asked for"))

    return [
        Route("POST", f"{ROOT}/subscribers", register, scope("subscribers:write", everywhere=True), REGISTER),
        Route("GET", f"{ROOT}/subscribers", get_page, scope("subscribers:read", everywhere=True), LIST),
        Route("GET", f"{ROOT}/subscribers/{{id}}", get_one, scope("subscribers:read", everywhere=True), GET),
        Route("PATCH", f"{ROOT}/subscribers/{{id}}", change, scope("subscribers:write", everywhere=True), CHANGE),
        Route("DELETE", f"{ROOT}/subscribers/{{id}}", end, scope("subscribers:write", everywhere=True), END),
    ]


def _saved_response(saved: SubscriberSaved) -> web.StreamResponse:
    return json_response(SubscriberTaken.of(saved), headers={"ETag": etag(saved.version)})


def contact_point(state: ContactState) -> ContactPoint:
    """Return a contact point without its address."""
    shown = "suppressed" if state.suppressed and state.state != "removed" else state.state
    return ContactPoint(id=state.number, channel=state.channel, state=shown)


def _device(address: str | None) -> Json | None:
    return None if address is None else msgspec.json.decode(address, type=dict[str, object])


def _place(place: SubscriberPlace) -> Json:
    """Return a person's place in the form of the request body."""
    if place.slug is not None:
        return {"place": place.slug, "name": place.name}
    if place.area is not None:
        return {"area": place.area, "name": place.name}
    return {"lat": place.lat, "lon": place.lon, "radius_km": place.radius_km, "name": place.name}
