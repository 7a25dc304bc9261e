"""`/api/v1/notices/{id}/...`: transitions of a notice, from submission to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

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
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_CONTENT, ROOT, actor_of, idempotency
from alerts.web.api.notices import NoticeOut, NoticeTaken, notice_out, notice_taken
from alerts.web.http.operation import Operation
from alerts.web.http.requests import etag, id_of, json_body, optional_json_body
from alerts.web.http.responses import json_response
from alerts.web.http.routing import Handler, Route, scope

APPROVE_OR_ISSUE = ("notices:approve", "notices:issue")
"""Scopes for cancel, all-clear and stop: an approver, or a key whose policy is issue (RULES 13)."""


SUBMIT = Operation("Give it to an approver", response=NoticeTaken, body=EmptyBody, body_required=False)
APPROVE = Operation(
    "Approve what GET shows: that version, that many people",
    response=NoticeTaken,
    body=ApproveBody,
    example={"version": 2, "people": 120},
)
REJECT = Operation(
    "Never to be sent", response=NoticeTaken, body=ReasonBody, example={"reason": "This is not for us to say."}
)
RETURN = Operation("Back to its author", response=NoticeTaken, body=ReasonBody, example={"reason": "Name the street."})
SCHEDULE = Operation(
    "To be issued at that time",
    response=NoticeTaken,
    body=ScheduleBody,
    example={"send_at": "2027-03-12T09:30:00+00:00"},
)
ISSUE = Operation("Out, now", status=202, response=NoticeOut, body=EmptyBody, body_required=False)
UPDATE = Operation(
    "Draft an update of the thread",
    status=201,
    response=NoticeTaken,
    body=NoticeBody,
    example={"kind": "announcement", "topic": "community", "content": EXAMPLE_CONTENT},
)
CANCEL = Operation(
    "It should not have been said",
    status=201,
    response=NoticeOut,
    body=CancelBody,
    example={"reason": "It was another street."},
)
ALL_CLEAR = Operation(
    "The danger is over",
    status=201,
    response=NoticeOut,
    body=AllClearBody,
    body_required=False,
    example={"content": EXAMPLE_CONTENT},
)
STOP = Operation(
    "Cancel what has not left; the thread stays live",
    response=NoticeTaken,
    body=ReasonBody,
    example={"reason": "The wrong area was drawn."},
)
RESUME = Operation(
    "Let a dispatch go on that was paused because too many addresses bounced",
    response=NoticeTaken,
    body=ResumeBody,
    body_required=False,
)


def routes(services: Services) -> list[Route]:
    """Policy rows of a notice's transitions."""
    return [*_until_issue(services), *_since_issue(services)]


def _until_issue(services: Services) -> list[Route]:
    """Policy rows of approval, schedule and issue."""
    commands, public_url = services.commands, services.settings.public_url
    one_path = f"{ROOT}/notices/{{id}}"

    async def submit(request: web.Request) -> web.StreamResponse:
        _, raw = await optional_json_body(request, EmptyBody)
        return _saved_response(await commands.submit(actor_of(request), _id(request), idem=idempotency(request, raw)))

    async def approve(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ApproveBody)
        idem = idempotency(request, raw)
        return _saved_response(
            await commands.approve(actor_of(request), _id(request), body.version, body.people, idem=idem)
        )

    async def schedule(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ScheduleBody)
        saved = await commands.schedule(actor_of(request), _id(request), body.send_at, idem=idempotency(request, raw))
        return _saved_response(saved)

    async def issue(request: web.Request) -> web.StreamResponse:
        _, raw = await optional_json_body(request, EmptyBody)
        saved = await commands.issue(actor_of(request), _id(request), idem=idempotency(request, raw))
        return json_response(notice_out(saved, public_url), 202)

    return [
        Route("POST", f"{one_path}/submit", submit, scope("notices:write"), SUBMIT),
        Route("POST", f"{one_path}/approve", approve, scope("notices:approve"), APPROVE),
        Route("POST", f"{one_path}/reject", _with_reason(commands.reject), scope("notices:approve"), REJECT),
        Route("POST", f"{one_path}/return", _with_reason(commands.return_), scope("notices:approve"), RETURN),
        Route("POST", f"{one_path}/schedule", schedule, scope("notices:issue"), SCHEDULE),
        Route("POST", f"{one_path}/issue", issue, scope("notices:issue"), ISSUE),
    ]


def _since_issue(services: Services) -> list[Route]:
    """Policy rows of a thread's further messages, and of its dispatch."""
    commands, public_url = services.commands, services.settings.public_url
    one_path = f"{ROOT}/notices/{{id}}"

    async def update(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NoticeBody)
        saved = await commands.update(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _created_response(saved, public_url)

    async def cancel(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, CancelBody)
        saved = await commands.cancel(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _issued_response(saved, public_url)

    async def all_clear(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, AllClearBody)
        saved = await commands.all_clear(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        return _issued_response(saved, public_url)

    async def resume(request: web.Request) -> web.StreamResponse:
        body, raw = await optional_json_body(request, ResumeBody)
        saved = await commands.resume(actor_of(request), _id(request), body.reason, idem=idempotency(request, raw))
        return _saved_response(saved)

    return [
        Route("POST", f"{one_path}/update", update, scope("notices:write"), UPDATE),
        Route("POST", f"{one_path}/cancel", cancel, scope(*APPROVE_OR_ISSUE), CANCEL),
        Route("POST", f"{one_path}/all-clear", all_clear, scope(*APPROVE_OR_ISSUE), ALL_CLEAR),
        Route("POST", f"{one_path}/stop", _with_reason(commands.stop), scope(*APPROVE_OR_ISSUE), STOP),
        Route("POST", f"{one_path}/resume", resume, scope(*APPROVE_OR_ISSUE), RESUME),
    ]


def _with_reason(command: Callable[..., Awaitable[NoticeSaved]]) -> Handler:
    """Handler of a command that takes a reason."""

    async def handler(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, ReasonBody)
        return _saved_response(
            await command(actor_of(request), _id(request), body.reason, idem=idempotency(request, raw))
        )

    return handler


def _saved_response(saved: NoticeSaved) -> web.StreamResponse:
    return json_response(notice_taken(saved), headers={"ETag": etag(saved.version)})


def _created_response(saved: NoticeSaved, public_url: str) -> web.StreamResponse:
    return json_response(notice_taken(saved), 201, _new_headers(saved, public_url))


def _issued_response(saved: NoticeSaved, public_url: str) -> web.StreamResponse:
    return json_response(notice_out(saved, public_url), 201, _new_headers(saved, public_url))


def _new_headers(saved: NoticeSaved, public_url: str) -> dict[str, str]:
    return {"Location": f"{public_url}{ROOT}/notices/{saved.id}", "ETag": etag(saved.version)}


def _id(request: web.Request) -> UUID:
    return id_of(request, what="notice")
