"""Web Push for browsers: public key, subscribe and unsubscribe, service worker and manifest."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.commands.actor import RESIDENT
from alerts.contract.bodies import Body, PushBody, PushKeys
from alerts.kernel.errors import Conflict
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
    """Handlers of Web Push. The token in a body is a fresh link's, or the one that a browser got when it was added.

    A browser of the team has one too: it renews that browser's subscription, and does nothing else.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def key(self, request: web.Request) -> web.Response:
        """Return the public VAPID key, which browsers subscribe with."""
        key = await read(self._services, lambda: self._services.vapid.public)
        return _json({"key": key}, headers={"Cache-Control": _SHORT})

    async def add(self, request: web.Request) -> web.Response:
        """Add this browser as a contact point. Idempotent; a repetition renews its keys."""
        body, _ = await json_body(request, DeviceBody)
        device = PushBody(endpoint=body.endpoint, keys=body.keys)
        if (renewed := await self._services.team_devices.renew(body.token, device)) is not None:
            return _json({"id": None, "token": renewed}, 201)
        person, replaces = await self._holder(body.token)
        try:
            await self._services.commands.add_device(RESIDENT, person, device, replaces=replaces)
        except Conflict as error:  # drops `extra`: the holder of a fresh link must not learn whose device it is
            raise Conflict(error.message) from error
        state = await read(self._services, self._services.log.state, SUBSCRIBER, person)
        contacts = state.current if state else ()
        id = next((c.number for c in contacts if c.address and _is(c.channel, c.address, body.endpoint)), None)
        token = "" if id is None else self._services.fresh_links.of_device(person, id)
        return _json({"id": id, "token": token}, 201)

    async def remove(self, request: web.Request) -> web.Response:
        """Remove this browser. Idempotent; an endpoint of another person is no error either."""
        body, _ = await json_body(request, DeviceGone)
        person, own = await self._holder(body.token)
        await self._services.commands.remove_device(RESIDENT, person, body.endpoint, only=own)
        return _json({})

    async def _holder(self, token: str) -> tuple[UUID, int | None]:
        """Return the person, and the contact point of the browser that this token is tied to, if any."""
        links = self._services.fresh_links
        if (fresh := await read(self._services, links.read, token)) is not None:
            return fresh.subscriber, None
        return await read(self._services, links.read_device, token) or _unknown()

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
    raise RequestRefused(403, "this token does not hold any more; ask for a fresh link, which is good for one hour")


def _json(document: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(document)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
