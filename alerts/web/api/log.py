"""`/api/v1/events` (the log as a feed), `/triggers/{id}`, `/status`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from alerts.kernel.errors import Invalid
from alerts.services import Services
from alerts.web.api.common import ROOT, caller_of, found
from alerts.web.api.schemas_notices import Trigger
from alerts.web.api.server_sent_events import is_wanted, last_seen
from alerts.web.http.app_keys import STREAMS
from alerts.web.http.requests import PAGE_MOST, id_of, next_url, query, read, whole_number
from alerts.web.http.responses import answer, listed
from alerts.web.http.routing import Route, scope

EVENTS = 100


def routes(parts: Services) -> list[Route]:
    """The policy rows of the log and of the service's health."""
    public_url = parts.settings.public_url

    async def events(request: web.Request) -> web.StreamResponse:
        values = query(request, "after", "limit", "type")
        after = last_seen(request, whole_number(values, "after", 0, 0))
        limit = whole_number(values, "limit", EVENTS, 1, PAGE_MOST)
        wanted = frozenset(word for text in request.query.getall("type", []) for word in text.split(",") if word)
        unknown = sorted(wanted - parts.topics)
        if unknown:
            raise Invalid.field("type", f"unknown type {unknown[0]!r}; known are {', '.join(sorted(parts.topics))}")
        if is_wanted(request.headers.get("Accept", "")):
            return await streamed(request, after, wanted)
        recorded = await read(parts, parts.log.read, after, limit, wanted)
        # A full page may have more behind it. A reader who is at the end asks again after the last position it has.
        following = recorded[-1].position if len(recorded) == limit else None
        return listed(map(parts.codec.public, recorded), next_url(public_url, request, following, "after"))

    async def streamed(request: web.Request, after: int, wanted: frozenset[str]) -> web.StreamResponse:
        secret = caller_of(request).key.secret_hash

        async def welcome() -> bool:
            """Whether the key still stands: a stream may last for days."""
            key = await read(parts, parts.views.key_by_hash, secret)
            return key is not None and not key.revoked

        return await request.app[STREAMS].serve(request, after, wanted, welcome)

    async def trigger(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="trigger")
        return answer(Trigger.of(found(await read(parts, parts.views.trigger, wanted), "trigger", wanted)))

    async def status(request: web.Request) -> web.StreamResponse:
        return answer(await read(parts, _status, parts))

    return [
        Route("GET", f"{ROOT}/events", events, scope("read")),
        Route("GET", f"{ROOT}/triggers/{{id}}", trigger, scope("read")),
        Route("GET", f"{ROOT}/status", status, scope("read")),
    ]


def _status(parts: Services) -> dict[str, object]:
    """Is the service at rest? `unprojected`, `planning`, `queued`, `in_flight`, `in_doubt` all 0 say so."""
    # The positions are read first: whatever is written in between can only make it look busier than it is.
    projections = {**parts.projections(), "audience": parts.follower.position()}
    position = parts.log.position()
    return {
        "log_position": position,
        "projections": projections,
        "unprojected": position - min(projections.values(), default=position),
        **msgspec.structs.asdict(parts.dispatch.status(parts.clock())),
        "parked": parts.waiting(),
        "providers": parts.providers(),
        "canaries": parts.canaries(),
        "unverified_webhooks": parts.unverified.total(),
        "version": parts.version,
    }
