"""`/api/v1/service-changes`: planned or sudden changes to service points."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.contract.bodies import ServiceChangeBody
from alerts.domain.service_change import ChangeState
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, Operation
from alerts.web.http.requests import etag, id_of, json_body, limit_of, query, read
from alerts.web.http.responses import AcceptedWithNotice, JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope


class ServiceChange(JsonResponse, frozen=True, kw_only=True):
    """Planned or sudden change to service points."""

    id: UUID
    version: int
    state: str
    headline: str
    description: str
    language: str
    kind: str
    service_points: tuple[UUID, ...]
    effective: datetime
    until: datetime | None
    after: dict[str, Any]
    topic: str | None
    source: str
    source_ref: str | None
    notice: UUID | None
    announced_at: datetime

    @classmethod
    def of(cls, state: ChangeState) -> ServiceChange:
        """Build from the read model."""
        facts = state.facts
        language, headline = next(iter(facts.headline.items()), ("", ""))
        return cls(
            id=state.id,
            version=state.version,
            state=state.status,
            headline=headline,
            description=facts.description.get(language, ""),
            language=language,
            kind=facts.kind,
            service_points=facts.service_points,
            effective=facts.effective,
            until=facts.until,
            after={point: msgspec.to_builtins(after) for point, after in facts.after.items()},
            topic=facts.topic,
            source=state.source,
            source_ref=facts.source_ref,
            notice=state.notice,
            announced_at=state.announced_at,
        )


ANNOUNCE = Operation(
    "Announce a service change; the same source_ref again is a revision (200)",
    status=201,
    response=AcceptedWithNotice,
    body=ServiceChangeBody,
    upsert=True,
    example={
        "headline": "The desk is closed for repairs",
        "kind": "closure",
        "service_points": [{"source_ref": "desk-12"}],
        "effective": "2027-03-12T08:00:00+00:00",
        "source_ref": "works-7",
    },
)
LIST = Operation("Service changes, newest first", response=ListBody[ServiceChange], query=PAGING)
GET = Operation("One service change", response=ServiceChange)


def routes(services: Services) -> list[Route]:
    """Policy rows of service changes."""
    public_url = services.settings.public_url

    async def announce(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ServiceChangeBody)
        saved = await services.commands.announce_change(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/service-changes/{saved.id}", "ETag": etag(saved.version)}
        accepted = AcceptedWithNotice(id=saved.id, version=saved.version, position=saved.position, notice=saved.notice)
        return json_response(accepted, 201 if saved.created else 200, headers)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        shown = await read_page(services, services.views.service_changes, values.get("cursor"), limit_of(values))
        return page_response(request, public_url, shown, ServiceChange.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="service change")
        state = found(await read(services, services.views.service_change, wanted), "service change", wanted)
        return json_response(ServiceChange.of(state), headers={"ETag": etag(state.version)})

    return [
        Route("POST", f"{ROOT}/service-changes", announce, scope("services:write"), ANNOUNCE),
        Route("GET", f"{ROOT}/service-changes", get_page, scope("read"), LIST),
        Route("GET", f"{ROOT}/service-changes/{{id}}", get_one, scope("read"), GET),
    ]
