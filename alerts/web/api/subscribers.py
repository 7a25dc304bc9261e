"""`/api/v1/subscribers`: people who asked to be told, by programs that act for them."""

from __future__ import annotations

from aiohttp import web

from alerts.commands.results import SubscriberSaved
from alerts.contract.bodies import SubscriberBody
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency, read_page
from alerts.web.api.schemas_subscribers import Subscriber, SubscriberTaken
from alerts.web.http.requests import (
    edited_version,
    etag,
    id_of,
    json_body,
    limit_of,
    merge_patch,
    one_of,
    query,
    read,
)
from alerts.web.http.responses import answer, page
from alerts.web.http.routing import Route, scope
from subscribers.domain.subscriber import SUBSCRIBER


def routes(parts: Services) -> list[Route]:
    """The policy rows of subscribers."""
    commands, public_url = parts.commands, parts.settings.public_url

    async def register(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, SubscriberBody)
        kept = await commands.register_subscriber(actor_of(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{public_url}{ROOT}/subscribers/{kept.id}", "ETag": etag(kept.version)}
        return answer(SubscriberTaken.of(kept), 201, headers)

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        people = await read_page(parts, parts.directory.people, values.get("cursor"), limit_of(values))
        return page(request, public_url, people, Subscriber.of)

    async def one(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        state = found(await read(parts, parts.directory.person, person), "subscriber", person)
        return answer(Subscriber.of(state), headers={"ETag": etag(state.version)})

    async def change(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        state = found(await read(parts, parts.log.state, SUBSCRIBER, person), "subscriber", person)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        return _moved(await commands.change_subscriber(actor_of(request), person, patch, expected))

    async def end(request: web.Request) -> web.StreamResponse:
        person = id_of(request, what="subscriber")
        erase = one_of(query(request, "erase"), "erase", ("true", "false")) == "true"
        if erase:
            return _moved(await commands.erase_subscriber(actor_of(request), person))
        return _moved(await commands.end_subscriber(actor_of(request), person, "asked for"))

    return [
        Route("POST", f"{ROOT}/subscribers", register, scope("subscribers:write")),
        Route("GET", f"{ROOT}/subscribers", several, scope("subscribers:read")),
        Route("GET", f"{ROOT}/subscribers/{{id}}", one, scope("subscribers:read")),
        Route("PATCH", f"{ROOT}/subscribers/{{id}}", change, scope("subscribers:write")),
        Route("DELETE", f"{ROOT}/subscribers/{{id}}", end, scope("subscribers:write")),
    ]


def _moved(kept: SubscriberSaved) -> web.StreamResponse:
    return answer(SubscriberTaken.of(kept), headers={"ETag": etag(kept.version)})
