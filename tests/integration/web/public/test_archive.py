"""`/archive` and `/places/{slug}`: what was said, and what there is in a place."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from alerts.domain import events as e
from alerts.domain import streams
from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]


async def test_past_is_marked_as_over_with_its_year(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.fire()
    scene.follow(fire, "smoke-over", "AllClear")
    gas = scene.notice(plan_of("gas"))
    scene.follow(gas, "gas-cancel", "Cancel")
    scene.notice(plan_of("water"))
    text = await page("/archive")
    assert "3 results, 25 August 2026 to 23 November 2026" in text
    cards = {
        m[1]: m[0] for m in re.findall(r'(<article class="card.*?href="/alerts/([^"?]+)".*?</article>)', text, re.S)
    }
    assert "<b>Over</b>" in cards[str(fire)] and "23 November 2026" in cards[str(fire)]
    assert "it should not have been sent" in cards[str(gas)] and "<del>" in cards[str(gas)]
    assert text.count("<b>Over</b>") == 1


async def test_place_and_days_narrow_the_search(scene: Scene, page: Page) -> None:
    scene.london()
    scene.fire(), scene.notice(plan_of("water"))
    here = await page("/archive?place=southwark")
    assert "Warehouse fire" in here and "Burst water main" not in here
    by_position = await page(f"/archive?q={quote('51.4880,-0.0930')}")
    assert "Warehouse fire" in by_position and "Burst water main" not in by_position
    old = await page("/archive?from=2020-01-01&to=2020-02-01")
    assert "Nothing was said there then." in old and "Warehouse fire" not in old
    [wider] = re.findall(r'class="button" href="([^"]+)"[^>]*>Search all places', old)
    assert "Warehouse fire" in await page(wider.replace("&amp;", "&"))
    assert "Warehouse fire" in await page("/archive?from=23/11/2026&to=23.11.2026")


@pytest.mark.parametrize(
    ("query", "words", "field"),
    [
        ("from=2026-11-24&to=2026-11-23", "The end must not be before the start.", "to"),
        ("from=yesterday", "Write the day as 24/11/2026.", "from"),
        ("to=2026-02-30", "Write the day as 24/11/2026.", "to"),
        (f"to={'9' * 3000}", "Write the day as 24/11/2026.", "to"),
        ("from=%3Cscript%3Ealert(1)%3C/script%3E", "Write the day as 24/11/2026.", "from"),
        ("q=qqqqzzzz", "We do not know that place. Try a postcode.", "q"),
    ],
)
async def test_wrong_fields_are_said_twice_and_kept(page: Page, query: str, words: str, field: str) -> None:
    text = await page(f"/archive?{query}")
    assert text.count(words) == 2 and "<title>Error: " in text and f'<a href="#{field}">{words}</a>' in text
    assert "<script>alert" not in text


async def test_everything_wrong_is_all_said(page: Page) -> None:
    text = await page("/archive?q=qqqqzzzz&from=x&to=y")
    assert text.count("Write the day as 24/11/2026.") == 4 and text.count("We do not know that place.") == 2


async def test_drills_and_drafts_are_no_record(scene: Scene, page: Page) -> None:
    scene.notice(msgspec.structs.replace(plan_of("smoke"), status="Exercise"))
    scene.propose(plan_of("gas"))
    text = await page("/archive")
    assert "Warehouse fire" not in text and "Gas cloud" not in text


async def test_place_shows_what_is_there(scene: Scene, page: Page) -> None:
    scene.london()
    scene.fire(), scene.notice(plan_of("water"))
    scene.closure()
    text = await page("/places/southwark")
    assert "<h1>Southwark</h1>" in text and "Warehouse fire" in text and "Burst water main" not in text
    points = text[text.index("Service points and opening hours") :]
    assert "Peckham" in points and "Half of London" in points
    [raw] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.S)
    found = json.loads(raw)["@graph"]
    assert any(one.get("openingHoursSpecification") for one in found)


async def test_place_without_points_names_the_nearest(scene: Scene, page: Page) -> None:
    scene.london()
    square = {"type": "Polygon", "coordinates": [[[0.5, 52], [0.6, 52], [0.6, 52.1], [0.5, 52.1], [0.5, 52]]]}
    told = e.PlaceDefined(slug="far", name={"en": "Farham"}, geometry=square)
    scene.tell(streams.PLACE, streams.place_id("far"), told)
    text = await page("/places/far")
    assert "There is none in this place. The nearest:" in text and " km" in text
    assert "Nothing near Farham." in text


async def test_unknown_place_has_no_page(client: Any) -> None:
    for path in ("/places/atlantis", "/places/%3Cb%3E", "/archive?place=atlantis", "/archive?page=99"):
        assert (await client.get(path)).status == 404, path


async def test_point_that_closed_is_not_offered(scene: Scene, page: Page) -> None:
    scene.london()
    scene.closure()
    assert "<b>Walworth</b>" in await page("/places/southwark")
    scene.now += timedelta(days=9)
    assert "<b>Walworth</b>" not in await page("/places/southwark")
