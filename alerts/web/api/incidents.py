"""`/api/v1/incidents`: reported incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast, get_args
from uuid import UUID

from aiohttp import web

from alerts.contract.bodies import IncidentBody, ResolveBody
from alerts.domain.events import Json
from alerts.domain.incident import IncidentState
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, EXAMPLE_CONTENT, ROOT, actor_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, TEXT, Operation
from alerts.web.http.requests import etag, id_of, json_body, limit_of, one_of, optional_json_body, query, read
from alerts.web.http.responses import AcceptedWithNotice, JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope

Status = Literal["open", "resolved", "dismissed"]


class Words(JsonResponse, frozen=True, kw_only=True):
    """Text of an incident in one language."""

    headline: str
    description: str
    instruction: str


class Incident(JsonResponse, frozen=True, kw_only=True):
    """Incident. `headline` and `description` are in `language`; `words` holds all available languages."""

    id: UUID
    version: int
    state: str
    headline: str
    description: str
    language: str
    words: dict[str, Words]
    category: str
    urgency: str
    severity: str
    certainty: str
    topic: str | None
    area: list[Json] | None
    onset: datetime | None
    expires: datetime | None
    source: str
    source_ref: str | None
    notice: UUID | None
    reported_at: datetime
    revised_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, state: IncidentState) -> Incident:
        """Build from the read model."""
        facts = state.facts
        language, headline = next(iter(facts.headline.items()), ("", ""))
        words = {
            tag: Words(
                headline=text, description=facts.description.get(tag, ""), instruction=facts.instruction.get(tag, "")
            )
            for tag, text in facts.headline.items()
        }
        return cls(
            id=state.id,
            version=state.version,
            state=state.status,
            headline=headline,
            description=facts.description.get(language, ""),
            language=language,
            words=words,
            category=facts.category,
            urgency=facts.urgency,
            severity=facts.severity,
            certainty=facts.certainty,
            topic=facts.topic,
            area=facts.area,
            onset=facts.onset,
            expires=facts.expires,
            source=state.source,
            source_ref=facts.source_ref,
            notice=state.notice,
            reported_at=state.reported_at,
            revised_at=state.revised_at,
            ended_at=state.ended_at,
        )


REPORT = Operation(
    "Report an incident; the same source_ref again is a revision (200)",
    status=201,
    response=AcceptedWithNotice,
    body=IncidentBody,
    upsert=True,
    example={
        "headline": "A water main has burst",
        "description": "Camden Road is under water.",
        "category": "Infra",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "topic": "utilities",
        "area": EXAMPLE_AREA,
        "source_ref": "job-4711",
    },
)
LIST = Operation("Incidents, newest first", response=ListBody[Incident], query={"state": TEXT, **PAGING})
GET = Operation("One incident", response=Incident)
RESOLVE = Operation(
    "The incident is over; the key's policy decides whether an all-clear follows",
    response=AcceptedWithNotice,
    body=ResolveBody,
    body_required=False,
    example={"all_clear": EXAMPLE_CONTENT},
)


def routes(services: Services) -> list[Route]:
    """Policy rows of incidents."""
    public_url = services.settings.public_url

    async def report(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, IncidentBody)
        saved = await services.commands.report_incident(actor_of(request), body, idem=idempotency(request, raw))
        accepted = AcceptedWithNotice(id=saved.id, version=saved.version, position=saved.position, notice=saved.notice)
        location = {"Location": f"{public_url}{ROOT}/incidents/{saved.id}", "ETag": etag(saved.version)}
        return json_response(accepted, 201 if saved.created else 200, location)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "state", "cursor", "limit")
        state = cast(Status | None, one_of(values, "state", get_args(Status)))
        incidents = await read_page(services, services.views.incidents, state, values.get("cursor"), limit_of(values))
        return page_response(request, public_url, incidents, Incident.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        incident = id_of(request, what="incident")
        state = found(await read(services, services.views.incident, incident), "incident", incident)
        return json_response(Incident.of(state), headers={"ETag": etag(state.version)})

    async def resolve(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, ResolveBody)
        incident = id_of(request, what="incident")
        saved = await services.commands.resolve_incident(
            actor_of(request), incident, body, idem=idempotency(request, raw)
        )
        return json_response(
            AcceptedWithNotice(id=saved.id, version=saved.version, position=saved.position, notice=saved.notice)
        )

    return [
        Route("POST", f"{ROOT}/incidents", report, scope("incidents:write"), REPORT),
        Route("GET", f"{ROOT}/incidents", get_page, scope("read"), LIST),
        Route("GET", f"{ROOT}/incidents/{{id}}", get_one, scope("read"), GET),
        Route("POST", f"{ROOT}/incidents/{{id}}/resolve", resolve, scope("incidents:write"), RESOLVE),
    ]
