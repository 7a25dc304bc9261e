"""The front page for a reader's own place: by postcode, name or position, near before far."""

from __future__ import annotations

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
WALWORTH, EDMONTON = "51.4880,-0.0930", "51.6200,-0.0600"
UNKNOWN = "We do not know that place. Try a postcode."


async def test_near_comes_first_with_its_distance(scene: Scene, page: Page) -> None:
    scene.london()
    scene.fire()
    scene.notice(plan_of("water"))
    text = await page(f"/?q={quote(EDMONTON)}")
    assert "Nothing near 51.6200, -0.0600." in text
    assert text.index("Nothing near") < text.index("Further away") < text.index("Warehouse fire")
    assert "15 km from 51.6200, -0.0600" in text or "14 km from 51.6200, -0.0600" in text
    here = await page(f"/?q={quote(WALWORTH)}")
    assert here.index("Warehouse fire") < here.index("Further away") < here.index("Burst water main")
    assert "is inside the area" in here


async def test_postcode_is_a_place(scene: Scene, page: Page) -> None:
    if not scene.parts.place_lookup.postcodes.available:
        pytest.skip("the extra `postcodes` is not installed")
    scene.london()
    scene.fire()
    text = await page("/?q=se17%201rw")
    assert "<h1>Happening now near SE17 1RW</h1>" in text and "SE17 1RW is inside the area" in text
    assert "at=51.4" in text, "links keep the position"


async def test_name_of_a_registered_place_leads_to_its_page(scene: Scene, client: Any) -> None:
    scene.london()
    answer = await client.get("/?q=southwark&lang=en", allow_redirects=False)
    assert answer.status == 302 and answer.headers["Location"] == "/?lang=en&place=southwark"


async def test_several_places_are_chosen_from(scene: Scene, page: Page) -> None:
    for slug in ("newport-a", "newport-b"):
        square = {"type": "Polygon", "coordinates": [[[0, 51], [0.1, 51], [0.1, 51.1], [0, 51.1], [0, 51]]]}
        told = e.PlaceDefined(slug=slug, name={"en": "Newport"}, geometry=square)
        scene.tell(streams.PLACE, streams.place_id(slug), told)
    text = await page("/?q=newport")
    assert "Which one do you mean?" in text and 'href="/?lang=en&amp;place=newport-a"' in text


@pytest.mark.parametrize("given", ["qqqqzzzz", "<script>alert(1)</script>", "x" * 10_000, "\u202eqq"])
async def test_unknown_place_is_said_twice_and_kept(page: Page, given: str) -> None:
    text = await page(f"/?q={quote(given[:3000])}")
    assert text.count(UNKNOWN) == 2 and "<title>Error: " in text and text.index(UNKNOWN) < text.index("<h1")
    assert "<script>alert" not in text and "\u202e" not in text


@pytest.mark.parametrize("at", ["x", "91,0", "1e5,3", "51.5", "51.5,-0.1,3", "nan,nan"])
async def test_bad_position_is_looked_up_by_name(page: Page, at: str) -> None:
    assert UNKNOWN in await page(f"/?q=qqqqzzzz&at={quote(at)}")


async def test_quiet_place_tells_of_its_last_alert(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.notice(msgspec.structs.replace(plan_of("smoke"), expires=scene.now + timedelta(hours=1)))
    scene.now += timedelta(days=3)
    scene.tell(streams.NOTICE, fire, e.NoticeExpired(), by="system")
    text = await page(f"/?q={quote(WALWORTH)}")
    assert "Last alert 23 November 2026:" in text and "Warehouse fire" in text
    assert "There was no alert in the last year." in await page(f"/?q={quote(EDMONTON)}")


async def test_own_place_is_named_first(scene: Scene, page: Page) -> None:
    scene.london()
    everywhere = [{"circle": {"lat": 51.51, "lon": -0.1, "radius_km": 12}}]
    scene.notice(msgspec.structs.replace(plan_of("smoke"), area=everywhere))
    text = await page("/?place=camden")
    assert "<span>Camden and " in text and " others</span>" in text
    assert "<span>Southwark and " in await page(f"/?q={quote(WALWORTH)}")


async def test_flood_of_places_leaves_the_front_page_cached(scene: Scene, client: Any, page: Page) -> None:
    scene.london()
    statuses = [(await client.get(f"/?q=nowhere{n}")).status for n in range(12)]
    assert 429 in statuses and (await client.get("/")).status == 200


async def test_cancelled_alert_was_never_the_last_one(scene: Scene, page: Page) -> None:
    gas = scene.notice(plan_of("gas"))
    scene.follow(gas, "gas-cancel", "Cancel")
    text = await page("/")
    assert "There was no alert in the last year." in text and "Gas cloud" not in text
