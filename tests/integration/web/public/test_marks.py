"""UPDATE, CANCELLED and ALL CLEAR come first on what everybody sees, in each language."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from alerts.channels.i18n import LANGUAGES, translator
from alerts.web.public.page_frame import PageFrame
from tests.support.scene import Scene


def tags(text: str) -> list[str]:
    """Words beside each severity sign of a page."""
    found = re.findall(r'<span class="sev[^"]*"[^>]*>(.*?)</span>', text, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", one)).strip() for one in found]


async def test_an_update_says_so_everywhere(scene: Scene, page: Any) -> None:
    scene.london()
    fire = scene.fire()
    scene.follow(fire, "smoke-update", "Update")
    for tag in LANGUAGES:
        mark = translator(tag).text("mark", "Update")
        shown = await page(f"/alerts/{fire}?lang={tag}")
        assert html.unescape(re.findall("<title>(.*?)</title>", shown)[0]).startswith(mark)
        for path in (f"/alerts/{fire}?lang={tag}", f"/board?lang={tag}", f"/?lang={tag}"):
            assert tags(await page(path))[0].startswith(mark), path
        assert f"\n{mark}" in await page(f"/bulletin.txt?lang={tag}")
        for feed in ("alerts", "cap"):
            titles = re.findall("<title>(.*?)</title>", await page(f"/feeds/{feed}.atom?lang={tag}"))
            assert html.unescape(titles[1]).startswith(mark), feed
        features = json.loads(await page(f"/feeds/alerts.geojson?lang={tag}"))["features"]
        assert features[0]["properties"]["mark"] == mark


@pytest.mark.parametrize("ending", ["Cancel", "AllClear"])
async def test_an_end_says_so_on_page_and_poster(scene: Scene, page: Any, ending: Any) -> None:
    scene.london()
    fire = scene.fire()
    scene.follow(fire, "smoke-over", ending)
    frame = PageFrame(scene.parts)
    for tag in LANGUAGES:
        mark = translator(tag).text("mark", ending)
        shown = await page(f"/alerts/{fire}?lang={tag}")
        assert html.unescape(re.findall("<title>(.*?)</title>", shown)[0]).startswith(mark)
        assert tags(shown)[0].startswith(mark)
        context = frame.notices.page(scene.views.thread(fire, issued=True), frame.reader(tag, scene.now))
        poster = frame.pages.render("print/poster.html", translator(tag), {**context, "qr": "", "address": ""}).decode()
        band = html.unescape(re.findall(r'<p class="band">(.*?)</p>', poster)[0])
        assert band.startswith(mark)
