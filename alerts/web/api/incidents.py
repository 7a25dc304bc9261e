"""`/api/v1/incidents`: what happened."""

from __future__ import annotations

from typing import Literal, cast, get_args

from aiohttp import web

from alerts.contract.bodies import IncidentBody, ResolveBody
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.schemas_resources import Incident
from alerts.web.http.requests import etag, id_of, json_body, limit_of, one_of, optional_json_body, query, read
from alerts.web.http.responses import AcceptedWithNotice, answer, page
from alerts.web.http.routing import Route, scope

Status = Literal["open", "resolved", "dismissed"]


def routes(parts: Services) -> list[Route]:
    """The policy rows of incidents."""
    public_url = parts.settings.public_url

    async def report(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, IncidentBody)
        kept = await parts.commands.report_incident(actor_of(request), body, idem=idempotency(request, raw))
        taken = AcceptedWithNotice(id=kept.id, version=kept.version, position=kept.position, notice=kept.notice)
        location = {"Location": f"{public_url}{ROOT}/incidents/{kept.id}", "ETag": etag(kept.version)}
        return answer(taken, 201 if kept.created else 200, location)

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "state", "cursor", "limit")
        state = cast(Status | None, one_of(values, "state", get_args(Status)))
        incidents = await read_page(parts, parts.views.incidents, state, values.get("cursor"), limit_of(values))
        return page(request, public_url, incidents, Incident.of)

    async def one(request: web.Request) -> web.StreamResponse:
        incident = id_of(request, what="incident")
        state = found(await read(parts, parts.views.incident, incident), "incident", incident)
        return answer(Incident.of(state), headers={"ETag": etag(state.version)})

    async def resolve(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, ResolveBody)
        incident = id_of(request, what="incident")
        kept = await parts.commands.resolve_incident(actor_of(request), incident, body, idem=idempotency(request, raw))
        return answer(AcceptedWithNotice(id=kept.id, version=kept.version, position=kept.position, notice=kept.notice))

    return [
        Route("POST", f"{ROOT}/incidents", report, scope("incidents:write")),
        Route("GET", f"{ROOT}/incidents", several, scope("read")),
        Route("GET", f"{ROOT}/incidents/{{id}}", one, scope("read")),
        Route("POST", f"{ROOT}/incidents/{{id}}/resolve", resolve, scope("incidents:write")),
    ]
