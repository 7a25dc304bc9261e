"""`/api/v1/events`: the event log as a feed, in pages or as server-sent events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from alerts.kernel.errors import Invalid
from alerts.services import Services
from alerts.web.api.common import ROOT, caller_of
from alerts.web.api.server_sent_events import is_wanted, last_seen
from alerts.web.http.app_keys import STREAMS
from alerts.web.http.operation import PAGING, POSITION, TEXT, Operation
from alerts.web.http.requests import PAGE_MOST, next_url, query, read, whole_number
from alerts.web.http.responses import JsonResponse, ListBody, list_response
from alerts.web.http.routing import Route, scope

DEFAULT_LIMIT = 100


class Event(JsonResponse, frozen=True, kw_only=True):
    """Event of the log without personal data."""

    position: int
    type: str
    version: int
    stream: UUID
    at: datetime
    data: dict[str, Any]


READ = Operation(
    "The log as a gapless, replayable feed, personal data left out; as server-sent events too",
    response=ListBody[Event],
    query={"after": POSITION, "limit": PAGING["limit"], "type": TEXT},
    event_stream=True,
)


def routes(services: Services) -> list[Route]:
    """Policy row of the feed."""
    public_url = services.settings.public_url

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "after", "limit", "type")
        after = last_seen(request, whole_number(values, "after", 0, 0))
        limit = whole_number(values, "limit", DEFAULT_LIMIT, 1, PAGE_MOST)
        wanted = frozenset(word for text in request.query.getall("type", []) for word in text.split(",") if word)
        unknown = sorted(wanted - services.topics)
        if unknown:
            raise Invalid.field("type", f"unknown type {unknown[0]!r}; known are {', '.join(sorted(services.topics))}")
        if is_wanted(request.headers.get("Accept", "")):
            return await streamed(request, after, wanted)
        recorded = await read(services, services.log.read, after, limit, wanted)
        # A full page may have more behind it. A reader at the end polls again after its last position.
        following = recorded[-1].position if len(recorded) == limit else None
        return list_response(map(services.codec.public, recorded), next_url(public_url, request, following, "after"))

    async def streamed(request: web.Request, after: int, wanted: frozenset[str]) -> web.StreamResponse:
        secret = caller_of(request).key.secret_hash

        async def is_authorized() -> bool:
            """True if the key is still valid: a stream may last for days."""
            key = await read(services, services.views.key_by_hash, secret)
            return key is not None and not key.revoked

        return await request.app[STREAMS].serve(request, after, wanted, is_authorized)

    return [Route("GET", f"{ROOT}/events", get_page, scope("read"), READ)]
