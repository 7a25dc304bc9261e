"""Loopback push service of the inbox. It holds the endpoints' keys, so that real notifications can be decrypted.

`{public_url}/inbox/push/{id}` is an endpoint for every id; nothing is stored for it. Requests are checked as a push
service checks them (RFC 8030, RFC 8292): TTL, aes128gcm, VAPID signature, at most 4096 bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re

import msgspec
from aiohttp import web
from yarl import URL

from alerts.channels.message import Message
from alerts.channels.push import BODY
from alerts.net.push_endpoints import INBOX_PATH
from alerts.providers.inbox import Inbox, Pushed
from alerts.providers.webpush.provider import DELIVERY_HEADER
from alerts.providers.webpush.vapid import SECRET_BYTES, base64url, point, private_key, verified
from alerts.services import Services
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import BODY_S, read, too_large
from alerts.web.http.routing import HOOK, PUBLIC, Route

_KEPT_HEADERS = ("TTL", "Urgency", "Topic", "Content-Encoding", "Content-Type", "Authorization")
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_CHALLENGE = {"WWW-Authenticate": "vapid"}


def routes(services: Services) -> list[Route]:
    """Routes of the endpoints; empty without an inbox."""
    if services.inbox is None:
        return []
    push = _InboxPush(services, services.inbox)
    path = f"{INBOX_PATH}{{id}}"
    return [Route("GET", path, push.subscription, PUBLIC), Route("POST", path, push.take, HOOK)]


class _InboxPush:
    """Handlers of the loopback push service."""

    def __init__(self, services: Services, inbox: Inbox) -> None:
        self._services, self._inbox = services, inbox
        self._url = services.settings.public_url
        self._origin = str(URL(self._url).origin())

    async def subscription(self, request: web.Request) -> web.Response:
        """Return a subscription as a browser's `pushManager.subscribe()` does."""
        id = _id(request)
        keys = {"p256dh": base64url(point(private_key(self._secret(id)))), "auth": base64url(self._auth(id))}
        body = msgspec.json.encode({"endpoint": f"{self._url}{INBOX_PATH}{id}", "keys": keys})
        return web.Response(body=body, content_type="application/json")

    async def take(self, request: web.Request) -> web.Response:
        """Accept one notification as a push service does; it is stored before the response."""
        id = _id(request)
        headers = request.headers
        if not headers.get("TTL", "").isdigit():
            raise RequestRefused(400, "send TTL: the seconds that the message may be kept")
        if headers.get("Content-Encoding", "") != "aes128gcm":
            raise RequestRefused(415, "send Content-Encoding: aes128gcm")
        if "Authorization" not in headers:
            raise RequestRefused(401, "sign the request (RFC 8292)", headers=_CHALLENGE)
        public = await read(self._services, lambda: self._services.vapid.public)
        now = self._services.clock()
        if not verified(headers["Authorization"], origin=self._origin, public=public, now=now):
            raise RequestRefused(403, "this signature is not ours, is for another push service, or has run out")
        body = await _body(request)
        pushed = Pushed(
            raw=base64url(body),
            text=await read(self._services, self._opened, id, body),
            headers={name: headers[name] for name in _KEPT_HEADERS if name in headers},
        )
        to = f"{self._url}{INBOX_PATH}{id}"
        delivery = headers.get(DELIVERY_HEADER, "")[:200]
        result = await self._inbox.take(
            Message(channel="push", delivery=delivery, to=to, data=msgspec.json.encode(pushed), sender="")
        )
        if result.result == "permanent":
            raise RequestRefused(410, "this subscription was given up")
        if result.result != "sent":
            raise RequestRefused(429, "busy: try again", headers={"Retry-After": "1"})
        return web.Response(status=201, headers={"Location": str(URL(f"{self._url}/inbox").with_query(to=to))})

    def _opened(self, id: str, body: bytes) -> str:
        """Return the plain text; "" if it was encrypted for other keys than this endpoint's."""
        import http_ece  # part of pywebpush; imported here, since only the inbox decrypts

        try:
            plain = http_ece.decrypt(
                body, private_key=private_key(self._secret(id)), auth_secret=self._auth(id), version="aes128gcm"
            )
            return bytes(plain).decode()
        except Exception:  # arbitrary input; the library documents no exception types for most faults
            return ""

    def _secret(self, id: str) -> bytes:
        return self._derived(id, "inbox push key", SECRET_BYTES)

    def _auth(self, id: str) -> bytes:
        return self._derived(id, "inbox push auth", 16)

    def _derived(self, id: str, purpose: str, size: int) -> bytes:
        secret = self._services.settings.secret_key.key(purpose)
        return hashlib.blake2b(id.encode(), digest_size=size, key=secret).digest()


def _id(request: web.Request) -> str:
    id = request.match_info["id"]
    if not _ID.fullmatch(id):
        raise RequestRefused(404, "an endpoint's id is made of letters, digits, - and _")
    return id


async def _body(request: web.Request) -> bytes:
    """Read the encrypted body; `body_of` would refuse its Content-Encoding."""
    taken = bytearray()
    async with asyncio.timeout(BODY_S):
        async for chunk in request.content.iter_any():
            taken += chunk
            if len(taken) > BODY:
                raise too_large(BODY)
    return bytes(taken)
