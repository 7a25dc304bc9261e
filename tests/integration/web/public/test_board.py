"""`/board` and `/bulletin.txt`: the same news for a wall and for a voice."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]


async def test_board_shows_the_worst_first(scene: Scene, page: Page) -> None:
    scene.london()
    scene.notice(plan_of("water"))
    scene.fire()
    scene.closure()
    text = await page("/board?place=southwark")
    assert text.index("Warehouse fire") < text.index("front desks close") and "<h1>Southwark</h1>" in text
    assert "Nothing is happening now." in await page("/board?place=barnet")


async def test_board_offers_places_nearest_first_and_languages(scene: Scene, page: Page) -> None:
    scene.london()
    text = await page("/board?place=southwark&lang=en")
    names = re.findall(r'<li><a href="/board\?place=([a-z-]+)&amp;', text)
    assert names[0] == "southwark" and len(names) == 33
    assert names.index("lambeth") < names.index("enfield")
    assert 'href="/board?place=southwark&amp;lang=cy&amp;home=southwark.en"' in text
    assert 'data-home=""' in text


async def test_board_knows_its_way_home(scene: Scene, page: Page) -> None:
    scene.london()
    text = await page("/board?place=camden&lang=ar&size=2&home=southwark.en")
    assert 'data-home="/board?place=southwark&amp;lang=en&amp;home=southwark.en"' in text
    assert 'content="90;url=/board?place=southwark' in text and 'class="large"' in text


@pytest.mark.parametrize("home", ["x", "nowhere.en", "southwark.xx", "<b>.en", "a" * 3000])
async def test_foreign_home_is_ignored(scene: Scene, page: Page, home: str) -> None:
    scene.london()
    assert 'data-home=""' in await page(f"/board?place=southwark&lang=en&home={home}")


async def test_unknown_place_has_no_board(client: Any) -> None:
    for path in ("/board?place=nowhere", "/board?place=%3Cb%3E", "/bulletin.txt?place=nowhere"):
        assert (await client.get(path)).status == 404, path


async def test_bulletin_is_read_out_sentence_by_sentence(scene: Scene, page: Page, client: Any) -> None:
    scene.london()
    scene.fire()
    scene.closure()
    text = await page("/bulletin.txt?place=southwark")
    lines = text.splitlines()
    assert lines[0].endswith(": Happening now in Southwark.") and lines[1].startswith("As of Monday 23 November")
    assert lines[2] == "1 alert." and "Severe, act now." in lines
    assert lines[-1] == "That is all."
    assert all(line.endswith((".", "!", "?", ":")) for line in lines)
    assert "http" not in text and "*" not in text and "<" not in text
    answer = await client.get("/bulletin.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8" and answer.headers["ETag"]
    again = await client.get("/bulletin.txt", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


async def test_bulletin_speaks_the_language(scene: Scene, page: Page) -> None:
    assert (await page("/bulletin.txt?lang=cy")).splitlines()[-1] == "Dyna’r cwbl."
