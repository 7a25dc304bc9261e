"""`/api/v1/service-points` and `/api/v1/service-changes`: where people go, and what changes there."""

from __future__ import annotations

from aiohttp import web

from alerts.contract.bodies import ServiceChangeBody, ServicePointBody
from alerts.domain.streams import POINT
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.schemas_resources import ServiceChange, ServicePoint
from alerts.web.http.requests import edited_version, etag, id_of, json_body, limit_of, merge_patch, query, read
from alerts.web.http.responses import Accepted, AcceptedWithNotice, answer, page
from alerts.web.http.routing import Route, scope


def routes(parts: Services) -> list[Route]:
    """The policy rows of service points and changes."""
    public_url = parts.settings.public_url

    async def register(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ServicePointBody)
        kept = await parts.commands.register_point(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/service-points/{kept.id}", "ETag": etag(kept.version)}
        taken = Accepted(id=kept.id, version=kept.version, position=kept.position)
        return answer(taken, 201 if kept.created else 200, headers)

    async def points(request: web.Request) -> web.StreamResponse:
        values = query(request, "kind", "cursor", "limit")
        shown = await read_page(
            parts, parts.views.service_points, values.get("kind"), values.get("cursor"), limit_of(values)
        )
        return page(request, public_url, shown, ServicePoint.of)

    async def point(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service point")
        state = found(await read(parts, parts.views.service_point, wanted), "service point", wanted)
        return answer(ServicePoint.of(state), headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service point")
        state = found(await read(parts, parts.log.state, POINT, wanted), "service point", wanted)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        kept = await parts.commands.revise_point(actor_of(request), wanted, patch, expected)
        taken = Accepted(id=kept.id, version=kept.version, position=kept.position)
        return answer(taken, headers={"ETag": etag(kept.version)})

    async def announce(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ServiceChangeBody)
        kept = await parts.commands.announce_change(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/service-changes/{kept.id}", "ETag": etag(kept.version)}
        taken = AcceptedWithNotice(id=kept.id, version=kept.version, position=kept.position, notice=kept.notice)
        return answer(taken, 201 if kept.created else 200, headers)

    async def changes(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        shown = await read_page(parts, parts.views.service_changes, values.get("cursor"), limit_of(values))
        return page(request, public_url, shown, ServiceChange.of)

    async def change(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service change")
        state = found(await read(parts, parts.views.service_change, wanted), "service change", wanted)
        return answer(ServiceChange.of(state), headers={"ETag": etag(state.version)})

    return [
        Route("POST", f"{ROOT}/service-points", register, scope("services:write")),
        Route("GET", f"{ROOT}/service-points", points, scope("read")),
        Route("GET", f"{ROOT}/service-points/{{id}}", point, scope("read")),
        Route("PATCH", f"{ROOT}/service-points/{{id}}", revise, scope("services:write")),
        Route("POST", f"{ROOT}/service-changes", announce, scope("services:write")),
        Route("GET", f"{ROOT}/service-changes", changes, scope("read")),
        Route("GET", f"{ROOT}/service-changes/{{id}}", change, scope("read")),
    ]
