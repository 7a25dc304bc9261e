"""`/api/v1/places`, `/topics`, `/segments`: the small registers. The same slug again is its next version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import PlaceBody, SegmentBody, TopicBody
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency
from alerts.web.api.schemas_resources import Place, Segment, Topic
from alerts.web.http.requests import etag, json_body, limit_of, next_url, query, read
from alerts.web.http.responses import Accepted, answer, listed
from alerts.web.http.routing import Handler, Route, scope

S = TypeVar("S")


def routes(parts: Services) -> list[Route]:
    """The policy rows of the registers."""

    async def define_place(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, PlaceBody)
        return _taken(await parts.commands.define_place(actor_of(request), body, idem=idempotency(request, raw)))

    async def define_topic(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, TopicBody)
        return _taken(await parts.commands.define_topic(actor_of(request), body, idem=idempotency(request, raw)))

    async def define_segment(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, SegmentBody)
        return _taken(await parts.commands.define_segment(actor_of(request), body, idem=idempotency(request, raw)))

    places = _list(parts, parts.views.places, lambda state: state.slug, Place.of)
    topics = _list(parts, parts.views.topics, lambda state: state.slug, Topic.of)
    segments = _list(parts, parts.views.segments, lambda state: state.slug, Segment.of)
    return [
        Route("POST", f"{ROOT}/places", define_place, scope("services:write")),
        Route("GET", f"{ROOT}/places", places, scope("read")),
        Route("GET", f"{ROOT}/places/{{slug}}", _one(parts, "place", parts.views.place, Place.of), scope("read")),
        Route("POST", f"{ROOT}/topics", define_topic, scope("services:write")),
        Route("GET", f"{ROOT}/topics", topics, scope("read")),
        Route("POST", f"{ROOT}/segments", define_segment, scope("segments:write")),
        Route("GET", f"{ROOT}/segments", segments, scope("read")),
        Route(
            "GET", f"{ROOT}/segments/{{slug}}", _one(parts, "segment", parts.views.segment, Segment.of), scope("read")
        ),
    ]


def _taken(kept: Saved) -> web.StreamResponse:
    taken = Accepted(id=kept.id, version=kept.version, position=kept.position)
    return answer(taken, 201 if kept.created else 200, {"ETag": etag(kept.version)})


def _list(
    parts: Services, entries: Callable[[], Sequence[S]], slug: Callable[[S], str], shown: Callable[[S], object]
) -> Handler:
    """A register is small and in memory: its cursor is the slug that the last page ended with."""

    async def handler(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        limit, after = limit_of(values), values.get("cursor", "")
        rest = sorted((e for e in await read(parts, entries) if slug(e) > after), key=slug)
        page = rest[:limit]
        cursor = slug(page[-1]) if len(rest) > limit else None
        return listed(map(shown, page), next_url(parts.settings.public_url, request, cursor))

    return handler


def _one(parts: Services, what: str, entry: Callable[[str], S | None], shown: Callable[[S], object]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        slug = request.match_info["slug"]
        return answer(shown(found(await read(parts, entry, slug), what, slug)))

    return handler
