"""Connections that hold what others need: too many, too slow, packed, broken off."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from alerts.intake import cap_reader, strict_json
from alerts.kernel.errors import Malformed
from alerts.web.http import app, connections, requests
from alerts.web.http.connections import ConnectionGate, ConnectionLimits, listening
from alerts.web.http.problem import RequestRefused
from tests.support.cap import alert, info
from tests.support.served import Served, problem

Connect = Callable[[], Any]


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite alone: connections do not depend on the database."""
    return str(request.param)


@asynccontextmanager
async def limited(served: Served, **limits: Any) -> AsyncIterator[tuple[Connect, ConnectionGate]]:
    """The product behind a listener with these limits; a function that connects to it."""
    runner = web.AppRunner(app.build(served.parts), access_log=None)
    await runner.setup()
    async with listening(runner, "127.0.0.1", 0, ConnectionLimits(**limits)) as (server, gate):
        port = server.sockets[0].getsockname()[1]
        try:
            yield lambda: asyncio.open_connection("127.0.0.1", port), gate
        finally:
            await runner.cleanup()


GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))
    return head.split(b"\r\n")[0]


async def ended(reader: asyncio.StreamReader) -> bool:
    """True if the server ends the connection without a word."""
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionResetError:
        return True


async def test_idle_connections_and_slow_headers_end(served: Served) -> None:
    async with limited(served, idle=0.3, headers=0.3) as (connect, gate):
        silent, _ = await connect()
        slow, writer = await connect()
        writer.write(GET[:-2])
        used, other = await connect()
        other.write(GET)
        assert b"200" in await answered(used)
        for reader in (silent, slow, used):
            assert await ended(reader)
        await asyncio.sleep(0)
        assert gate.open == 0


async def test_connections_of_one_request_after_another_stay(served: Served) -> None:
    async with limited(served, idle=0.4, headers=0.4) as (connect, _):
        reader, writer = await connect()
        for _ in range(4):
            writer.write(GET)
            assert b"200" in await answered(reader)
            await asyncio.sleep(0.2)


async def test_too_many_connections_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with limited(served, total=2) as (connect, gate):
        first, writer = await connect()
        _second = await connect()
        refused, _ = await connect()
        assert (await refused.read()).startswith(b"HTTP/1.1 503")
        writer.write(GET)
        assert b"200" in await answered(first), "the others are served"
        writer.close()
        while gate.open > 1:
            await asyncio.sleep(0.01)
        again, writer = await connect()
        writer.write(GET)
        assert b"200" in await answered(again)
    monkeypatch.setattr(connections, "is_loopback", lambda _: False)
    async with limited(served, per_peer=1) as (connect, gate):
        only = await connect()
        refused, _ = await connect()
        assert (await refused.read()).startswith(b"HTTP/1.1 503") and gate.refused == 1
        only[1].close()


async def test_hang_up_in_a_body_is_no_error(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    key = (await served.key())["Authorization"]
    head = (
        f"POST /api/v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    gone = served.parts.requests
    async with limited(served) as (connect, gate):
        with caplog.at_level(logging.WARNING):
            _, writer = await connect()
            writer.write(head.encode())
            await writer.drain()
            await asyncio.sleep(0.3)
            writer.transport.abort()
            while gate.open:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
    assert gone is not None and not [r for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]


async def test_body_that_does_not_arrive_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_S", 0.2)
    key = {**await served.key(), "Content-Type": "application/json"}

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1.0)
        yield b"}"

    await problem(await served.client.post("/api/v1/incidents", data=slowly(), headers=key), 408)


async def test_body_of_a_stranger_is_not_unpacked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []
    real = zlib.decompressobj

    def watched(*args: Any) -> Any:
        unpacked.append(1)
        return real(*args)

    monkeypatch.setattr(zlib, "decompressobj", watched)
    bomb = gzip.compress(b"x" * 50_000_000)
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    await problem(await served.client.post("/api/v1/incidents", data=bomb, headers=packed), 401)
    await problem(await served.client.post("/hooks/nobody", data=bomb, headers=packed), 404)
    assert not unpacked
    await problem(
        await served.client.post("/api/v1/incidents", data=bomb, headers={**packed, **await served.key()}), 413
    )
    assert len(unpacked) == 1


def test_unpacking_stops_at_the_limit() -> None:
    assert requests.unpacked(gzip.compress(b"ab"), "gzip", 10) == b"ab"
    assert requests.unpacked(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", 10) == b"abcd"
    raw = zlib.compressobj(wbits=-15)
    assert requests.unpacked(raw.compress(b"ab") + raw.flush(), "deflate", 10) == b"ab"
    assert requests.unpacked(zlib.compress(b"ab"), "deflate", 10) == b"ab"
    for packed in (gzip.compress(b"a" * 11), gzip.compress(b"a" * 6) * 2):
        with pytest.raises(RequestRefused, match="larger"):
            requests.unpacked(packed, "gzip", 10)
    for broken in (b"", b"no", gzip.compress(b"ab")[:-1]):
        with pytest.raises(Malformed):
            requests.unpacked(broken, "gzip", 10)


async def test_strangers_are_limited_and_known_keys_are_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key()
    monkeypatch.setattr(served.parts.limits, "_tick", lambda: 0.0)  # no token comes back
    await served.ok("GET", "/api/v1/incidents", key)
    statuses = set()
    for number in range(260):
        wrong = {"Authorization": f"Bearer wrong{number}"}
        statuses.add((await served.client.get("/api/v1/incidents", headers=wrong)).status)
    assert statuses == {401, 429}
    await served.ok("GET", "/api/v1/incidents", key)


async def test_large_bodies_are_parsed_off_the_event_loop(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    real = strict_json._decode

    def watched(text: str) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return real(text)

    monkeypatch.setattr(strict_json, "_decode", watched)
    key = await served.key()
    body = {"headline": "x", "description": "y" * 17_000}
    await served.ok("POST", "/api/v1/incidents", key, {"headline": "x"}, 201)
    await served.ok("POST", "/api/v1/incidents", key, body, 201)
    patch = {"content": {"en": {"title": "x", "body": "y" * 17_000}}}
    made = await served.ok("POST", "/api/v1/notices", key, {"kind": "announcement", **patch}, 201)
    await served.ok("PATCH", f"/api/v1/notices/{made['id']}", {**key, "If-Match": "*"}, patch)
    assert threads == [True, False, False, False]


async def test_parsing_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PARSE_S", 0.05)
    ending = threading.Event()
    with pytest.raises(RequestRefused, match="could not be read"):
        await requests.off_loop(b" " * 20_000, ending.wait, 5)
    ending.set()
    assert await requests.off_loop(b"", lambda: 3) == 3


async def test_large_cap_messages_are_parsed_off_the_event_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    real = cap_reader.parse

    def watched(*args: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return real(*args)

    monkeypatch.setattr(cap_reader, "parse", watched)
    headers = {"Authorization": f"Bearer {await served.source('cap', name='fire')}", "Content-Type": "application/xml"}
    for number, count in enumerate((1, 40)):
        body = alert(*[info(event=f"Fire {n}") for n in range(count)], identifier=f"fire-{number}")
        answer = await served.client.post("/hooks/fire", data=body, headers=headers)
        assert answer.status == 202, await answer.text()
    assert threads == [True, False]


async def test_message_of_too_many_warnings_is_parked(served: Served) -> None:
    secret = await served.source("cap", name="fire")
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/xml"}
    body = alert(*[info(event=f"Fire {n}") for n in range(101)])
    answer = await (await served.client.post("/hooks/fire", data=body, headers=headers)).json()
    found = await served.ok("GET", f"/api/v1/triggers/{answer['id']}", await served.key())
    assert found["state"] == "parked" and "101 different things" in found["reason"]
