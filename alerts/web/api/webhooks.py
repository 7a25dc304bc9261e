"""`/api/v1/webhooks`: programs that are told of events, each signed per Standard Webhooks."""

from __future__ import annotations

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import WebhookBody
from alerts.domain.streams import WEBHOOK
from alerts.net.ssrf import check_target
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.schemas_webhooks import Webhook, WebhookTaken
from alerts.web.http.requests import body_of, etag, id_of, json_body, limit_of, query, read, whole_number
from alerts.web.http.responses import Accepted, answer, page
from alerts.web.http.routing import Route, scope


def routes(parts: Services) -> list[Route]:
    """The policy rows of outgoing webhooks."""
    commands, settings = parts.commands, parts.settings

    async def add(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, WebhookBody)
        url = check_target(body.url, "url", allow_private=settings.allow_private_targets)
        wanted = WebhookBody(url=url, events=body.events, area=body.area)
        kept = await commands.add_webhook(actor_of(request), wanted, idem=idempotency(request, raw))
        # Not part of the kept answer: answers stand in clear for a day.
        state = found(await read(parts, parts.log.state, WEBHOOK, kept.id), "webhook", kept.id)
        taken = WebhookTaken(id=kept.id, version=kept.version, position=kept.position, secret=state.secret or "")
        headers = {"Location": f"{settings.public_url}{ROOT}/webhooks/{kept.id}", "ETag": etag(kept.version)}
        return answer(taken, 201, headers)

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        webhooks = await read_page(parts, parts.webhooks.page, values.get("cursor"), limit_of(values))
        return page(request, settings.public_url, webhooks, Webhook.of)

    async def one(request: web.Request) -> web.StreamResponse:
        wanted = id_of(request, what="webhook")
        standing = found(await read(parts, parts.webhooks.one, wanted), "webhook", wanted)
        return answer(Webhook.of(standing), headers={"ETag": etag(standing.webhook.version)})

    async def remove(request: web.Request) -> web.StreamResponse:
        query(request)
        return _moved(await commands.remove_webhook(actor_of(request), id_of(request, what="webhook")))

    async def replay(request: web.Request) -> web.StreamResponse:
        values = query(request, "after")
        after = whole_number(values, "after", 0, 0) if "after" in values else None
        raw = await body_of(request)
        idem = idempotency(request, raw + f"?after={after}".encode())
        wanted = id_of(request, what="webhook")
        return _moved(await commands.replay_webhook(actor_of(request), wanted, after, idem=idem), 202)

    return [
        Route("POST", f"{ROOT}/webhooks", add, scope("webhooks:write")),
        Route("GET", f"{ROOT}/webhooks", several, scope("webhooks:write")),
        Route("GET", f"{ROOT}/webhooks/{{id}}", one, scope("webhooks:write")),
        Route("DELETE", f"{ROOT}/webhooks/{{id}}", remove, scope("webhooks:write")),
        Route("POST", f"{ROOT}/webhooks/{{id}}/replay", replay, scope("webhooks:write")),
    ]


def _moved(kept: Saved, status: int = 200) -> web.StreamResponse:
    taken = Accepted(id=kept.id, version=kept.version, position=kept.position)
    return answer(taken, status, {"ETag": etag(kept.version)})
