"""`/api/v1/triggers/{id}`: the outcome of a received webhook."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web

from alerts.domain.reference_data import TriggerState
from alerts.services import Services
from alerts.web.api.common import ROOT, found
from alerts.web.http.operation import Operation
from alerts.web.http.requests import id_of, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import Route, scope


class Trigger(JsonResponse, frozen=True, kw_only=True):
    """Outcome of a received webhook."""

    id: UUID
    state: str
    incident: UUID | None
    service_change: UUID | None
    notices: tuple[UUID, ...]
    reason: str
    source: str
    type: str
    at: datetime

    @classmethod
    def of(cls, state: TriggerState) -> Trigger:
        """Build from the read model."""
        return cls(
            id=state.id,
            state=state.state,
            incident=state.incident,
            service_change=state.service_change,
            notices=state.notices,
            reason=state.reason,
            source=state.source,
            type=state.kind,
            at=state.at,
        )


GET = Operation("What became of a webhook", response=Trigger)


def routes(services: Services) -> list[Route]:
    """Policy row of triggers."""

    async def get_one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="trigger")
        return json_response(Trigger.of(found(await read(services, services.views.trigger, wanted), "trigger", wanted)))

    return [Route("GET", f"{ROOT}/triggers/{{id}}", get_one, scope("read"), GET)]
