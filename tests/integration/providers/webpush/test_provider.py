"""Web Push to a real peer: what it gets can be decrypted and verified; what it answers becomes the right outcome."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import http_ece
import pytest
from aiohttp import abc, web
from aiohttp.test_utils import TestServer

from alerts.channels.message import Message, SendResult
from alerts.kernel.errors import Unavailable
from alerts.net.safe_client import SafeHttpClient
from alerts.providers.webpush.provider import WebPush
from alerts.providers.webpush.vapid import SECRET_BYTES, Vapid, base64url, point, private_key, verified

NOW = datetime(2026, 11, 23, 14, 6, 2, tzinfo=UTC)
DEVICE = private_key(b"d" * SECRET_BYTES)
AUTH = os.urandom(16)
VAPID = Vapid(lambda: b"v" * SECRET_BYTES, "mailto:ops@town.example", clock=lambda: NOW)


def message(endpoint: str, data: bytes = b'{"title":"x"}', **changes: Any) -> Message:
    keys = {"auth": base64url(AUTH), "p256dh": base64url(point(DEVICE))}
    to = json.dumps({"endpoint": endpoint, "keys": keys})
    given: dict[str, Any] = {"expires": NOW + timedelta(hours=2), "topic": "thread", "urgent": True, **changes}
    return Message(channel="push", delivery="abc", to=to, data=data, sender="", **given)


@asynccontextmanager
async def service(
    status: int = 201, stall: bool = False, **headers: str
) -> AsyncIterator[tuple[str, list[tuple[bytes, dict[str, str]]]]]:
    """A push service; (an endpoint, the requests that came)."""
    came: list[tuple[bytes, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((await request.read(), dict(request.headers)))
        if stall:
            await asyncio.sleep(5)
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_post("/p/{id}", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/p/abc")), came


async def sent(endpoint: str, **changes: Any) -> SendResult:
    client = SafeHttpClient(allow_private=True, connect_s=0.5, total_s=1.0)
    provider = WebPush(client, VAPID, clock=lambda: NOW)
    try:
        return await provider.send(message(endpoint, **changes))
    finally:
        await provider.close()


async def test_a_device_can_read_it_and_the_service_can_tell_whose_it_is() -> None:
    async with service(Location="https://push.example/m/1") as (endpoint, came):
        handed = await sent(endpoint, data='{"title": "Gwyntoedd ŵ"}'.encode())
    assert handed == SendResult(result="sent"), "nothing of the service's own address of the message is kept"
    [(body, headers)] = came
    plain = http_ece.decrypt(body, private_key=DEVICE, auth_secret=AUTH, version="aes128gcm")
    assert json.loads(plain) == {"title": "Gwyntoedd ŵ"}
    origin = endpoint.removesuffix("/p/abc")
    assert verified(headers["Authorization"], origin=origin, public=VAPID.public, now=NOW)
    assert (headers["TTL"], headers["Urgency"], headers["Topic"]) == ("7200", "high", "thread")
    assert headers["Content-Encoding"] == "aes128gcm"
    assert "X-Alerts-Delivery" not in headers, "no stranger is told which delivery it is"


async def test_the_largest_payload_fills_what_a_push_service_takes_and_no_more() -> None:
    async with service() as (endpoint, came):
        await sent(endpoint, data=b"x" * 3993)
    assert len(came[0][0]) == 4096


@pytest.mark.parametrize(
    ("expires", "ttl"),
    [(None, "86400"), (NOW - timedelta(hours=1), "0"), (NOW + timedelta(days=90), str(28 * 86400))],
)
async def test_the_time_to_live_follows_the_notices_end(expires: datetime | None, ttl: str) -> None:
    async with service() as (endpoint, came):
        await sent(endpoint, expires=expires, topic="", urgent=False)
    headers = came[0][1]
    assert (headers["TTL"], headers["Urgency"]) == (ttl, "normal") and "Topic" not in headers


@pytest.mark.parametrize(
    ("status", "result", "retire"),
    [
        (200, "sent", ""), (201, "sent", ""), (202, "sent", ""), (404, "permanent", "gone"), (410, "permanent", "gone"),
        (400, "permanent", ""), (401, "technical", ""), (403, "technical", ""), (413, "permanent", ""),
        (429, "temporary", ""), (500, "temporary", ""), (503, "temporary", ""), (307, "permanent", ""),
    ],
)  # fmt: skip
async def test_each_answer_has_its_outcome(status: int, result: str, retire: str) -> None:
    async with service(status, Location="http://127.0.0.1:1/") as (endpoint, came):
        handed = await sent(endpoint)
    assert (handed.result, handed.retire) == (result, retire)
    assert len(came) == 1
    assert result == "sent" or handed.reason.startswith(str(status))


async def test_retry_after_is_obeyed_in_both_its_forms() -> None:
    for value, wait in (("17", 17.0), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0)):
        async with service(429, **{"Retry-After": value}) as (endpoint, _):
            assert (await sent(endpoint)).retry_after == wait


async def test_a_lost_answer_is_in_doubt_and_no_connection_is_not() -> None:
    async with service(stall=True) as (endpoint, came):
        assert (await sent(endpoint)).result == "in-doubt"
        assert len(came) == 1
    assert (await sent("http://127.0.0.1:1/p/abc")).result == "not-begun"


async def test_what_cannot_be_encrypted_or_may_not_be_posted_to_is_final() -> None:
    provider = WebPush(SafeHttpClient(), VAPID, clock=lambda: NOW)
    broken = Message(channel="push", delivery="a", to='{"endpoint":"x"}', data=b"{}", sender="")
    assert (await provider.send(broken)).result == "permanent"
    private = await provider.send(message("https://127.0.0.1:9/p"))
    assert private.result == "permanent" and "private" in private.reason
    await provider.close()


async def test_a_subject_that_push_services_refuse_is_our_own_fault() -> None:
    odd = Vapid(lambda: b"v" * SECRET_BYTES, "ops", clock=lambda: NOW)
    provider = WebPush(SafeHttpClient(allow_private=True), odd, clock=lambda: NOW)
    handed = await provider.send(message("http://127.0.0.1:1/p"))
    await provider.close()
    assert handed.result == "technical" and "ALERTS_VAPID_SUBJECT" in handed.reason


class SlowNames(abc.AbstractResolver):
    """A DNS that takes its time for the first answer."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self.asked = seconds, 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        self.asked += 1
        await asyncio.sleep(self._seconds)
        return [
            abc.ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def test_message_is_rechecked_after_a_slow_connection() -> None:
    """A cancel that came meanwhile must still stop it (P5)."""
    async with service() as (endpoint, came):
        slow = endpoint.replace("127.0.0.1", "push.example")
        names = SlowNames(0.4)
        client = SafeHttpClient(allow_private=True, begin_s=0.2, resolver=names)
        provider = WebPush(client, VAPID, clock=lambda: NOW)
        try:
            first = await provider.send(message(slow))
            assert (first.result, came) == ("not-begun", [])
            assert await provider.send(message(slow)) == SendResult(result="sent")
            assert names.asked == 1, "the connection was kept: no name was asked for"
        finally:
            await provider.close()
    assert len(came) == 1
    assert provider.health().state == "well", "a slow connection is nobody's failure"


async def test_a_key_that_cannot_be_read_just_now_ends_no_delivery() -> None:
    """As the sweep over commits found: the keys' database was away when the first notification was to be signed."""
    asked: list[int] = []

    def secret() -> bytes:
        asked.append(1)
        if len(asked) == 1:
            raise Unavailable("the database is away")
        return b"v" * SECRET_BYTES

    vapid = Vapid(secret, "mailto:ops@town.example", clock=lambda: NOW)
    provider = WebPush(SafeHttpClient(allow_private=True), vapid, clock=lambda: NOW)
    first = await provider.send(message("http://127.0.0.1:1/p"))
    assert first.result == "not-begun" and "the database is away" in first.reason
    again = await provider.send(message("http://127.0.0.1:1/p"))
    await provider.close()
    assert again.result == "not-begun" and "database" not in again.reason, "then it is signed, and nobody listens there"
