"""Residents' pages in a real browser: by keyboard and touch, with and without scripts, under their own policy."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.browser.conftest import Site
from tests.support.scene import plan_of

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def page(browser: Any) -> Any:
    """A page that notes what the browser complains about (content policy, scripts, missing files)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    made = context.new_page()
    made.complaints = []
    made.on("console", lambda m: made.complaints.append(m.text) if m.type == "error" else None)
    made.on("pageerror", lambda e: made.complaints.append(str(e)))
    yield made
    context.close()


def test_map_comes_alive_under_the_policy(page: Any, site: Site) -> None:
    page.goto(site.url)
    if not page.locator(".map[data-zones]").count():
        pytest.skip("the map's script was not fetched: python -m tools.fetch_frontend")
    page.wait_for_selector(".live-map path.zone")
    assert page.locator(".live-map path.land").count() > 30
    assert page.locator(".live-map path.zone").first.bounding_box()["width"] > 20, "it is not only there, but seen"
    before = page.locator(".live-map path.zone").first.get_attribute("d")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("d => document.querySelector('.live-map path.zone').getAttribute('d') !== d", arg=before)
    page.locator(".live-map path.zone").first.dispatch_event("click")
    assert page.locator(".leaflet-popup-content a").count() == 1
    assert not page.complaints, page.complaints


def test_live_map_has_a_shape_for_what_closes(page: Any, site: Site) -> None:
    page.goto(site.url + site.pages["closure"])
    if not page.locator(".map[data-zones]").count():
        pytest.skip("the map's script was not fetched: python -m tools.fetch_frontend")
    page.wait_for_selector(".live-map .pin-icon.change")
    assert {"✕", "●"} <= set(page.locator(".live-map .pin-icon").all_inner_texts())
    assert not page.complaints, page.complaints


def test_drawn_map_stays_without_the_library(browser: Any, site: Site) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.route("**/static/vendor/*", lambda route: route.abort())
    page.goto(site.url)
    page.wait_for_timeout(1500)
    assert page.locator(".live-map").count() == 0 and page.locator(".map svg").is_visible()
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_what_is_near_is_found_in_three_presses(browser: Any, site: Site, scripts: bool) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=scripts, locale="en-GB")
    page = context.new_page()
    page.goto(site.url)
    page.get_by_label("Your postcode or place").fill("51.4880, -0.0930")
    page.get_by_role("button", name="Show what is near me").click()
    assert "near 51.4880, -0.0930" in page.get_by_role("heading", level=1).inner_text()
    page.locator("article h2 a").first.click()
    assert "is inside the area" in page.locator("main").inner_text()
    page.get_by_role("link", name="Is this message real?").first.click()
    assert page.get_by_text("Yes, a message of ours has this code.").is_visible()
    context.close()


def test_wrong_place_takes_the_focus_to_the_summary(page: Any, site: Site) -> None:
    page.goto(site.url)
    page.get_by_label("Your postcode or place").fill("qqqqzzzz")
    page.keyboard.press("Enter")
    page.wait_for_selector(".error-summary")
    assert page.evaluate("document.activeElement.className") == "error-summary"
    assert page.title().startswith("Error:")
    page.get_by_role("link", name="We do not know that place. Try a postcode.").click()
    assert page.evaluate("document.activeElement.id") == "q"
    assert page.get_by_label("Your postcode or place").input_value() == "qqqqzzzz"


def test_old_page_turns_grey_and_says_so(page: Any, site: Site) -> None:
    page.clock.install()
    page.goto(site.url)
    page.route("**/*", lambda route: route.abort())
    page.clock.run_for(130_000)
    assert "may be out of date" in page.locator(".old-note").inner_text()
    assert "old" in page.locator("main").get_attribute("class").split()


def test_open_page_renews_itself(page: Any, site: Site) -> None:
    page.clock.install()
    page.goto(site.url)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.get_by_label("Your postcode or place").fill("SE17")
    page.get_by_label("Your postcode or place").blur()
    page.clock.run_for(65_000)
    page.wait_for_timeout(300)
    assert page.get_by_label("Your postcode or place").input_value() == "SE17", "what was typed stays"
    page.wait_for_function("!document.querySelector('main').classList.contains('old')")
    assert any(url.rstrip("/") == site.url for url in fetched)


def test_board_says_its_age_and_goes_home(page: Any, site: Site) -> None:
    page.clock.install()
    page.goto(f"{site.url}/board?place=southwark&lang=en")
    assert page.get_by_role("heading", level=1).inner_text() == "Southwark"
    page.get_by_text("Another place").click()
    page.get_by_role("link", name="Camden", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Camden"
    page.clock.run_for(72_000)
    assert "Back to Southwark in" in page.locator("#going").inner_text()
    page.clock.run_for(20_000)
    page.wait_for_url("**/board?place=southwark*")


def test_issued_notice_appears_on_an_open_board(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/board?place=havering&lang=en")
    page.evaluate("window.untouched = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert site.scene is not None
    plan = msgspec.structs.replace(plan_of("water"), area=({"place": "havering"},))
    notice = site.scene.notice(plan)
    title = next(iter(plan.content.values())).title
    page.get_by_role("heading", name=title).wait_for(timeout=4_000)
    assert len(asked) == 1, "one look, because it was told to"
    site.scene.follow(notice, "smoke-over", "AllClear")
    page.get_by_role("heading", name=title).wait_for(state="detached", timeout=4_000)
    assert page.evaluate("window.untouched"), "without loading the page anew"


def test_board_turns_grey_when_the_line_is_lost(page: Any, site: Site) -> None:
    page.clock.install()
    page.goto(f"{site.url}/board?place=southwark&lang=en")
    assert "Kept fresh" in page.locator("#age").inner_text()
    page.route("**/*", lambda route: route.abort())
    page.clock.run_for(75_000)
    assert "OUT OF DATE" in page.locator("#age").inner_text()
    assert page.evaluate("document.documentElement.classList.contains('stale')")


def test_board_can_be_touched_in_its_lower_half(page: Any, site: Site) -> None:
    for size in ({"width": 1080, "height": 1920}, {"width": 1920, "height": 1080}):
        page.set_viewport_size(size)
        page.goto(f"{site.url}/board?place=southwark&lang=en")
        found = page.evaluate(
            "() => [...document.querySelectorAll('.controls a, .controls button:not([hidden]), .controls summary')]"
            ".filter(e => e.getClientRects().length).map(e => e.getBoundingClientRect())"
            ".map(r => [r.height, r.top])"
        )
        assert len(found) >= 9
        assert all(height >= 60 and top >= size["height"] / 2 for height, top in found), (size, found)
        type_px = page.evaluate("parseFloat(getComputedStyle(document.querySelector('main h2')).fontSize)")
        assert type_px >= size["width"] / 50, "readable at three metres"
