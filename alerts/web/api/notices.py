"""`/api/v1/notices`: drafting, reading and editing notices. Their transitions are in `notice_actions`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final, cast, get_args
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.results import NoticeSaved
from alerts.contract.bodies import NoticeBody
from alerts.delivery_queue.queries import Progress
from alerts.domain.events import Json, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.terms import NoticeKind, NoticePhase
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_CONTENT, ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.disclosure import BELOW, hidden_progress, reveals, sees_notice_counts
from alerts.web.http.operation import PAGING, TEXT, Operation
from alerts.web.http.requests import edited_version, etag, id_of, json_body, limit_of, merge_patch, one_of, query, read
from alerts.web.http.responses import JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope

NOT_PLANNED: Final = partial(
    Progress, people=0, unreachable=0, late=0, deliveries=0, by_channel={}, planned=False, complete=False
)
"""Progress between a notice's issue and the freezing of its audience."""


class NoticeTaken(JsonResponse, frozen=True, kw_only=True):
    """Accepted change of a notice."""

    id: UUID
    state: str
    version: int
    position: int


class NoticeOut(NoticeTaken, frozen=True, kw_only=True):
    """Issued notice; `dispatch` is the URL of its progress."""

    dispatch: str


class Content(JsonResponse, frozen=True, kw_only=True):
    """Text of a notice in one language."""

    title: str
    body: str
    instruction: str
    sms: str


class Notice(JsonResponse, frozen=True, kw_only=True):
    """Notice. `people`: the current count until the notice is issued, then that of the frozen audience.

    `below`: the number below which a key without `subscribers:read` is not shown it. `organisation`: in whose name it
    goes out, absent for the service itself.
    """

    id: UUID
    number: int
    version: int
    state: str
    people: int | None
    kind: str
    msg_type: str
    thread: UUID
    references: tuple[UUID, ...]
    replaced_by: UUID | None
    incident: UUID | None
    service_change: UUID | None
    topic: str | None
    area: list[Json] | None
    urgency: str
    severity: str
    certainty: str
    category: str | None
    status: str
    priority: str
    danger_to_life: bool
    audience: Json | None
    channels: tuple[str, ...]
    content: dict[str, Content]
    send_at: datetime | None
    expires: datetime | None
    source: str | None
    drafted_at: datetime
    drafted_by: str
    approved_by: str | None
    approved_at: datetime | None
    issued_at: datetime | None
    ended_at: datetime | None
    reason: str
    url: str
    dispatch: str | None
    below: int | msgspec.UnsetType = msgspec.UNSET
    organisation: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, state: NoticeState, people: int | None, public_url: str) -> Notice:
        """Build from the read model."""
        plan = state.plan
        return cls(
            id=state.id,
            number=state.number,
            version=state.version,
            state=state.phase,
            people=people,
            kind=plan.kind,
            msg_type=state.msg_type,
            thread=state.thread,
            references=state.references,
            replaced_by=state.replaced_by,
            incident=plan.incident,
            service_change=plan.service_change,
            topic=plan.topic,
            area=plan.area,
            urgency=plan.urgency,
            severity=plan.severity,
            certainty=plan.certainty,
            category=plan.category,
            status=plan.status,
            priority=state.priority or plan.priority,
            danger_to_life=state.danger_to_life,
            audience=plan.audience,
            channels=plan.channels,
            content=contents(plan),
            send_at=state.send_at or plan.send_at,
            expires=state.expires or plan.expires,
            source=state.source,
            drafted_at=state.drafted_at,
            drafted_by=state.drafted_by,
            approved_by=state.approved_by,
            approved_at=state.approved_at,
            issued_at=state.issued_at,
            ended_at=state.ended_at,
            reason=state.reason,
            url=f"{public_url}/alerts/{state.id}",
            dispatch=dispatch_url(public_url, state.id) if state.issued_at else None,
            organisation=plan.organisation or msgspec.UNSET,
        )


DRAFT = Operation(
    "Draft a notice",
    status=201,
    response=NoticeTaken,
    body=NoticeBody,
    example={"kind": "announcement", "topic": "community", "content": EXAMPLE_CONTENT},
)
LIST = Operation("Notices, newest first", response=ListBody[Notice], query={"state": TEXT, "kind": TEXT, **PAGING})
GET = Operation("One notice", response=Notice)
REVISE = Operation("Edit a notice; any edit voids an approval", response=NoticeTaken, body=NoticeBody, merge_patch=True)
DISPATCH = Operation("How far the dispatch has come", response=Progress)


def routes(services: Services) -> list[Route]:
    """Policy rows of notices."""
    commands, public_url = services.commands, services.settings.public_url
    one_path = f"{ROOT}/notices/{{id}}"

    async def draft(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NoticeBody)
        saved = await commands.draft_notice(actor_of(request), body, idem=idempotency(request, raw))
        return _created_response(saved)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "state", "kind", "cursor", "limit")
        state = cast(NoticePhase | None, one_of(values, "state", get_args(NoticePhase)))
        kind = cast(NoticeKind | None, one_of(values, "kind", get_args(NoticeKind)))
        notices = await read_page(services, services.views.notices, state, kind, values.get("cursor"), limit_of(values))
        return page_response(request, public_url, notices, lambda n: Notice.of(_shown(n), None, public_url))

    async def get_one(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        state = found(await read(services, services.views.notice, notice), "notice", notice)
        shown = Notice.of(_shown(state), await _people(services, state), public_url)
        if not sees_notice_counts(request) and (small := await _is_small(services, state, shown.people)):
            shown = msgspec.structs.replace(shown, people=None, below=small)
        return json_response(shown, headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        # From the log, not the read model: the entity tag must match the current state.
        state = found(await read(services, services.log.state, NOTICE, notice), "notice", notice)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        saved = await commands.revise_notice(actor_of(request), notice, patch, expected)
        return json_response(notice_taken(saved), headers={"ETag": etag(saved.version)})

    async def dispatch(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        state = found(await read(services, services.views.notice, notice), "notice", notice)
        if not state.issued:
            raise NotFound(f"nothing has left yet: this notice is {state.phase}; issue it first")
        found_so_far = await read(services, services.dispatch.progress, state.number)
        if found_so_far is None:
            return json_response(NOT_PLANNED(position=state.issued_position or 0))
        return json_response(found_so_far if sees_notice_counts(request) else hidden_progress(found_so_far))

    def _created_response(saved: NoticeSaved) -> web.StreamResponse:
        headers = {"Location": f"{public_url}{ROOT}/notices/{saved.id}", "ETag": etag(saved.version)}
        return json_response(notice_taken(saved), 201, headers)

    return [
        Route("POST", f"{ROOT}/notices", draft, scope("notices:write"), DRAFT),
        Route("GET", f"{ROOT}/notices", get_page, scope("read"), LIST),
        Route("GET", one_path, get_one, scope("read"), GET),
        Route("PATCH", one_path, revise, scope("notices:write"), REVISE),
        Route("GET", f"{one_path}/dispatch", dispatch, scope("read"), DISPATCH),
    ]


def contents(plan: NoticePlan) -> dict[str, Content]:
    """Return a plan's content by language, with all fields."""
    return {
        tag: Content(title=words.title, body=words.body, instruction=words.instruction, sms=words.sms)
        for tag, words in plan.content.items()
    }


def dispatch_url(public_url: str, notice: UUID) -> str:
    """Return the URL of a notice's dispatch progress."""
    return f"{public_url}/api/v1/notices/{notice}/dispatch"


def notice_taken(saved: NoticeSaved) -> NoticeTaken:
    """Build from the command's result."""
    return NoticeTaken(id=saved.id, state=saved.state, version=saved.version, position=saved.position)


def notice_out(saved: NoticeSaved, public_url: str) -> NoticeOut:
    """Build from the command's result, with the URL of the progress."""
    return NoticeOut(
        id=saved.id,
        state=saved.state,
        version=saved.version,
        position=saved.position,
        dispatch=dispatch_url(public_url, saved.id),
    )


def _id(request: web.Request) -> UUID:
    return id_of(request, what="notice")


def _shown(state: NoticeState) -> NoticeState:
    """Derive danger to life from the plan until the notice is issued."""
    if state.issued:
        return state
    return msgspec.structs.replace(state, danger_to_life=danger_to_life(state.plan, state.msg_type))


async def _people(services: Services, state: NoticeState) -> int | None:
    """Return the frozen audience's count, or the current one before issue; None if no count is possible."""
    if state.issued:
        planned = await read(services, services.views.dispatch, state.id)
        return planned.planned.people if planned and planned.planned else None
    plan = state.plan
    if state.phase == "rejected" or not (plan.area or plan.service_change or plan.topic or plan.audience is not None):
        return None
    await read(services, services.projector.wait_for_applied, services.writer.position(), 2.0)
    try:
        return (await services.projector.count(plan, msg_type=state.msg_type)).people
    except Invalid:
        return None  # a draft may be incomplete, or its RULE may name a deleted entry


async def _is_small(services: Services, state: NoticeState, people: int | None) -> int:
    """Return the limit below which a count is not shown, 0 if it is shown."""
    if people is None:
        return 0
    if people < BELOW or (not state.issued and await read(services, reveals, services, state.plan)):
        return BELOW
    return 0
