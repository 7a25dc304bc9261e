"""A place is chosen on the map, by pointer and by keyboard, as a point or as a drawn area; forms work without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.web.public.templating import VENDOR
from tests.browser.conftest import Site
from tests.browser.test_pages import OVERFLOWING, PHONE, SMALL, _offences

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (VENDOR / "terra-draw.js").is_file(), reason="the map's scripts are missing: python -m tools.fetch_frontend"
    ),
]
SCREENSHOTS = os.environ.get("ALERTS_SCREENSHOTS")


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A phone under the pages' own policy, which notes what the browser complains about and what it fetches."""
    context = browser.new_context(viewport=PHONE, locale="en-GB")
    made = context.new_page()
    made.complaints, made.fetched = [], []
    made.on("console", lambda m: made.complaints.append(m.text) if m.type == "error" else None)
    made.on("pageerror", lambda e: made.complaints.append(str(e)))
    made.on("request", lambda request: made.fetched.append(request.url))
    yield made
    assert not made.complaints, made.complaints
    context.close()


def _opened(page: Any) -> Any:
    page.get_by_role("button", name="Choose on the map").click()
    canvas = page.locator("[data-canvas]")
    canvas.locator(".leaflet-control-zoom-in").wait_for()
    return canvas


def test_press_on_the_map_is_the_place(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/subscribe?lang=en")
    assert not [url for url in page.fetched if "vendor" in url], "the map is fetched when it is asked for"
    canvas = _opened(page)
    canvas.click(position={"x": 120, "y": 150})
    lat, lon = map(float, page.locator("#q").input_value().split(","))
    assert 51.2 < lat < 51.7 and -0.6 < lon < 0.4
    assert "Marked: " in page.locator("[data-status]").inner_text()
    page.get_by_role("button", name="Continue").last.click()
    assert f"Found: {lat:.4f}, {lon:.4f}" in page.locator("#found").inner_text()
    canvas = _opened(page)
    before = canvas.locator("path.zone").bounding_box()
    page.get_by_label("My side of town").check()
    assert canvas.locator("path.zone").bounding_box()["width"] > 2 * before["width"], "the circle is as wide as chosen"


def test_keyboard_takes_the_middle(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/subscribe?lang=en")
    page.get_by_role("button", name="Choose on the map").focus()
    page.keyboard.press("Enter")
    page.locator("[data-canvas] path.land").first.wait_for()
    page.wait_for_function("document.activeElement.matches('[data-canvas]')")
    page.get_by_role("button", name="Take the middle of the map").press("Enter")
    first = page.locator("#q").input_value()
    page.locator("[data-canvas]").press("ArrowLeft")
    page.wait_for_timeout(400)
    page.get_by_role("button", name="Take the middle of the map").press("Enter")
    assert first and page.locator("#q").input_value() != first


def test_area_is_drawn_by_pointer_and_by_buttons(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/subscribe?lang=en")
    canvas = _opened(page)
    page.get_by_role("button", name="Draw an area instead").click()
    page.get_by_text("Corners: 0.").wait_for()
    for count, (x, y) in enumerate(((80, 100), (220, 110), (200, 220), (120, 200)), 1):
        canvas.hover(position={"x": x, "y": y})
        canvas.click(position={"x": x, "y": y})
        page.get_by_text(f"Corners: {count}.").wait_for()
        page.wait_for_timeout(350)  # two presses at once are a double press
    page.get_by_role("button", name="Take the last corner back").click()
    page.get_by_text("Corners: 3.").wait_for()
    page.get_by_role("button", name="The area is done").click()
    page.get_by_text("Your area has 3 corners.").wait_for()
    page.get_by_role("button", name="Draw an area instead").click()
    for x, y in ((80, 100), (220, 110), (200, 220), (120, 200), (80, 100)):
        canvas.hover(position={"x": x, "y": y})
        canvas.click(position={"x": x, "y": y})
        page.wait_for_timeout(350)
    page.get_by_text("Your area has 4 corners.").wait_for()
    page.get_by_role("button", name="Continue").last.click()
    assert page.locator("#found").inner_text() == "Found: An area that you drew"
    page.get_by_role("button", name="Add another place").click()

    _opened(page)
    page.get_by_role("button", name="Draw an area instead").click()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", ""):
        page.get_by_role("button", name="Corner in the middle of the map").press("Enter")
        if key:
            page.locator("[data-canvas]").press(key)
            page.wait_for_timeout(400)
    page.get_by_role("button", name="Take the last corner back").press("Enter")
    page.get_by_text("Corners: 3.").wait_for()
    page.get_by_role("button", name="The area is done").press("Enter")
    page.get_by_text("Your area has 3 corners.").wait_for()
    page.get_by_label("A name for it").count()
    page.get_by_role("button", name="Continue").last.click()
    assert page.locator("#found").inner_text() == "Found: An area that you drew"
    page.get_by_role("button", name="Continue").last.click()
    assert page.get_by_role("heading", level=1).inner_text() == "What do you want to hear about?"


@pytest.mark.parametrize(("lang", "scheme"), [("en", "dark"), ("ar", "light")])
def test_open_map_is_well_made(browser: Any, site: Site, axe: str, lang: str, scheme: str) -> None:
    context = browser.new_context(viewport=PHONE, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    for name in ("subscribe", "report"):
        page.goto(f"{site.url}/{name}?lang={lang}")
        page.locator("[data-open]").click()
        page.locator("[data-canvas] path.land").first.wait_for()
        page.locator("[data-middle]").click()
        assert not page.locator("[data-open], [data-corner]").first.is_visible()
        if SCREENSHOTS:
            page.wait_for_timeout(300)
            page.screenshot(path=str(Path(SCREENSHOTS) / f"pick-{name}-{lang}-{scheme}.png"), full_page=True)
        assert not page.evaluate(OVERFLOWING)
        assert not page.evaluate(SMALL.replace("'button, .button", "'button:not(.sr), .button"))
        assert not _offences(page, axe)
    context.close()
