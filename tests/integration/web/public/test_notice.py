"""A notice's page: the latest word as heading, what it means for the reader's place, and what programs read."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]
LD = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.S)


@pytest.mark.parametrize(
    ("first", "key", "msg_type"), [("gas", "gas-cancel", "Cancel"), ("smoke", "smoke-over", "AllClear")]
)
async def test_heading_is_the_latest_word(scene: Scene, page: Page, first: str, key: str, msg_type: Any) -> None:
    begun = scene.notice(plan_of(first))
    scene.follow(begun, key, msg_type)
    old = next(iter(plan_of(first).content.values())).title
    last = next(iter(plan_of(key).content.values())).title
    text = await page(f"/alerts/{begun}")
    [heading] = re.findall(r"<h1[^>]*>(.*?)</h1>", text)
    assert last in heading.replace("&#39;", "'") and old not in heading
    assert f">{old}</del>" in text.replace("&#39;", "'")


async def test_closure_names_what_is_open_near_the_reader(scene: Scene, page: Page) -> None:
    scene.london()
    closure = scene.closure()
    text = await page(f"/alerts/{closure}?q={quote('51.4880,-0.0930')}")
    table = text[text.index("<caption>") : text.index("</table>")]
    assert "Open and nearest to 51.4880, -0.0930" in table
    assert re.search(r"Peckham.*2\.\d km.*Brixton.*3\.\d km", table, re.S) and "Walworth" not in table
    here = await page(f"/alerts/{closure}?place=southwark")
    assert "nearest to Southwark" in here
    assert "<caption>" not in await page(f"/alerts/{closure}")


async def test_alert_says_how_far_it_is(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.fire()
    assert "is inside the area" in await page(f"/alerts/{fire}?q={quote('51.4880,-0.0930')}")
    assert re.search(r"1\d km from 51\.6200", await page(f"/alerts/{fire}?q={quote('51.6200,-0.0600')}"))
    assert "We do not know that place." in await page(f"/alerts/{fire}?q=qqqqzzzz")


async def test_programs_read_what_holds(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.fire()
    text = await page(f"/alerts/{fire}")
    found = json.loads(LD.findall(text)[0])
    assert found["@type"] == "SpecialAnnouncement" and found["datePosted"].startswith("2026-11-23T14:32")
    assert found["spatialCoverage"]["geo"] and found["spatialCoverage"]["name"]
    assert '<meta property="og:title" content="Warehouse fire in Walworth: poisonous smoke">' in text
    assert re.search(r'<meta property="og:description" content="Southwark[^"]*Go indoors', text)


async def test_drill_is_nothing_for_programs(scene: Scene, page: Page) -> None:
    drill = scene.notice(msgspec.structs.replace(plan_of("smoke"), status="Exercise"))
    assert not LD.findall(await page(f"/alerts/{drill}"))


async def test_hostile_words_stay_inside_the_data(scene: Scene, page: Page) -> None:
    plan = plan_of("market")
    bad = "</script><script>alert(1)</script>"
    content = {"en": msgspec.structs.replace(next(iter(plan.content.values())), title=bad)}
    notice = scene.notice(msgspec.structs.replace(plan, content=content), source=None)
    text = await page(f"/alerts/{notice}")
    assert "<script>alert" not in text and json.loads(LD.findall(text)[0])["name"] == bad


async def test_page_asks_whether_it_was_useful(scene: Scene, page: Page) -> None:
    fire = scene.fire()
    text = await page(f"/alerts/{fire}")
    assert f'action="/alerts/{fire}/feedback?lang=en"' in text and "Was this useful?" in text
