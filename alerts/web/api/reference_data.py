"""`/api/v1/places`, `/topics`, `/segments`: reference data. Posting an existing slug creates its next version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import PlaceBody, SegmentBody, TopicBody
from alerts.domain.events import Json
from alerts.domain.reference_data import PlaceState, SegmentState, TopicState
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, found, idempotency
from alerts.web.http.operation import PAGING, Operation
from alerts.web.http.requests import etag, json_body, limit_of, next_url, query, read
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response, list_response
from alerts.web.http.routing import Handler, Route, scope

S = TypeVar("S")
PLACES_WRITE = scope("places:write", "services:write", everywhere=True)
"""Places and topics; keys for service points and changes have always written them too."""


class Place(JsonResponse, frozen=True, kw_only=True):
    """Registered place; `area` is GeoJSON."""

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
    """Topic that people can choose. `version` 0: built in, never revised."""

    slug: str
    version: int
    name: dict[str, str]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, state: TopicState) -> Topic:
        """From the read model."""
        return cls(slug=state.slug, version=state.version, name=state.name, categories=state.categories)


class Segment(JsonResponse, frozen=True, kw_only=True):
    """Named, saved audience rule."""

    id: UUID
    slug: str
    version: int
    name: str
    rule: Json

    @classmethod
    def of(cls, state: SegmentState) -> Segment:
        """From the read model."""
        return cls(id=state.id, slug=state.slug, version=state.version, name=state.name, rule=state.rule)


DEFINE_PLACE = Operation(
    "Define a place; the same slug again is its next version (200)",
    status=201,
    response=Accepted,
    body=PlaceBody,
    upsert=True,
    example={"slug": "camden-town", "name": {"en": "Camden Town"}, "area": EXAMPLE_AREA},
)
LIST_PLACES = Operation("The places, by slug", response=ListBody[Place], query=PAGING)
GET_PLACE = Operation("One place", response=Place)
DEFINE_TOPIC = Operation(
    "Define a topic; the same slug again sets it so (200)",
    status=201,
    response=Accepted,
    body=TopicBody,
    upsert=True,
    example={"slug": "river-levels", "name": {"en": "River levels"}, "categories": []},
)
LIST_TOPICS = Operation("The topics, by slug", response=ListBody[Topic], query=PAGING)
DEFINE_SEGMENT = Operation(
    "Save an audience rule under a name; the same slug again is its next version (200)",
    status=201,
    response=Accepted,
    body=SegmentBody,
    upsert=True,
    example={"slug": "readers", "name": "Readers", "rule": {"all": [{"topic": "community"}]}},
)
LIST_SEGMENTS = Operation("The segments, by slug", response=ListBody[Segment], query=PAGING)
GET_SEGMENT = Operation("One segment", response=Segment)


def routes(services: Services) -> list[Route]:
    """Policy rows of the reference data."""

    async def define_place(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, PlaceBody)
        saved = await services.commands.define_place(actor_of(request), body, idem=idempotency(request, raw))
        return _accepted_response(saved)

    async def define_topic(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, TopicBody)
        saved = await services.commands.define_topic(actor_of(request), body, idem=idempotency(request, raw))
        return _accepted_response(saved)

    async def define_segment(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, SegmentBody)
        saved = await services.commands.define_segment(actor_of(request), body, idem=idempotency(request, raw))
        return _accepted_response(saved)

    places = _list(services, services.views.places, lambda state: state.slug, Place.of)
    topics = _list(services, services.views.topics, lambda state: state.slug, Topic.of)
    segments = _list(services, services.views.segments, lambda state: state.slug, Segment.of)
    return [
        Route("POST", f"{ROOT}/places", define_place, PLACES_WRITE, DEFINE_PLACE),
        Route("GET", f"{ROOT}/places", places, scope("read"), LIST_PLACES),
        Route(
            "GET",
            f"{ROOT}/places/{{slug}}",
            _one(services, "place", services.views.place, Place.of),
            scope("read"),
            GET_PLACE,
        ),
        Route("POST", f"{ROOT}/topics", define_topic, PLACES_WRITE, DEFINE_TOPIC),
        Route("GET", f"{ROOT}/topics", topics, scope("read"), LIST_TOPICS),
        Route("POST", f"{ROOT}/segments", define_segment, scope("segments:write", everywhere=True), DEFINE_SEGMENT),
        Route("GET", f"{ROOT}/segments", segments, scope("read"), LIST_SEGMENTS),
        Route(
            "GET",
            f"{ROOT}/segments/{{slug}}",
            _one(services, "segment", services.views.segment, Segment.of),
            scope("read"),
            GET_SEGMENT,
        ),
    ]


def _accepted_response(saved: Saved) -> web.StreamResponse:
    accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
    return json_response(accepted, 201 if saved.created else 200, {"ETag": etag(saved.version)})


def _list(
    services: Services, entries: Callable[[], Sequence[S]], slug: Callable[[S], str], shown: Callable[[S], object]
) -> Handler:
    """Return a list handler. Reference data is small and in memory, so the cursor is the last slug of a page."""

    async def handler(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        limit, after = limit_of(values), values.get("cursor", "")
        rest = sorted((e for e in await read(services, entries) if slug(e) > after), key=slug)
        page = rest[:limit]
        cursor = slug(page[-1]) if len(rest) > limit else None
        return list_response(map(shown, page), next_url(services.settings.public_url, request, cursor))

    return handler


def _one(services: Services, what: str, entry: Callable[[str], S | None], shown: Callable[[S], object]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        slug = request.match_info["slug"]
        return json_response(shown(found(await read(services, entry, slug), what, slug)))

    return handler
