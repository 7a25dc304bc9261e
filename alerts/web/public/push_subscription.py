"""Web Push for browsers: public key, subscribe and unsubscribe, service worker and manifest."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.actor import RESIDENT
from alerts.contract.bodies import Body, PushBody, PushKeys
from alerts.kernel.errors import Conflict
from alerts.kernel.signed_tokens import read_contact_token
from alerts.kernel.texts import cut
from alerts.services import Services
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import json_body, read
from alerts.web.http.routing import PUBLIC, TOKEN, Route
from alerts.web.public.templating import STATIC, Site
from subscribers.addresses import endpoint_of
from subscribers.domain.subscriber import SUBSCRIBER

_SHORT = "public, max-age=300"


class DeviceBody(Body, frozen=True, kw_only=True):
    """Body of POST /push/subscriptions."""

    token: str
    endpoint: str
    keys: PushKeys


class DeviceGone(Body, frozen=True, kw_only=True):
    """Body of DELETE /push/subscriptions."""

    token: str
    endpoint: str


def routes(services: Services) -> list[Route]:
    """Policy rows of Web Push, called by the page's script and the service worker."""
    push = _Push(services)
    return [
        Route("GET", "/push/key", push.key, PUBLIC),
        Route("POST", "/push/subscriptions", push.add, TOKEN),
        Route("DELETE", "/push/subscriptions", push.remove, TOKEN),
        Route("GET", "/sw.js", push.worker, PUBLIC),
        Route("GET", "/manifest.webmanifest", push.manifest, PUBLIC),
    ]


class _Push:
    """Handlers of Web Push; the token in a body is that of a person's preferences link."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def key(self, request: web.Request) -> web.Response:
        """Return the public VAPID key, which browsers subscribe with."""
        key = await read(self._services, lambda: self._services.vapid.public)
        return _json({"key": key}, headers={"Cache-Control": _SHORT})

    async def add(self, request: web.Request) -> web.Response:
        """Add this browser as a contact point. Idempotent; a repetition renews its keys."""
        body, _ = await json_body(request, DeviceBody)
        person = self._person(body.token)
        device = PushBody(endpoint=body.endpoint, keys=body.keys)
        try:
            await self._services.commands.add_device(RESIDENT, person, device)
        except Conflict as error:  # drops `extra`: the holder of a preferences link must not learn whose device it is
            raise Conflict(error.message) from error
        state = await read(self._services, self._services.log.state, SUBSCRIBER, person)
        contacts = state.current if state else ()
        id = next((c.number for c in contacts if c.address and _is(c.channel, c.address, body.endpoint)), None)
        return _json({"id": id}, 201)

    async def remove(self, request: web.Request) -> web.Response:
        """Remove this browser. Idempotent; an endpoint of another person is no error either."""
        body, _ = await json_body(request, DeviceGone)
        await self._services.commands.remove_device(RESIDENT, self._person(body.token), body.endpoint)
        return _json({})

    def _person(self, token: str) -> UUID:
        found = read_contact_token(self._services.settings.secret_key, "preferences", token)
        return found[0] if found is not None else _unknown()

    async def worker(self, request: web.Request) -> web.Response:
        """Serve the service worker, at the root path because its path limits its scope."""
        body = (STATIC / "sw.js").read_bytes()
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)

    async def manifest(self, request: web.Request) -> web.Response:
        """Serve the web app manifest; on some phones only installed apps get notifications."""
        body = manifest(Site.of(self._services.settings), self._services.settings.default_language)
        headers = {"Cache-Control": _SHORT}
        return web.Response(body=body, content_type="application/manifest+json", headers=headers)


def manifest(site: Site, language: str) -> bytes:
    """Build the web app manifest."""
    document = {
        "name": site.name,
        "short_name": cut(site.name, 30, ""),
        "id": f"{site.base}/",
        "start_url": f"{site.base}/",
        "scope": f"{site.base}/",
        "display": "standalone",
        "lang": language,
        "background_color": "#ffffff",
        "theme_color": "#1f5aa6",
        "icons": [{"src": site.icon, "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    return msgspec.json.encode(document)


def _is(channel: str, address: str, endpoint: str) -> bool:
    return channel == "push" and endpoint_of(address) == endpoint


def _unknown() -> NoReturn:
    raise RequestRefused(403, "this token opens nobody's preferences; open the page by its link once more")


def _json(document: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(document)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
