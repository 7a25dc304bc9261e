"""`/api/v1/service-points`: places people go to for a service."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web

from alerts.contract.bodies import ServicePointBody
from alerts.domain.service_point import PointState
from alerts.domain.streams import POINT
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, TEXT, Operation
from alerts.web.http.requests import edited_version, etag, id_of, json_body, limit_of, merge_patch, query, read
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope


class Visit(JsonResponse, frozen=True, kw_only=True):
    """Visit of a mobile unit, once or recurring."""

    dtstart: datetime
    minutes: int
    rrule: str | None


class ServicePoint(JsonResponse, frozen=True, kw_only=True):
    """Place people go to for a service."""

    id: UUID
    version: int
    kind: str
    name: str
    address: str
    lat: float
    lon: float
    opening_hours: str | None
    visits: tuple[Visit, ...]
    reach_km: float
    source_ref: str | None
    open: bool

    @classmethod
    def of(cls, state: PointState) -> ServicePoint:
        """Build from the read model."""
        facts = state.facts
        return cls(
            id=state.id,
            version=state.version,
            kind=facts.kind,
            name=facts.name,
            address=facts.address,
            lat=facts.lat,
            lon=facts.lon,
            opening_hours=facts.opening_hours,
            visits=tuple(Visit(dtstart=v.dtstart, minutes=v.minutes, rrule=v.rrule) for v in facts.visits),
            reach_km=facts.reach_km,
            source_ref=facts.source_ref,
            open=state.open,
        )


REGISTER = Operation(
    "Register a service point; the same source_ref again sets it so (200)",
    status=201,
    response=Accepted,
    body=ServicePointBody,
    upsert=True,
    example={
        "kind": "front-desk",
        "name": "Kentish Town police station",
        "address": "12A Holmes Road",
        "lat": 51.5503,
        "lon": -0.1418,
        "opening_hours": "Mo-Sa 08:00-20:00",
        "source_ref": "desk-12",
    },
)
LIST = Operation("Service points", response=ListBody[ServicePoint], query={"kind": TEXT, **PAGING})
GET = Operation("One service point", response=ServicePoint)
REVISE = Operation("Set a service point otherwise", response=Accepted, body=ServicePointBody, merge_patch=True)


def routes(services: Services) -> list[Route]:
    """Policy rows of service points."""
    public_url = services.settings.public_url

    async def register(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ServicePointBody)
        saved = await services.commands.register_point(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/service-points/{saved.id}", "ETag": etag(saved.version)}
        accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
        return json_response(accepted, 201 if saved.created else 200, headers)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "kind", "cursor", "limit")
        shown = await read_page(
            services, services.views.service_points, values.get("kind"), values.get("cursor"), limit_of(values)
        )
        return page_response(request, public_url, shown, ServicePoint.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service point")
        state = found(await read(services, services.views.service_point, wanted), "service point", wanted)
        return json_response(ServicePoint.of(state), headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service point")
        state = found(await read(services, services.log.state, POINT, wanted), "service point", wanted)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        saved = await services.commands.revise_point(actor_of(request), wanted, patch, expected)
        accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
        return json_response(accepted, headers={"ETag": etag(saved.version)})

    return [
        Route("POST", f"{ROOT}/service-points", register, scope("services:write"), REGISTER),
        Route("GET", f"{ROOT}/service-points", get_page, scope("read"), LIST),
        Route("GET", f"{ROOT}/service-points/{{id}}", get_one, scope("read"), GET),
        Route("PATCH", f"{ROOT}/service-points/{{id}}", revise, scope("services:write"), REVISE),
    ]
