"""`GET /alerts/{id}.cap`: a notice as the CAP 1.2 message of the time of its issue; it never changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from alerts.domain.events import Json, PointFacts
from alerts.domain.notice import NoticeState
from alerts.domain.streams import CHANGE, ORGANISATION, PLACE, POINT, organisation_id, place_id
from alerts.kernel.errors import NotFound
from alerts.services import Services
from alerts.web.http.requests import id_of, read, unchanged
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public import cap_writer
from alerts.web.public.cap_writer import Surroundings

CACHE_SIZE = 256
"""Maximum cached messages: few are read at any time."""


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    etag: str


def routes(services: Services) -> list[Route]:
    """Policy row of CAP messages."""
    cache: OrderedDict[UUID, _Message] = OrderedDict()

    async def one(request: web.Request) -> web.Response:
        notice = id_of(request, what="notice")
        message = cache.get(notice)
        if message is None:
            body = await read(services, written, services, notice)
            message = cache[notice] = _Message(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
            if len(cache) > CACHE_SIZE:
                cache.popitem(last=False)
        headers = {"ETag": message.etag, "Cache-Control": "public, max-age=86400"}
        if unchanged(request, message.etag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=message.body, content_type=cap_writer.CONTENT_TYPE, charset="utf-8", headers=headers)

    return [Route("GET", "/alerts/{id}.cap", one, PUBLIC)]


def written(services: Services, notice: UUID) -> bytes:
    """Build the message from the log. Raises NotFound for a notice that is not issued. Blocks."""
    members = {member.id: member for member in services.views.thread(notice, issued=True)}
    state = members.get(notice)
    if state is None:
        raise NotFound(f"there is no issued notice {notice}")
    references = [members[one] for one in state.references if one in members]
    return cap_writer.message(state, references, _surroundings(services, state))


def _surroundings(services: Services, state: NoticeState) -> Surroundings:
    """Read places, points and organisation as of the notice's issue: later versions do not change the message."""
    at = state.issued_position

    def place(slug: str) -> tuple[dict[str, str], Json] | None:
        found = services.log.state(PLACE, place_id(slug), at)
        return (found.name, found.geometry) if found else None

    slug = state.plan.organisation
    points: list[PointFacts] = []
    change = services.log.state(CHANGE, state.plan.service_change, at) if state.plan.service_change else None
    for point in change.facts.service_points if change else ():
        found = services.log.state(POINT, point, at)
        if found is not None:
            points.append(found.facts)
    return Surroundings(
        sender=services.settings.sender,
        timezone=services.settings.timezone,
        default_language=services.settings.default_language,
        public_url=services.settings.public_url,
        place=place,
        organisation=services.log.state(ORGANISATION, organisation_id(slug), at) if slug is not None else None,
        points=tuple(points),
    )
