"""The words of compose: counters as one types, languages side by side or in tabs, previews in frames."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.test_officer_tasks import OVERFLOWING, _offences, officers  # noqa: F401  a fixture

pytestmark = pytest.mark.browser
TITLE = "Title: what, and where"


def begun(author: Any) -> str:
    """A saved draft in English, Polish and Urdu; its address."""
    author.page.goto(f"{author.site.url}/console/notices/new")
    author.fill(TITLE, "Gas leak, Walworth Road: stay indoors until 23:00")
    author.fill("What to do", "Stay indoors. Keep windows shut until 23:00.")
    author.saved()
    for tag in ("pl", "ur"):
        author.choose("Add a language", tag)
        author.press("Save the draft")
        if tag == "pl":
            author.page.locator("[name=title-pl]").fill("Wyciek gazu, Walworth Road")
    return str(author.page.url).partition("?")[0]


def shown(page: Any) -> list[str]:
    """Languages whose fields can be seen."""
    return [tag for tag in ("en", "pl", "ur") if page.locator(f"[name=title-{tag}]").is_visible()]


def test_letters_are_counted_as_one_types_and_said_after_a_rest(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page = author.page
    page.goto(f"{author.site.url}/console/notices/new")
    title, counter, said = page.locator("[name=title-en]"), page.locator("#title-en-n"), page.locator("#letters-said")
    title.press_sequentially("Gas leak żółć 🔥")
    assert counter.inner_text() == "15 letters, 50 left of 65."
    assert said.inner_text() == "", "nothing is read out in the middle of a word"
    said.get_by_text("15 letters, 50 left of 65.").wait_for()
    title.fill("x" * 70)
    assert counter.inner_text() == "70 letters, 5 more than 65."
    author.saved()
    page.locator("[name=sms-en]").fill("Gas leak, Walworth Road. Stay in.")
    whole = page.locator("#sms-en-n").get_by_text(re.compile("Whole message: .* 1 text each"))
    whole.wait_for()
    page.locator("#aside .phone .sms").get_by_text("Gas leak, Walworth Road. Stay in.").first.wait_for()
    sent = page.locator("#aside .phone .sms").first.inner_text()
    assert whole.inner_text().startswith(f"Whole message: {len(sent)} of 160"), sent
    said.get_by_text("Whole message:").wait_for()
    live = whole.inner_text()
    page.reload()
    assert page.locator("#sms-en-n").inner_text() == live, "the page has it without a script too"


def test_languages_stand_side_by_side_where_there_is_room(officers: Any, browser: Any) -> None:  # noqa: F811
    author = officers("author")
    url, page = begun(author), author.page
    assert shown(page) == ["en", "ur"], "the first, and the one that was just added"
    left, right = (page.locator(f"#words-{tag}").bounding_box() for tag in ("en", "ur"))
    assert left["y"] == right["y"] and right["x"] > left["x"] + left["width"] - 1
    author.look()
    page.get_by_role("tab", name=re.compile("Polish")).click()
    assert shown(page) == ["en", "pl"]
    page.get_by_role("tab", name=re.compile("English")).click()
    assert shown(page) == ["en"]
    page.locator("#aside a[href='#instruction-pl']").first.click()
    assert shown(page) == ["en", "pl"] and page.evaluate("document.activeElement.name") == "instruction-pl"
    plain = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    try:
        still = plain.new_page()
        for width in (1280, 360):
            still.set_viewport_size({"width": width, "height": 900})
            still.goto(f"{url}?language=ur")
            assert shown(still) == ["en", "pl", "ur"] and not still.get_by_role("tab").count()
    finally:
        plain.close()


def test_tabs_of_a_phone_go_by_keyboard_and_say_what_is_missing(officers: Any) -> None:  # noqa: F811
    author = officers("author", 360)
    url, page = begun(author), author.page
    page.goto(url)
    assert shown(page) == ["en"] and page.get_by_role("tab").count() == 2, "a language without a word is not kept"
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["pl"] and page.evaluate("document.activeElement.id") == "tab-pl"
    assert page.get_by_role("tabpanel", name=re.compile("Polish")).is_visible()
    page.keyboard.press("Home")
    assert shown(page) == ["en"]
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["pl"], "round from the first to the last"
    lacks = page.locator("#tab-pl [data-lacks]")
    assert "What to do" in lacks.inner_text()
    page.locator("[name=instruction-pl]").fill("Zostań w domu do 23:00.")
    page.locator("#tab-pl [data-lacks]:not(:text('What to do'))").wait_for(state="attached")
    page.emulate_media(color_scheme="dark")
    author.look()


def test_previews_stand_beside_the_words_and_stay_open(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page, asked = author.page, []
    page.on("request", lambda request: asked.append(request.url))
    begun(author)
    assert not [one for one in asked if "mail.html" in one or "page.html" in one], "fetched only when it is opened"
    for what, words in (("mail", "Walworth Road"), ("page", "Preview: only the team sees this.")):
        page.locator(f"#{what}-en > summary").click()
        frame = page.frame_locator(f"#{what}-en iframe")
        frame.get_by_text(words).first.wait_for()
    margin = page.frame_locator("#page-en iframe").locator("body").evaluate("getComputedStyle(document.body).margin")
    assert margin == "0px", "with our own style sheet"
    author.fill("What to do", "Stay indoors, and keep calm.")
    page.locator("#aside .sms").get_by_text("keep calm").first.wait_for()
    assert page.locator("#mail-en[open]").count() == 1, "it stays open while the draft is written"
    page.frame_locator("#mail-en iframe").get_by_text("keep calm").locator("visible=true").first.wait_for()
    author.look()


def test_outline_that_is_too_fine_is_said_when_it_is_pasted(officers: Any) -> None:  # noqa: F811
    author = officers("author")
    page = author.page
    page.goto(f"{author.site.url}/console/notices/new")
    page.get_by_text("Paste an outline (GeoJSON)").click()
    corners = "[-0.09,51.48],[-0.08,51.48],[-0.08,51.49],[-0.08002,51.49003],[-0.09,51.49],[-0.09,51.48]"
    page.get_by_label("Polygon or MultiPolygon").fill(f'{{"type":"Polygon","coordinates":[[{corners}]]}}')
    page.locator("#count-now").get_by_text("Its outline is too fine: Corners lie 4 m apart").wait_for()
    author.press("Add it")
    author.look()
    author.press(re.compile("^Simplify: 5 corners become 4"))
    assert "5 corners became 4." in page.locator("#fine").inner_text()
    author.look()
