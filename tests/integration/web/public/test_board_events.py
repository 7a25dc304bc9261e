"""`/board/events`: what a board is told, how often, and how many may listen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alerts.web.public import board_events
from tests.support.scene import Scene, plan_of


async def shown(stream: Any) -> str:
    """The fingerprint of the next event."""
    async with asyncio.timeout(5):
        async for line in stream.content:
            if line.startswith(b"data: "):
                return str(line[6:].decode().strip())
    raise AssertionError("the stream ended")


async def test_a_change_of_its_place_is_told_at_once(scene: Scene, client: Any, page: Any) -> None:
    scene.london()
    async with client.get("/board/events?place=southwark") as here, client.get("/board/events?place=barnet") as there:
        assert here.content_type == "text/event-stream"
        before, elsewhere = await shown(here), await shown(there)
        assert f'data-shown="{before}"' in await page("/board?place=southwark&lang=pl")
        await asyncio.to_thread(scene.fire)
        after = await shown(here)
        assert after != before and f'data-shown="{after}"' in await page("/board?place=southwark")
        assert f'data-shown="{elsewhere}"' in await page("/board?place=barnet")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await shown(there)


async def test_a_heartbeat_confirms_what_is_shown(scene: Scene, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_events, "HEARTBEAT_S", 0.1)
    async with client.get("/board/events") as stream:
        assert await shown(stream) == await shown(stream)


async def test_a_validator_changes_nothing(scene: Scene, client: Any) -> None:
    scene.london()
    for headers in ({"If-None-Match": "*"}, {"Accept-Encoding": "gzip"}):
        async with client.get("/board/events", headers=headers) as stream:
            assert len(await shown(stream)) == 16


async def test_listeners_are_limited(scene: Scene, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_events, "MOST", 1)
    monkeypatch.setattr(board_events, "MOST_OF_NETWORK", 1)
    scene.notice(plan_of("water"))
    assert (await client.get("/board/events?place=nowhere")).status == 404
    async with client.get("/board/events") as stream:
        await shown(stream)
        assert (await client.get("/board/events")).status == 503
    there = {"X-Forwarded-For": "203.0.113.7"}
    monkeypatch.setattr(board_events, "MOST", 9)
    async with client.get("/board/events", headers=there) as stream:
        await shown(stream)
        assert (await client.get("/board/events", headers=there)).status == 429
