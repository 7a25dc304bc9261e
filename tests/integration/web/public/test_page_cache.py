"""Pages served from kept bytes: right at once after a cancel, one build for many, nothing left out of their heads."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import make_mocked_request

from alerts.web.http.security import ALWAYS, PAGES
from alerts.web.public.page_cache import PageCache
from tests.support.served import Served

ALERT = {
    "kind": "alert",
    "severity": "Severe",
    "urgency": "Immediate",
    "certainty": "Observed",
    "area": {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.0}},
    "content": {"en": {"title": "Do not drink the water", "body": "Boil it before you drink."}},
}


async def issued(served: Served) -> str:
    key = await served.key(policy="issue")
    made = await served.ok("POST", "/api/v1/notices", key, ALERT, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    return str(made["id"])


async def body(answer: ClientResponse) -> str:
    assert answer.status == 200
    return await answer.text()


async def test_nobody_gets_the_old_page_once_a_cancel_is_answered(served: Served) -> None:
    key = await served.key(policy="issue")
    for _ in range(4):
        notice = await issued(served)
        pages = [f"/alerts/{notice}", f"/alerts/{notice}.json", "/", "/feeds/alerts.atom"]
        before = [await body(await served.client.get(page)) for page in pages]
        ended = asyncio.Event()

        async def read(page: str, ended: asyncio.Event = ended) -> None:
            while not ended.is_set():
                await body(await served.client.get(page))

        readers = [asyncio.create_task(read(page)) for page in pages for _ in range(3)]
        await asyncio.sleep(0.05)
        await served.ok("POST", f"/api/v1/notices/{notice}/cancel", key, {"reason": "A mistake"}, 201)
        after = await asyncio.gather(*(served.client.get(page) for page in pages))
        for page, was, now in zip(pages, before, after, strict=True):
            assert await body(now) != was, page
        assert notice not in await body(after[2]) and notice not in await body(after[3])
        ended.set()
        await asyncio.gather(*readers)


async def test_who_has_the_page_already_is_told_so(served: Served) -> None:
    page = f"/alerts/{await issued(served)}"
    first = await served.client.get(page)
    again = await served.client.get(page, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"] and "Content-Length" not in again.headers
    other = await served.client.get(page, headers={"If-None-Match": '"another"'})
    assert other.status == 200 and await other.text() == await first.text()


@pytest.mark.parametrize("asked", [1, 2])
async def test_a_kept_page_has_every_header_and_head_has_no_body(served: Served, asked: int) -> None:
    page = f"/alerts/{await issued(served)}"
    for _ in range(asked):
        answer = await served.client.get(page)
    for name, value in {**ALWAYS, **PAGES, "Cache-Control": "no-cache"}.items():
        assert answer.headers[name] == value
    assert answer.headers["Date"] and answer.headers["Vary"] == "Accept-Encoding, Accept-Language"
    head = await served.client.head(page)
    assert (head.status, await head.read()) == (200, b"")
    assert head.headers["ETag"] == answer.headers["ETag"]
    async with served.client.get(page, headers={"Accept-Language": "cy"}) as other:
        assert other.headers["Content-Language"] != answer.headers["Content-Language"]


async def test_an_old_client_and_a_leaving_one_get_what_they_can_read(served: Served) -> None:
    page = f"/alerts/{await issued(served)}"
    whole = await (await served.client.get(page)).read()
    server = served.client.server
    for line, extra, closes in (
        ("HTTP/1.1", "Connection: close\r\n", True),
        ("HTTP/1.0", "", True),
        ("HTTP/1.0", "Connection: keep-alive\r\n", False),
        ("HTTP/1.1", "Accept-Encoding: gzip\r\n", False),
    ):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"GET {page} {line}\r\nHost: x\r\n{extra}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        sent = await reader.readexactly(length)
        assert (gzip.decompress(sent) if "gzip" in extra else sent) == whole
        assert ("connection: close" in head) == (closes and line == "HTTP/1.1"), "HTTP/1.0 closes by itself"
        if closes:
            assert await reader.read() == b""
        else:
            writer.write(f"GET {page} {line}\r\nHost: x\r\n{extra}\r\n".encode())
            assert (await reader.readline()).split()[1] == b"200"
        writer.close()


async def test_answers_to_pipelined_requests_keep_their_order(served: Served) -> None:
    page = f"/alerts/{await issued(served)}"
    server = served.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    asked = [page, "/nowhere", page, "/static/look.css", page]
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in asked))
    seen = []
    for _ in asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(int(head.split()[1]))
        await reader.readexactly(int(head.lower().partition("content-length: ")[2].split("\r\n")[0]))
    assert seen == [200, 404, 200, 200, 200]
    writer.close()


@pytest.mark.parametrize("urgent", [True, False])
async def test_readers_come_in_slowly_while_an_emergency_goes_out(served: Served, urgent: bool) -> None:
    """500 a second, by a clock that stands still; and all at once when nothing is urgent."""
    cache = PageCache(replace(served.parts, urgent=lambda: urgent), tick=lambda: 100.0)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(cache.cached(make_mocked_request("GET", "/")) for _ in range(51)))
    assert not urgent or loop.time() - begun >= 0.099
    assert cache._next_slot == pytest.approx(100.102 if urgent else 0.0)
