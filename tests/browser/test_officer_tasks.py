"""SCREENS, tasks 1 to 4 of an officer: counted in actions and seconds, in two browsers.

An action is a press, a choice, or a field that is filled. Screenshots go to the folder that ALERTS_SCREENSHOTS names.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Site
from tests.browser.test_pages import OVERFLOWING, _offences

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("ALERTS_SCREENSHOTS")
NEAR = "51.4880,-0.0930"


class Officer:
    """A member at a desk: actions are counted, each screen is looked at."""

    def __init__(self, page: Any, site: Site, axe: str, role: str) -> None:
        self.page, self.site, self.axe, self.role = page, site, axe, role
        self.actions, self._shots = 0, 0
        page.goto(site.url + site.officer(role))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console")
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the sign-in, or since `start`."""
        return time.monotonic() - self.begun

    def start(self) -> None:
        """Begin to count anew."""
        self.begun, self.actions = time.monotonic(), 0

    def press(self, name: str | re.Pattern[str], role: str = "button") -> None:
        self.actions += 1
        exact = {} if isinstance(name, re.Pattern) else {"exact": True}
        with self.page.expect_event("load"):  # a script that renames the page is no navigation
            self.page.get_by_role(role, name=name, **exact).first.click()

    def fill(self, label: str, text: str) -> None:
        self.actions += 1
        self.page.get_by_label(label, exact=True).first.fill(text)

    def choose(self, label: str, option: str) -> None:
        self.actions += 1
        self.page.get_by_label(label, exact=True).select_option(option)

    def look(self) -> None:
        """Nothing overflows, nothing offends axe."""
        if SCREENSHOTS:
            self._shots += 1
            name = re.sub(r"\W+", "-", f"officer {self.role} {self._shots:02d} {self.page.title()}")[:80]
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)
        assert not self.page.evaluate(OVERFLOWING)
        assert not _offences(self.page, self.axe)

    def saved(self) -> None:
        """Wait until what was typed is saved by itself."""
        self.page.get_by_text("Draft saved").wait_for()


@pytest.fixture
def officers(browser: Any, site: Site, axe: str) -> Iterator[Any]:
    """Makes officers, each in a browser of their own."""
    contexts = []

    def make(role: str, width: int = 1280) -> Officer:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        return Officer(contexts[-1].new_page(), site, axe, role)

    yield make
    for context in contexts:
        context.close()


def warning(author: Officer, title: str, *, drill: bool = False) -> None:
    """Ask for the approval of one sentence: gas leak, everybody within 800 m, keep windows shut."""
    author.press("New notice", "link")
    if drill:
        author.choose("Real or drill", "Exercise")
    author.fill("Add: postcode, place, or point", NEAR)
    author.fill("Radius in metres", "800")
    author.fill("Title: what, and where", title)
    author.fill("What to do", "Stay indoors. Keep windows shut until 23:00.")
    author.fill("Time, 24 hours", "23:00")
    author.look()
    author.press("Save and check")
    author.look()
    author.press(re.compile("^Ask for approval"))


def test_warning_is_asked_for_approved_sent_and_corrected(officers: Any, site: Site) -> None:
    author, approver = officers("author"), officers("approver")
    author.start()
    warning(author, "Gas leak, Walworth Road: stay indoors until 23:00")
    assert "pending approval" in author.page.inner_text("main").lower()
    assert author.actions <= 9 and author.seconds <= 45, (author.actions, author.seconds)

    approver.page.goto(site.url + "/console")
    approver.start()
    approver.press(re.compile("Gas leak, Walworth Road"), "link")
    assert "/approve" in approver.page.url
    focused = approver.page.evaluate("document.activeElement.tagName")
    assert focused == "BODY", "the question comes first: on a phone a focused field would scroll past it"
    approver.look()
    people = re.search(r"to ([\d,]+) people", approver.page.inner_text("h1"))
    assert people is not None, approver.page.inner_text("main")[:800]
    approver.fill("Type the number of people", people[1])
    approver.press(re.compile("^Send to"))
    assert "live" in approver.page.inner_text("main").lower()
    approver.page.locator("#progress").get_by_text(re.compile("people, .* messages")).wait_for()
    assert approver.actions <= 3 and approver.seconds <= 15, (approver.actions, approver.seconds)
    approver.look()

    approver.start()
    approver.press(re.compile("correction"), "link")
    approver.page.get_by_label(re.compile("What was wrong|Say what was wrong")).fill("It was another street.")
    approver.look()
    approver.press(re.compile("^(Send|Cancel|Correct)"))
    assert approver.actions <= 2 and approver.seconds <= 20
    assert "cancelled" in approver.page.inner_text("main").lower()


def test_drill_reaches_no_resident_and_is_recognised(officers: Any, site: Site) -> None:
    author, approver = officers("author"), officers("approver")
    warning(author, "Gas leak, Walworth Road: stay indoors until 23:00", drill=True)
    assert "DRILL" in author.page.title()
    before = author.page.request.get(f"{site.url}/inbox.json?limit=1000").json()["items"]
    approver.page.goto(f"{author.page.url}/approve")
    assert "DRILL" in approver.page.title() and "DRILL" in approver.page.inner_text("h1")
    approver.look()
    approver.press("Send the drill")
    approver.look()
    after = author.page.request.get(f"{site.url}/inbox.json?limit=1000").json()["items"]
    known = {item["id"] for item in before}
    assert not [item for item in after if item["id"] not in known and item["to"].endswith("@resident.example")]


def test_what_is_typed_is_saved_by_itself_and_a_closed_tab_loses_nothing(officers: Any) -> None:
    author = officers("author")
    author.press("New notice", "link")
    author.fill("Title: what, and where", "Flood, East Street: go upstairs until 23:00")
    author.saved()
    where = author.page.url
    assert where.endswith("/edit")
    author.fill("What to do", "Go upstairs")
    author.page.locator("#aside").get_by_text(re.compile("Go upstairs")).first.wait_for()
    author.page.close()
    author.page = author.page.context.new_page()
    author.page.goto(where)
    assert author.page.get_by_label("What to do", exact=True).input_value() == "Go upstairs"


def test_connection_that_is_lost_in_mid_compose_keeps_the_words(officers: Any) -> None:
    author = officers("author")
    author.press("New notice", "link")
    author.fill("Title: what, and where", "Flood, East Street")
    author.saved()
    author.page.context.set_offline(True)
    author.fill("What to do", "Go upstairs at once")
    author.page.get_by_text("no connection").wait_for()
    author.page.context.set_offline(False)
    author.saved()
    author.page.reload()
    assert author.page.get_by_label("What to do", exact=True).input_value() == "Go upstairs at once"


def test_compose_fits_a_phone(officers: Any) -> None:
    author = officers("author", 360)
    author.page.goto(author.page.url + "/notices/new")
    author.look()


@pytest.mark.parametrize("width", [1280, 320])
def test_template_and_its_difference_read_well(officers: Any, width: int) -> None:
    author, approver = officers("author", width), officers("approver", width)
    name = f"Gas leak {width}"
    author.page.goto(author.page.url + "/templates/new")
    author.fill("Name", name)
    author.fill("Blank 1", "road")
    author.choose("Kind of blank 1", "A place")
    author.fill("Title: what, and where", "Gas leak in [road]")
    author.fill("What to do", "Stay indoors. Keep windows shut until 23:00.")
    author.fill("Correction: title", "No gas leak in [road]")
    author.fill("Correction: what to do", "You need not stay indoors.")
    author.press("Save the draft")
    author.look()
    approver.page.goto(author.page.url)
    approver.press("Publish version 1")
    approver.look()
    author.page.goto(f"{author.site.url}/console/templates")
    author.look()
    author.page.goto(f"{author.site.url}/console/notices/new")
    author.choose("Start from a template", name)
    author.press("Take it")
    author.fill("Add: postcode, place, or point", NEAR)
    author.fill("Title: what, and where", "Gas leak in Mill Lane")
    author.fill("What to do", "Stay indoors. Keep windows and doors shut until 23:00.")
    author.press("Save and check")
    assert author.page.locator("#from-template mark").inner_text().endswith("Mill Lane")
    assert author.page.locator("#from-template ins").inner_text().strip() == "and doors"
    author.look()


@pytest.mark.parametrize("width", [1280, 360])
def test_comments_are_read_where_the_draft_is(officers: Any, width: int) -> None:
    author, approver = officers("author", width), officers("approver", width)
    author.page.goto(f"{author.site.url}/console/notices/new")
    author.fill("Title: what, and where", "Flood, East Street: go upstairs until 23:00")
    author.saved()
    approver.page.goto(author.page.url.replace("/edit", "/comments"))
    approver.choose("About", "title-en")
    approver.fill("Comment", "Which end of the street?")
    approver.press("Comment")
    assert approver.page.locator("#comments q").inner_text() == "Flood, East Street: go upstairs until 23:00"
    approver.look()
    author.fill("What to do", "Go upstairs.")
    author.page.locator("#talk").get_by_text("Which end of the street?").wait_for()
    author.fill("Comment", "The east end.")
    author.press("Save and comment")
    assert author.page.get_by_label("What to do", exact=True).input_value() == "Go upstairs."
    said = author.page.locator("#talk .said")
    assert said.all_inner_texts() == ["Which end of the street?", "The east end."], "the newest last"
    author.look()
