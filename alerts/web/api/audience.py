"""`POST /api/v1/audience`: count the people a notice would reach."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from aiohttp import web
from msgspec import UNSET, UnsetType

from alerts.contract.bodies import NoticeBody
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, idempotency
from alerts.web.api.disclosure import BELOW, hidden, hidden_groups, refuse_revealing, sees_people
from alerts.web.http.operation import Operation
from alerts.web.http.requests import json_body, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import Route, scope
from subscribers.audience.query import AudienceCount
from subscribers.audience.reference_data import ReferenceData


class AudienceBody(JsonResponse, frozen=True, kw_only=True):
    """Audience count: `people` with a contact point due, `by_channel` their contact points.

    For a key without `subscribers:read`: no `sample`; a count below `below` is null, and a language with one left out.
    """

    people: int | None
    unreachable: int | None
    by_channel: dict[str, int | None]
    by_language: dict[str, int | None]
    position: int
    sample: tuple[UUID, ...] | UnsetType = UNSET
    below: int | UnsetType = UNSET


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
            plan = await services.commands.plan_notice(actor_of(request), body)
            exact = sees_people(request)
            # By the very segments and places that are counted with: they may be revised at any moment.
            check = _unchecked if exact else partial(refuse_revealing, plan)
            counted = await services.commands.count_plan(plan, check)
        return json_response(_exact(counted) if exact else _limited(counted, plan.channels))

    return [Route("POST", f"{ROOT}/audience", count, scope("read"), COUNT)]


def _unchecked(_: ReferenceData) -> None:
    """Accept any plan."""


def _exact(counted: AudienceCount) -> AudienceBody:
    return AudienceBody(
        people=counted.people,
        unreachable=counted.unreachable,
        by_channel=dict[str, int | None](counted.by_channel),
        by_language=dict[str, int | None](counted.by_language),
        position=counted.position,
        sample=counted.sample,
    )


def _limited(counted: AudienceCount, channels: Sequence[str]) -> AudienceBody:
    return AudienceBody(
        people=hidden(counted.people),
        unreachable=hidden(counted.unreachable),
        by_channel=hidden_groups(counted.by_channel, tuple(channels)),
        by_language=hidden_groups(counted.by_language),
        position=counted.position,
        below=UNSET if counted.people >= BELOW and counted.unreachable >= BELOW else BELOW,
    )
