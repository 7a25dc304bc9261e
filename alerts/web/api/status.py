"""`/api/v1/status`: queue and projection state, for operators and tests."""

from __future__ import annotations

import msgspec
from aiohttp import web

from alerts.services import Services
from alerts.web.api.common import ROOT
from alerts.web.http.operation import Operation
from alerts.web.http.requests import read
from alerts.web.http.responses import json_response
from alerts.web.http.routing import Route, scope

GET = Operation("Is the service at rest?")


def routes(services: Services) -> list[Route]:
    """Policy row of the status."""

    async def get(request: web.Request) -> web.StreamResponse:
        return json_response(await read(services, _status, services))

    return [Route("GET", f"{ROOT}/status", get, scope("read"), GET)]


def _status(services: Services) -> dict[str, object]:
    """Return queue and projection state. Idle: `unprojected`, `planning`, `queued`, `in_flight`, `in_doubt` are 0."""
    # Positions first: concurrent writes can then only make the service look busier than it is.
    projections = {**services.projections(), "audience": services.projector.position()}
    position = services.log.position()
    return {
        "log_position": position,
        "projections": projections,
        "unprojected": position - min(projections.values(), default=position),
        **msgspec.structs.asdict(services.dispatch.status(services.clock())),
        "parked": services.waiting(),
        "providers": services.providers(),
        "canaries": services.canaries(),
        "alarms": services.alarms(),
        "unverified_webhooks": services.unverified.total(),
        "version": services.version,
    }
