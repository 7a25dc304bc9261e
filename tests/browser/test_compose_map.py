"""The map of compose: a press counts at once, and a drawn area too, by keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_officer_tasks import officers  # noqa: F401  a fixture

pytestmark = pytest.mark.browser


def test_press_and_drawn_area_are_counted_at_once(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page = author.page
    page.goto(f"{author.site.url}/console/notices/new")
    page.get_by_role("button", name="Choose on the map").click()
    page.locator("[data-canvas].leaflet-container").wait_for()
    page.get_by_role("button", name="Take the middle").or_(page.locator("[data-middle]")).first.click()
    author.saved()
    page.locator("#area").get_by_text("A circle of 500 m").wait_for()
    assert page.get_by_label("Add: postcode, place, or point", exact=True).input_value() == ""
    assert "people" in page.locator("#aside").inner_text()

    page.locator("[data-area]").click()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown"):
        page.locator("[data-corner]").click()
        page.locator("[data-canvas]").press(key)
        page.wait_for_timeout(400)
    page.locator("#count-now").get_by_text("It would reach").wait_for()
    version = page.locator("input[name=version]").input_value()
    page.locator("#count-said").get_by_text("It would reach").wait_for()
    assert page.locator("input[name=version]").input_value() == version, "what is being drawn is not saved"
    page.locator("[data-corner]").click()
    page.locator("[data-done]").click()
    page.locator("#area").get_by_text("A drawn outline").wait_for()
    assert not page.locator("input[name=area]").input_value()
    assert page.locator("#count-now").inner_text() == ""


def test_corners_by_pointer_are_counted_while_drawn(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page = author.page
    page.goto(f"{author.site.url}/console/notices/new")
    page.get_by_role("button", name="Choose on the map").click()
    canvas = page.locator("[data-canvas].leaflet-container")
    canvas.wait_for()
    page.locator("[data-area]").click()
    page.locator("[data-done]").wait_for()
    for x, y in ((100, 100), (220, 110), (200, 200)):
        canvas.click(position={"x": x, "y": y})
        page.wait_for_timeout(300)
    page.locator("#count-now").get_by_text("It would reach").wait_for()
    assert page.url.endswith("/new"), "nothing is saved before the area is closed"
    page.route("**/console/notices/new", lambda route: route.fulfill(status=503))
    canvas.click(position={"x": 120, "y": 210})
    page.locator("#count-now").get_by_text("Not counted just now").wait_for()


def test_autosave_shows_a_colleagues_words_and_forgets_no_part(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page = author.page
    page.goto(f"{author.site.url}/console/notices/new")
    for near in ("51.4880,-0.0930", "51.4980,-0.0930"):
        author.fill("Add: postcode, place, or point", near)
        author.press("Add it")
    author.fill("Title: what, and where", "Gas leak, Walworth Road")
    author.fill("What is happening", "A main leaks.")
    author.saved()
    colleague = page.context.new_page()
    colleague.goto(page.url)
    colleague.get_by_label("What is happening").fill("Two mains leak.")
    colleague.locator("#saved").get_by_text("Draft saved").wait_for()

    page.get_by_label("A circle of 500 m around 51.48800").uncheck()  # it keeps the focus: its list is not renewed
    page.get_by_text("What a colleague changed is taken over.").wait_for()
    assert page.get_by_label("What is happening").input_value() == "Two mains leak."
    page.get_by_label("Topic").select_option(index=1)
    page.wait_for_timeout(1_500)
    author.saved()
    page.reload()
    assert page.get_by_label("What is happening").input_value() == "Two mains leak."
    assert page.locator("input[name=keep]").count() == 1 and "51.49800" in page.locator("#area").inner_text()
