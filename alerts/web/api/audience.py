"""`POST /api/v1/audience`: count the people a notice would reach."""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import web

from alerts.contract.bodies import NoticeBody
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, idempotency
from alerts.web.http.operation import Operation
from alerts.web.http.requests import json_body, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import Route, scope


class AudienceBody(JsonResponse, frozen=True, kw_only=True):
    """Audience count: `people` with a contact point due, `by_channel` their contact points."""

    people: int
    unreachable: int
    by_channel: dict[str, int]
    by_language: dict[str, int]
    position: int
    sample: tuple[UUID, ...]


COUNT = Operation(
    "Whom would this notice reach?",
    response=AudienceBody,
    body=NoticeBody,
    example={"kind": "alert", "severity": "Severe", "area": EXAMPLE_AREA},
)


def routes(services: Services) -> list[Route]:
    """Policy row of the audience count."""

    counting = asyncio.Lock()

    async def count(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NoticeBody)
        idempotency(request, raw)  # validated as everywhere; a count has no effect to repeat
        if not services.projector.caught_up:
            # Outside the lock: a refused request must not delay others.
            await read(services, services.projector.everybody)
        async with counting:
            # One at a time, as the columns serialize counts anyway. While a polygon is drawn, the page sends request
            # after request and aborts the earlier ones: skip the count of a client that has disconnected.
            if request.transport is None or request.transport.is_closing():
                return web.Response(status=499)
            written = services.writer.position()
            if services.projector.applied_position() < written:
                await read(services, services.projector.wait_for_applied, written, 2.0)
            counted = await services.commands.count_audience(actor_of(request), body)
        return json_response(
            AudienceBody(
                people=counted.people,
                unreachable=counted.unreachable,
                by_channel=counted.by_channel,
                by_language=counted.by_language,
                position=counted.position,
                sample=counted.sample,
            )
        )

    return [Route("POST", f"{ROOT}/audience", count, scope("read"), COUNT)]
