"""An emergency from the sign-in page to its sending, by two people: actions counted, a person's seconds estimated.

A press, a filled field and a drawn shape are one action each. docs/guide.md has the table; the figures there are these.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.commands.actor import SYSTEM, Actor
from alerts.domain.events import Blank, Content, TemplateText
from alerts.domain.roles import SCOPES
from alerts.domain.streams import MEMBER
from tests.browser.conftest import Site
from tests.browser.keystrokes import Keystrokes
from tests.browser.test_officer_keyboard import in_its_own_loop
from tests.browser.test_officer_tasks import Officer

pytestmark = pytest.mark.browser
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
TITLE, UNTIL = "Gas leak, Walworth Road: stay indoors until 23:00", "23:00"
ADVICE = "Stay indoors. Shut windows and doors."
CORNERS = ((220, 90), (380, 90), (380, 230), (220, 230))
"""Corners of the area in pixels of the map, which shows the registered places."""


class Person(Officer):
    """A member with a sign-in link in hand, who has seen the screens once."""

    def __init__(self, page: Any, site: Site, axe: str, role: str, asked: str = "") -> None:
        self.page, self.site, self.axe, self.role = page, site, axe, role
        self.actions, self._shots, self.hand, self.waited = 0, 0, Keystrokes(), 0.0
        page.goto(site.url + site.officer(role) + (f"?next={asked}" if asked else ""))
        self.press("Sign in")

    def press(self, name: str | re.Pattern[str], role: str = "button") -> None:
        self.hand.press()
        began = time.monotonic()
        super().press(name, role)
        self.waited += time.monotonic() - began

    def type_all(self, label: str, text: str) -> None:
        """Fill an empty field."""
        self.hand.press()
        self.hand.type(len(text))
        self.fill(label, text)

    def replace(self, label: str, text: str, *typed: str) -> None:
        """Mark some words of a field, one after the other, and type others; `text` is what it has then."""
        for words in typed:
            self.hand.select()
            self.hand.type(len(words))
        self.fill(label, text)

    def draw(self) -> None:
        """Open the map by the button that begins to draw, and draw the area."""
        self.actions += 2
        self.hand.press()
        began = time.monotonic()
        self.page.get_by_role("button", name="Draw an area on the map").click()
        self.page.locator("[data-done]").wait_for()
        self.waited += time.monotonic() - began
        canvas = self.page.locator("[data-canvas].leaflet-container")
        for x, y in (*CORNERS, CORNERS[0]):
            canvas.click(position={"x": x, "y": y})
            self.page.wait_for_timeout(300)
        self.hand.draw(len(CORNERS))
        self.page.locator("#area").get_by_text("A drawn outline").wait_for()


@pytest.fixture
def people(browser: Any, site: Site, axe: str) -> Iterator[Callable[..., Person]]:
    """Makes people, each in a browser of their own."""
    contexts = []

    def make(role: str, asked: str = "") -> Person:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        return Person(contexts[-1].new_page(), site, axe, role, asked)

    yield make
    for context in contexts:
        context.close()


ENGLISH = Content(title="Gas leak, [road]: stay indoors until [time]", instruction=ADVICE)
LONGER = Content(title=ENGLISH.title, instruction="Stay indoors until [time].", body="A gas main in [road] is leaking.")
WELSH = Content(
    title="Nwy yn gollwng, [road], SE17 1RW: arhoswch y tu mewn tan [time]",
    instruction="Arhoswch y tu mewn tan [time].",
    body="Mae nwy yn gollwng yn [road].",
)


async def publish(site: Site, slug: str, name: str, content: dict[str, Content]) -> None:
    """Publish a template for a gas leak: a road and a time are its blanks."""
    assert site.scene is not None
    commands, publisher = site.scene.commands, site.officers["approver"]
    state = site.scene.parts.log.state(MEMBER, publisher)
    assert state is not None
    text = TemplateText(
        name=name,
        severity="Severe",
        urgency="Immediate",
        certainty="Observed",
        channels=("email", "sms", "push"),
        blanks=(Blank(name="road", kind="place"), Blank(name="time", kind="time")),
        content=content,
        corrections={
            tag: Content(title="No gas leak in [road]", instruction="You need not stay indoors.") for tag in content
        },
    )
    drafted = await commands.draft_template(SYSTEM, slug, text)
    actor = Actor(
        kind="person", id=str(publisher), person=publisher, scopes=frozenset(SCOPES), member_version=state.version
    )
    await commands.publish_template(actor, drafted.id, drafted.version)


def asked_for(author: Person, missing: str = "0") -> str:
    """Check, and ask for approval; the path of the question. `missing`: pattern of the count before the check."""
    author.page.locator("#dock").get_by_text(re.compile(rf"^{missing} missing")).wait_for()
    author.press("Save and check")
    author.press(re.compile("^Ask for approval"))
    assert "pending approval" in author.page.inner_text("main").lower(), author.page.inner_text("main")
    return f"{author.page.url.removeprefix(author.site.url)}/approve"


def sent(approver: Person) -> None:
    """Read the question, type the number and send."""
    people = re.search(r"to ([\d,]+) (?:people|person)", approver.page.inner_text("h1"))
    assert people is not None, "the sign-in leads to the question itself"
    approver.type_all("Type the number of people", people[1])
    approver.press(re.compile("^Send to"))
    assert "live" in approver.page.inner_text("main").lower()


def check(path: str, author: Person, approver: Person) -> None:
    """Hold the count against the limit, and the table of the guide against the count."""
    actions = author.actions + approver.actions
    average, good = (author.hand.seconds(one) + approver.hand.seconds(one) for one in ("average", "good"))
    row = f"| {path} | {author.actions} + {approver.actions} = {actions} | {average:.0f} s | {good:.0f} s |"
    machine = author.waited + approver.waited
    print(row, f"waited {machine:.1f} s for pages", author.hand.operators, approver.hand.operators)
    assert actions <= 12
    assert machine <= 45, machine
    assert row in GUIDE.read_text(encoding="utf-8"), row


def test_blank_emergency_with_a_drawn_area_takes_twelve_actions(people: Callable[..., Person]) -> None:
    author = people("author")
    author.press("New notice", "link")
    author.draw()
    author.type_all("Title: what, and where", TITLE)
    author.type_all("What to do", ADVICE)
    author.replace("Time, 24 hours", UNTIL, UNTIL)
    approver = people("approver", asked_for(author))
    sent(approver)
    check("blank", author, approver)


def test_emergency_from_a_template_takes_fewer(people: Callable[..., Person], site: Site) -> None:
    in_its_own_loop(publish(site, "gas-leak", "Gas leak", {"en": ENGLISH}))
    author = people("author")
    author.look()
    author.press("Gas leak", "link")
    author.draw()
    author.replace("Title: what, and where", TITLE, "Walworth Road", UNTIL)
    author.replace("Time, 24 hours", UNTIL, UNTIL)
    approver = people("approver", asked_for(author))
    sent(approver)
    check("from a template", author, approver)


def test_emergency_in_two_languages_types_each_blank_once(people: Callable[..., Person], site: Site) -> None:
    in_its_own_loop(publish(site, "gas-leak-welsh", "Gas leak, two languages", {"en": LONGER, "cy": WELSH}))
    author = people("author")
    author.press("Gas leak, two languages", "link")
    author.draw()
    author.type_all("road", "Walworth Road")
    author.type_all("time", UNTIL)
    author.replace("Time, 24 hours", UNTIL, UNTIL)
    for width, scheme in ((360, "dark"), (1280, "light")):
        author.page.emulate_media(color_scheme=scheme)
        author.page.set_viewport_size({"width": width, "height": 900})
        author.look()
    author.page.get_by_text("Draft saved").wait_for()
    assert author.page.get_by_label("road", exact=True).input_value() == "Walworth Road", "autosave leaves it"
    assert "[road]" in author.page.get_by_label("Title: what, and where", exact=True).first.input_value()
    approver = people("approver", asked_for(author, missing="[1-9][0-9]*"))
    assert "[" not in approver.page.inner_text("main")
    sent(approver)
    check("from a template, two languages", author, approver)
