"""The live map: our own outlines, and a third party's tiles only where they are configured."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from shapely.geometry import shape

from alerts.web.http import app
from alerts.web.public import templating
from tests.support.scene import Scene

Page = Callable[..., Awaitable[str]]
TILES = "https://tiles.example.org/{z}/{x}/{y}.png"


async def test_outlines_are_small_and_whole(scene: Scene, page: Page) -> None:
    scene.london()
    raw = await page("/feeds/places.geojson")
    found = json.loads(raw)["features"]
    assert len(found) == 33 and len(raw) < 100_000
    assert all(shape(one["geometry"]).area > 0 and one["properties"]["name"] for one in found)


async def test_no_third_party_is_named_by_default(client: Any) -> None:
    answer = await client.get("/")
    assert "img-src 'self' data:;" in answer.headers["Content-Security-Policy"]


async def test_tiles_are_the_one_foreign_host(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "_vendor", lambda base, name: f"{base}/static/vendor/{name}")
    scene.fire()
    settings = msgspec.structs.replace(scene.parts.settings, tile_url=TILES, tile_attribution="© Example & co")
    async with TestClient(TestServer(app.build(replace(scene.parts, settings=settings)))) as client:
        for path in ("/", "/check"):  # cached and not
            answer = await client.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "img-src 'self' data: https://tiles.example.org;" in policy and policy.count("https:") == 1
        text = await (await client.get("/")).text()
    assert f'data-tiles="{TILES}"' in text and 'data-attribution="© Example &amp; co"' in text


async def test_page_keeps_the_drawing_without_the_library(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "_vendor", lambda base, name: "")
    scene.london()
    async with TestClient(TestServer(app.build(scene.parts))) as client:
        text = await (await client.get("/")).text()
    assert "<svg viewBox" in text and "data-zones" not in text and "map.js" not in text
