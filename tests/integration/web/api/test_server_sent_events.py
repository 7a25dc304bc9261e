"""`/events` as server-sent events: what the feed shows, pushed; no gap and no repeat for whoever comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from alerts.commands import SYSTEM
from alerts.web.api import server_sent_events
from alerts.web.http.app_keys import STREAMS
from tests.support.served import Served, problem

EVENTS = "/api/v1/events"
STREAM = {"Accept": "text/event-stream"}


class Listener:
    """A reader of one stream, as a browser reads it."""

    def __init__(self, answer: ClientResponse) -> None:
        self._answer = answer
        self.mark = ""
        """`Last-Event-ID`."""

    async def blocks(self) -> AsyncIterator[dict[str, str]]:
        """Blocks until the stream ends."""
        block: dict[str, str] = {}
        async for raw in self._answer.content:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                block[name] = value
                continue
            if "id" in block:
                self.mark = block["id"]
            yield block
            block = {}

    async def events(self, count: int, seconds: float = 8.0) -> list[dict[str, Any]]:
        """So many events."""
        found = []
        async with asyncio.timeout(seconds):
            async for block in self.blocks():
                if "data" in block:
                    event = msgspec.json.decode(block["data"])
                    assert block["id"] == str(event["position"])
                    found.append(event)
                    if len(found) == count:
                        return found
        raise AssertionError(f"the stream ended after {len(found)} events")


@asynccontextmanager
async def listening(served: Served, key: dict[str, str], query: str = "", **headers: str) -> AsyncIterator[Listener]:
    """An open stream."""
    async with served.client.get(EVENTS + query, headers={**key, **STREAM, **headers}) as answer:
        assert answer.status == 200 and answer.content_type == "text/event-stream", await answer.text()
        yield Listener(answer)


async def report(served: Served, key: dict[str, str], count: int) -> None:
    """Report incidents, one after the other."""
    for number in range(count):
        await served.ok("POST", "/api/v1/incidents", key, {"headline": f"Fire {number}"}, 201)


async def test_the_stream_is_the_feed(served: Served) -> None:
    key = await served.key()
    await report(served, key, 3)
    async with listening(served, key) as listener:
        feed = (await served.ok("GET", f"{EVENTS}?limit=1000", key))["items"]
        assert await listener.events(len(feed)) == feed
        await report(served, key, 2)
        more = (await served.ok("GET", f"{EVENTS}?after={feed[-1]['position']}", key))["items"]
        assert await listener.events(len(more)) == more and len(more) >= 2


async def test_types_and_where_to_go_on(served: Served) -> None:
    key = await served.key()
    await report(served, key, 4)
    reported = (await served.ok("GET", f"{EVENTS}?type=IncidentReported", key))["items"]
    async with listening(served, key, "?type=IncidentReported") as listener:
        assert await listener.events(4) == reported
    mark = str(reported[1]["position"])
    async with listening(served, key, "?type=IncidentReported&after=0", **{"Last-Event-ID": mark}) as listener:
        assert await listener.events(2) == reported[2:], "the mark of one that comes back counts"
    async with listening(served, key, f"?type=IncidentReported&after={mark}") as listener:
        assert await listener.events(2) == reported[2:]


async def test_a_consumer_that_is_killed_and_resumes_sees_everything_once(served: Served) -> None:
    key = await served.key()
    seen: list[int] = []
    mark = "0"
    writers = [asyncio.create_task(report(served, key, 15)) for _ in range(3)]
    while len(seen) < 45:
        async with listening(served, key, "?type=IncidentReported", **{"Last-Event-ID": mark}) as listener:
            for event in await listener.events(min(7, 45 - len(seen))):
                seen.append(event["position"])
            mark = listener.mark  # the connection is cut here, whatever was on its way
    await asyncio.gather(*writers)
    items = (await served.ok("GET", f"{EVENTS}?type=IncidentReported&limit=1000", key))["items"]
    assert seen == [item["position"] for item in items] and len(items) == 45


async def test_silence_is_filled_and_moves_the_mark(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key()
    await report(served, key, 2)
    assert served.client.app is not None
    monkeypatch.setattr(served.client.app[STREAMS], "_heartbeat", 0.1)
    async with listening(served, key, "?type=TopicRetired") as listener, asyncio.timeout(5):
        async for block in listener.blocks():
            if "" in block:  # a comment
                break
    assert int(listener.mark) == served.parts.log.position()


async def test_a_revoked_key_hears_no_more(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await served.parts.commands.issue_api_key(SYSTEM, "listener", ["read"], None, None)
    assert served.client.app is not None
    monkeypatch.setattr(served.client.app[STREAMS], "_heartbeat", 0.1)
    async with listening(served, {"Authorization": f"Bearer {kept.secret}"}) as listener, asyncio.timeout(5):
        await listener.events(1)
        await served.parts.commands.revoke_api_key(SYSTEM, kept.id)
        async for _ in listener.blocks():
            pass  # until it ends


async def test_many_listeners_share_one_look(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key()
    looks = 0
    page = server_sent_events._page

    def counted(*given: Any) -> Any:
        nonlocal looks
        looks += 1
        return page(*given)

    end = served.parts.log.position()
    monkeypatch.setattr(server_sent_events, "_page", counted)

    async def hear() -> list[int]:
        async with listening(served, key, f"?after={end}&type=IncidentReported") as listener:
            return [event["position"] for event in await listener.events(10)]

    listeners = [asyncio.create_task(hear()) for _ in range(40)]
    await asyncio.sleep(0.3)
    before = looks
    await report(served, key, 10)
    heard = await asyncio.gather(*listeners)
    assert all(one == heard[0] for one in heard) and len(heard[0]) == 10
    assert looks - before < 100, "40 listeners, some 20 commits: not one look each"


async def test_streams_end_when_the_process_stops(served: Served) -> None:
    key = await served.key()
    app = served.client.app
    assert app is not None
    async with listening(served, key) as listener, asyncio.timeout(5):
        await listener.events(1)
        await app[STREAMS].close(app)
        async for _ in listener.blocks():
            pass  # a proper end of the chunked body, or aiohttp raises
    await problem(await served.client.get(EVENTS, headers={**key, **STREAM}), 503)


async def test_what_a_stream_refuses(served: Served) -> None:
    key = await served.key()
    for mark in ("x", "-1", "9" * 30):
        answer = await served.client.get(EVENTS, headers={**key, **STREAM, "Last-Event-ID": mark})
        found = await problem(answer, 422)
        assert found["errors"][0]["field"] == "Last-Event-ID"
    await problem(await served.client.get(f"{EVENTS}?type=Nonsense", headers={**key, **STREAM}), 422)
    await problem(await served.client.get(EVENTS, headers=STREAM), 401)
    head = await served.client.head(EVENTS, headers={**key, **STREAM})
    assert head.status == 200 and head.content_type == "text/event-stream"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("text/event-stream, */*", True),
        ("application/json, text/event-stream;q=0.5", False),
        ("application/json;q=0.4, text/event-stream;q=0.5", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=x", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_who_prefers_a_stream(accept: str, wanted: bool) -> None:
    assert server_sent_events.is_wanted(accept) is wanted
