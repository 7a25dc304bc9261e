"""`/api/v1/webhooks`: outgoing webhooks, signed per Standard Webhooks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import WebhookBody
from alerts.domain.events import Json
from alerts.domain.streams import WEBHOOK
from alerts.net.ssrf import check_target
from alerts.services import Services
from alerts.web.api.common import EXAMPLE_AREA, ROOT, actor_of, caller_of, found, idempotency, read_page
from alerts.web.http.operation import PAGING, POSITION, Operation
from alerts.web.http.requests import body_of, etag, id_of, json_body, limit_of, query, read, whole_number
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response, page_response
from alerts.web.http.routing import Route, scope
from alerts.webhooks.progress import WebhookStatus


class WebhookTaken(Accepted, frozen=True, kw_only=True):
    """Added webhook; its secret is returned only here."""

    secret: str


class Webhook(JsonResponse, frozen=True, kw_only=True):
    """Outgoing webhook and its health. `position`: the target has accepted all matching events up to here."""

    id: UUID
    version: int
    url: str
    events: tuple[str, ...]
    area: list[Json] | None
    state: str
    """on, failing (retried at `next_try`), disabled."""
    reason: str
    position: int
    failing_since: datetime | None
    next_try: datetime | None
    last_taken_at: datetime | None
    added_at: datetime

    @classmethod
    def of(cls, status: WebhookStatus) -> Webhook:
        """Build from the webhook's state and progress row."""
        webhook = status.webhook
        failing = webhook.phase == "on" and status.tries > 0
        return cls(
            id=webhook.id,
            version=webhook.version,
            url=webhook.url,
            events=webhook.events,
            area=webhook.area,
            state="failing" if failing else webhook.phase,
            reason=webhook.reason or status.reason,
            position=status.position,
            failing_since=status.failing_since,
            next_try=status.due_at,
            last_taken_at=status.taken_at,
            added_at=webhook.added_at,
        )


ADD = Operation(
    "Post events to a program from here on, signed per Standard Webhooks; the secret is told once",
    status=201,
    response=WebhookTaken,
    body=WebhookBody,
    example={
        "url": "https://example.org/hooks/alerts",
        "events": ["NoticeIssued", "NoticeCancelled"],
        "area": EXAMPLE_AREA,
    },
)
LIST = Operation("Outgoing webhooks of this key, newest first", response=ListBody[Webhook], query=PAGING)
GET = Operation("One outgoing webhook, and how it does", response=Webhook)
REMOVE = Operation("Nothing more is posted to it", response=Accepted)
REPLAY = Operation(
    "Its events again from behind a log position, or on from where it stands; switches it on again",
    status=202,
    response=Accepted,
    query={"after": POSITION},
)


def routes(services: Services) -> list[Route]:
    """Policy rows of outgoing webhooks."""
    commands, settings = services.commands, services.settings

    async def add(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, WebhookBody)
        url = check_target(body.url, "url", allow_private=settings.allow_private_targets)
        wanted = WebhookBody(url=url, events=body.events, area=body.area)
        saved = await commands.add_webhook(actor_of(request), wanted, idem=idempotency(request, raw))
        # Not part of the idempotency record: those are stored unencrypted for a day.
        state = found(await read(services, services.log.state, WEBHOOK, saved.id), "webhook", saved.id)
        accepted = WebhookTaken(id=saved.id, version=saved.version, position=saved.position, secret=state.secret or "")
        headers = {"Location": f"{settings.public_url}{ROOT}/webhooks/{saved.id}", "ETag": etag(saved.version)}
        return json_response(accepted, 201, headers)

    async def owner(request: web.Request) -> UUID | None:
        """Return the key whose webhooks a caller sees; None for all, which a key of an admin does."""
        key = caller_of(request).key
        member = await read(services, services.views.member, key.person) if key.person is not None else None
        return None if member is not None and member.role == "admin" else key.id

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        of = await owner(request)
        webhooks = await read_page(services, services.webhooks.page, values.get("cursor"), limit_of(values), of)
        return page_response(request, settings.public_url, webhooks, Webhook.of)

    async def get_one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="webhook")
        status = found(await read(services, services.webhooks.one, wanted, await owner(request)), "webhook", wanted)
        return json_response(Webhook.of(status), headers={"ETag": etag(status.webhook.version)})

    async def remove(request: web.Request) -> web.StreamResponse:
        query(request)
        return _saved_response(await commands.remove_webhook(actor_of(request), id_of(request, what="webhook")))

    async def replay(request: web.Request) -> web.StreamResponse:
        values = query(request, "after")
        after = whole_number(values, "after", 0, 0) if "after" in values else None
        raw = await body_of(request)
        idem = idempotency(request, raw + f"?after={after}".encode())
        wanted = id_of(request, what="webhook")
        return _saved_response(await commands.replay_webhook(actor_of(request), wanted, after, idem=idem), 202)

    return [
        Route("POST", f"{ROOT}/webhooks", add, scope("webhooks:write", everywhere=True), ADD),
        Route("GET", f"{ROOT}/webhooks", get_page, scope("webhooks:write", everywhere=True), LIST),
        Route("GET", f"{ROOT}/webhooks/{{id}}", get_one, scope("webhooks:write", everywhere=True), GET),
        Route("DELETE", f"{ROOT}/webhooks/{{id}}", remove, scope("webhooks:write", everywhere=True), REMOVE),
        Route("POST", f"{ROOT}/webhooks/{{id}}/replay", replay, scope("webhooks:write", everywhere=True), REPLAY),
    ]


def _saved_response(saved: Saved, status: int = 200) -> web.StreamResponse:
    accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
    return json_response(accepted, status, {"ETag": etag(saved.version)})
