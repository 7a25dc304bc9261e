"""`/api/v1/notices`: what we tell people, from draft to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, cast, get_args
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.results import NoticeSaved
from alerts.contract.bodies import (
    AllClearBody,
    ApproveBody,
    CancelBody,
    EmptyBody,
    NoticeBody,
    ReasonBody,
    ResumeBody,
    ScheduleBody,
)
from alerts.delivery_queue.queries import Progress
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import danger_to_life
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.terms import NoticeKind, NoticePhase
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.schemas_notices import Notice, notice_out, notice_taken
from alerts.web.http.requests import (
    edited_version,
    etag,
    id_of,
    json_body,
    limit_of,
    merge_patch,
    one_of,
    optional_json_body,
    query,
    read,
)
from alerts.web.http.responses import answer, page
from alerts.web.http.routing import Handler, Route, scope

APPROVE_OR_ISSUE = ("notices:approve", "notices:issue")
"""Cancel, all-clear and stop take one who may approve, or a key whose policy says issue (RULES 13)."""

NOT_PLANNED: Final = partial(
    Progress, people=0, unreachable=0, late=0, deliveries=0, by_channel={}, planned=False, complete=False
)
"""Between a notice's issue and the moment its audience is frozen."""


def routes(parts: Services) -> list[Route]:
    """The policy rows of notices."""
    commands, public_url = parts.commands, parts.settings.public_url
    one_path = f"{ROOT}/notices/{{id}}"

    async def draft(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NoticeBody)
        kept = await commands.draft_notice(actor_of(request), body, idem=idempotency(request, raw))
        return _created(kept)

    async def update(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NoticeBody)
        kept = await commands.update(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _created(kept)

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "state", "kind", "cursor", "limit")
        state = cast(NoticePhase | None, one_of(values, "state", get_args(NoticePhase)))
        kind = cast(NoticeKind | None, one_of(values, "kind", get_args(NoticeKind)))
        notices = await read_page(parts, parts.views.notices, state, kind, values.get("cursor"), limit_of(values))
        return page(request, public_url, notices, lambda n: Notice.of(_shown(n), None, public_url))

    async def one(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        state = found(await read(parts, parts.views.notice, notice), "notice", notice)
        shown = Notice.of(_shown(state), await _people(parts, state), public_url)
        return answer(shown, headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        # From the log, not the read model: the entity tag is compared with what is true now.
        state = found(await read(parts, parts.log.state, NOTICE, notice), "notice", notice)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        kept = await commands.revise_notice(actor_of(request), notice, patch, expected)
        return answer(notice_taken(kept), headers={"ETag": etag(kept.version)})

    async def dispatch(request: web.Request) -> web.StreamResponse:
        notice = _id(request)
        state = found(await read(parts, parts.views.notice, notice), "notice", notice)
        if not state.issued:
            raise NotFound(f"nothing has left yet: this notice is {state.phase}; issue it first")
        found_so_far = await read(parts, parts.dispatch.progress, state.number)
        return answer(found_so_far or NOT_PLANNED(position=state.issued_position or 0))

    async def submit(request: web.Request) -> web.StreamResponse:
        _, raw = await optional_json_body(request, EmptyBody)
        return _moved(await commands.submit(actor_of(request), _id(request), idem=idempotency(request, raw)))

    async def approve(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ApproveBody)
        idem = idempotency(request, raw)
        return _moved(await commands.approve(actor_of(request), _id(request), body.version, body.people, idem=idem))

    async def schedule(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ScheduleBody)
        kept = await commands.schedule(actor_of(request), _id(request), body.send_at, idem=idempotency(request, raw))
        return _moved(kept)

    async def issue(request: web.Request) -> web.StreamResponse:
        _, raw = await optional_json_body(request, EmptyBody)
        kept = await commands.issue(actor_of(request), _id(request), idem=idempotency(request, raw))
        return answer(notice_out(kept, public_url), 202)

    async def cancel(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, CancelBody)
        kept = await commands.cancel(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _out(kept)

    async def all_clear(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, AllClearBody)
        kept = await commands.all_clear(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _out(kept)

    async def resume(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, ResumeBody)
        kept = await commands.resume(actor_of(request), _id(request), body.reason, idem=idempotency(request, raw))
        return _moved(kept)

    def with_reason(command: Callable[..., Awaitable[NoticeSaved]]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            body, raw = await json_body(request, ReasonBody)
            return _moved(await command(actor_of(request), _id(request), body.reason, idem=idempotency(request, raw)))

        return handler

    def _created(kept: NoticeSaved) -> web.StreamResponse:
        headers = {"Location": f"{public_url}{ROOT}/notices/{kept.id}", "ETag": etag(kept.version)}
        return answer(notice_taken(kept), 201, headers)

    def _moved(kept: NoticeSaved) -> web.StreamResponse:
        return answer(notice_taken(kept), headers={"ETag": etag(kept.version)})

    def _out(kept: NoticeSaved) -> web.StreamResponse:
        headers = {"Location": f"{public_url}{ROOT}/notices/{kept.id}", "ETag": etag(kept.version)}
        return answer(notice_out(kept, public_url), 201, headers)

    return [
        Route("POST", f"{ROOT}/notices", draft, scope("notices:write")),
        Route("GET", f"{ROOT}/notices", several, scope("read")),
        Route("GET", one_path, one, scope("read")),
        Route("PATCH", one_path, revise, scope("notices:write")),
        Route("GET", f"{one_path}/dispatch", dispatch, scope("read")),
        Route("POST", f"{one_path}/submit", submit, scope("notices:write")),
        Route("POST", f"{one_path}/approve", approve, scope("notices:approve")),
        Route("POST", f"{one_path}/reject", with_reason(commands.reject), scope("notices:approve")),
        Route("POST", f"{one_path}/return", with_reason(commands.return_), scope("notices:approve")),
        Route("POST", f"{one_path}/schedule", schedule, scope("notices:issue", "notices:approve")),
        Route("POST", f"{one_path}/issue", issue, scope("notices:issue")),
        Route("POST", f"{one_path}/update", update, scope("notices:write")),
        Route("POST", f"{one_path}/cancel", cancel, scope(*APPROVE_OR_ISSUE)),
        Route("POST", f"{one_path}/all-clear", all_clear, scope(*APPROVE_OR_ISSUE)),
        Route("POST", f"{one_path}/stop", with_reason(commands.stop), scope(*APPROVE_OR_ISSUE)),
        Route("POST", f"{one_path}/resume", resume, scope(*APPROVE_OR_ISSUE)),
    ]


def _id(request: web.Request) -> UUID:
    return id_of(request, what="notice")


def _shown(state: NoticeState) -> NoticeState:
    """Until it is issued, danger to life is what the plan would be."""
    if state.issued:
        return state
    return msgspec.structs.replace(state, danger_to_life=danger_to_life(state.plan, state.msg_type))


async def _people(parts: Services, state: NoticeState) -> int | None:
    """The frozen audience's count, or as it stands now; None where nobody could be counted."""
    if state.issued:
        planned = await read(parts, parts.views.dispatch, state.id)
        return planned.planned.people if planned and planned.planned else None
    plan = state.plan
    if state.phase == "rejected" or not (plan.area or plan.service_change or plan.topic or plan.audience is not None):
        return None
    await read(parts, parts.follower.wait_applied, parts.writer.position(), 2.0)
    try:
        return (await parts.follower.count(plan, msg_type=state.msg_type)).people
    except Invalid:
        return None  # a draft may be unfinished, its RULE may name what is gone
