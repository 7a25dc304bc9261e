"""`/api/v1/reports`: residents' reports, which wait for a person; `/api/v1/notices/{id}/feedback`."""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from uuid import UUID

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import AnswerBody, DismissBody, IncidentBody
from alerts.domain.feedback import FeedbackState
from alerts.domain.report import ReportPhase, ReportState
from alerts.kernel.errors import NotFound
from alerts.kernel.terms import Channel
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, TEXT, Operation
from alerts.web.http.requests import id_of, json_body, limit_of, next_url, one_of, query, read
from alerts.web.http.responses import Accepted, AcceptedWithNotice, JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope

READ = scope("reports:read", everywhere=True)
WRITE = scope("reports:write", everywhere=True)


class ReportedCase(JsonResponse, frozen=True, kw_only=True):
    """ReportedCase of a resident. What they wrote is null after an erasure."""

    id: UUID
    version: int
    receipt: str
    state: ReportPhase
    received_at: datetime
    language: str
    words: str | None
    where: str | None
    lat: float | None
    lon: float | None
    place: str | None
    photo: bool
    """True if `GET /reports/{id}/photo` has one."""
    channel: Channel | None
    """Way to the resident; null if they gave none."""
    address: str | None
    answer: str | None
    answered_at: datetime | None
    answered_by: str
    reason: str
    incident: UUID | None

    @classmethod
    def of(cls, state: ReportState) -> ReportedCase:
        """Build from the aggregate state."""
        return cls(
            id=state.id,
            version=state.version,
            receipt=state.receipt,
            state=state.phase,
            received_at=state.received_at,
            language=state.language,
            words=state.words,
            where=state.where,
            lat=state.lat,
            lon=state.lon,
            place=state.place,
            photo=state.photo,
            channel=state.channel,
            address=state.address,
            answer=state.answer,
            answered_at=state.answered_at,
            answered_by=state.answered_by,
            reason=state.reason,
            incident=state.incident,
        )


class Comment(JsonResponse, frozen=True, kw_only=True):
    """Words of a reader about a notice."""

    at: datetime
    language: str
    words: str | None

    @classmethod
    def of(cls, state: FeedbackState) -> Comment:
        """Build from the aggregate state."""
        return cls(at=state.at, language=state.language, words=state.words)


class Feedback(JsonResponse, frozen=True, kw_only=True):
    """Feedback on a notice's thread: counts, and a page of what was written, newest first."""

    useful: int
    not_useful: int
    written: int
    items: tuple[Comment, ...]
    next: str | None


LIST = Operation("Residents' reports, newest first", response=ListBody[ReportedCase], query={"state": TEXT, **PAGING})
GET = Operation("One report", response=ReportedCase)
PHOTO = Operation("The photo of a report: a JPEG without position or other metadata")
ANSWER = Operation(
    "Answer the resident, once: by mail or text if they gave a way, and on the page of the receipt number",
    response=Accepted,
    body=AnswerBody,
    example={"words": "Thank you. The gas network's crew is on its way."},
)
DISMISS = Operation(
    "Nothing follows from it; the reason is for the record",
    response=Accepted,
    body=DismissBody,
    example={"reason": "The bonfire of the allotments, as every year."},
)
INCIDENT = Operation(
    "Make an incident of it, as POST /incidents does; the key's policy decides about a notice",
    status=201,
    response=AcceptedWithNotice,
    body=IncidentBody,
    example={"headline": "Smell of gas in East Street", "category": "Infra", "area": EXAMPLE_AREA},
)
ERASE = Operation("Erase what the resident wrote, the address and the photo", response=Accepted)
FEEDBACK = Operation("What readers said about a notice's thread", response=Feedback, query=PAGING)


def routes(services: Services) -> list[Route]:
    """Policy rows of reports and feedback."""
    public_url, commands, one_path = services.settings.public_url, services.commands, f"{ROOT}/reports/{{id}}"

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "state", "cursor", "limit")
        phase = one_of(values, "state", get_args(ReportPhase))
        page = await read_page(services, services.views.reports, phase, values.get("cursor"), limit_of(values))
        return page_response(request, public_url, page, ReportedCase.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        return json_response(ReportedCase.of(await _state(services, request)))

    async def photo(request: web.Request) -> web.StreamResponse:
        report = id_of(request, what="report")
        sealed = await read(services, commands.sealed_photo, report)
        raw = None if sealed is None else await read(services, services.unseal, report, sealed)
        if raw is None:
            raise NotFound(f"there is no photo of report {report}")
        headers = {"Content-Disposition": "attachment; filename=report.jpg"}
        return web.Response(body=raw, content_type="image/jpeg", headers=headers)

    async def answer(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, AnswerBody)
        report, idem = id_of(request, what="report"), idempotency(request, raw)
        return _accepted(await commands.answer_report(actor_of(request), report, body.words, idem=idem))

    async def dismiss(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, DismissBody)
        report, idem = id_of(request, what="report"), idempotency(request, raw)
        return _accepted(await commands.dismiss_report(actor_of(request), report, body.reason, idem=idem))

    async def incident(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, IncidentBody)
        report, idem = id_of(request, what="report"), idempotency(request, raw)
        saved = await commands.accept_report(actor_of(request), report, body, idem=idem)
        accepted = AcceptedWithNotice(id=saved.id, version=saved.version, position=saved.position, notice=saved.notice)
        return json_response(accepted, 201, {"Location": f"{public_url}{ROOT}/incidents/{saved.id}"})

    async def erase(request: web.Request) -> web.StreamResponse:
        return _accepted(await commands.erase_report(actor_of(request), id_of(request, what="report")))

    async def feedback(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        notice = id_of(request, what="notice")
        state = found(await read(services, services.views.notice, notice), "notice", notice)
        count = await read(services, services.views.feedback, state.thread)
        words = services.views.feedback_words
        page = await read_page(services, words, state.thread, values.get("cursor"), limit_of(values))
        return json_response(
            Feedback(
                useful=count.useful,
                not_useful=count.not_useful,
                written=count.written,
                items=tuple(map(Comment.of, page.items)),
                next=next_url(public_url, request, page.next),
            )
        )

    return [
        Route("GET", f"{ROOT}/reports", get_page, READ, LIST),
        Route("GET", one_path, get_one, READ, GET),
        Route("DELETE", one_path, erase, WRITE, ERASE),
        Route("GET", f"{one_path}/photo", photo, READ, PHOTO),
        Route("POST", f"{one_path}/answer", answer, WRITE, ANSWER),
        Route("POST", f"{one_path}/dismiss", dismiss, WRITE, DISMISS),
        Route("POST", f"{one_path}/incident", incident, scope("incidents:write", everywhere=True), INCIDENT),
        Route("GET", f"{ROOT}/notices/{{id}}/feedback", feedback, READ, FEEDBACK),
    ]


async def _state(services: Services, request: web.Request) -> ReportState:
    report = id_of(request, what="report")
    return found(await read(services, services.views.report, report), "report", report)


def _accepted(saved: Saved) -> web.Response:
    return json_response(Accepted(id=saved.id, version=saved.version, position=saved.position))
