"""SCREENS, task 10 of an officer: an issue of a newsletter is moved in the calendar by keyboard alone, keys counted."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerts.commands import SYSTEM, Actor
from alerts.contract.bodies import BulletinBody, ContentBody, NewsletterBody
from alerts.domain.roles import SCOPES
from alerts.domain.streams import NOTICE
from tests.browser.conftest import Site
from tests.browser.test_pages import OVERFLOWING, _offences
from tests.support.scene import Scene

pytestmark = pytest.mark.browser
LONDON = ZoneInfo("Europe/London")
TITLE = "Southwark this week: the new market"


class Keyboard:
    """A pair of hands without a mouse: every key is counted."""

    def __init__(self, page: Any) -> None:
        self.page, self.keys = page, 0

    def press(self, key: str) -> None:
        self.keys += 1
        self.page.keyboard.press(key)

    def type(self, words: str) -> None:
        for letter in words:
            self.press(letter)

    def tab_to(self, name: str) -> None:
        """Go on until what has the focus says this."""
        for _ in range(40):
            self.press("Tab")
            said = self.page.evaluate("document.activeElement.textContent || document.activeElement.name || ''")
            if name in " ".join(said.split()):
                return
        raise AssertionError(f"{name} was not reached by Tab")


def in_its_own_loop(command: Coroutine[Any, Any, Any]) -> Any:
    """Run a command; this thread's loop is the browser's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, command).result(30)


async def planned(scene: Scene) -> UUID:
    """An approved issue of a newsletter, due the day after tomorrow at noon; its id."""
    commands, people = scene.commands, []
    for name in ("ines", "omar"):
        member = await commands.invite_member(SYSTEM, f"{name}@town.example", "approver", name)
        people.append(Actor(kind="person", id=str(member.id), person=member.id, scopes=frozenset(SCOPES)))
    newsletter = await commands.start_newsletter(SYSTEM, NewsletterBody(slug="southwark", name="Southwark this week"))
    noon = (scene.now.astimezone(LONDON) + timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    body = BulletinBody(content={"en": ContentBody(title=TITLE, body="Stalls from nine.")}, send_at=noon)
    drafted = await commands.draft_bulletin(people[0], newsletter.id, body)
    waiting = await commands.submit(people[0], drafted.id)
    state = scene.app.log.state(NOTICE, drafted.id)
    assert state is not None
    counted = await commands.count_plan(state.plan)
    await commands.approve(people[1], drafted.id, waiting.version, counted.people)
    return drafted.id


def test_issue_is_moved_by_keyboard_alone(browser: Any, site: Site, axe: str) -> None:
    assert site.scene is not None
    scene = site.scene
    notice = in_its_own_loop(planned(scene))
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(site.url + site.officer("author"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console")
    hands = Keyboard(page)

    hands.tab_to("Calendar")
    hands.press("Enter")
    page.wait_for_url("**/console/calendar")
    hands.press("Tab")
    hands.press("Enter")  # to the content
    hands.tab_to(f"Move {TITLE}")
    hands.press("Enter")
    page.wait_for_url("**#move")
    hands.tab_to("send-day")
    day = scene.now.astimezone(LONDON) + timedelta(days=3)
    hands.type(f"{day:%-d}.{day:%-m}.{day:%Y}")  # over what stood there
    assert not page.evaluate(OVERFLOWING) and not _offences(page, axe)
    hands.press("Enter")
    page.wait_for_url("**/console/calendar")
    assert hands.keys <= 25, hands.keys
    print(f"{hands.keys} keys")

    state = scene.app.log.state(NOTICE, notice)
    assert state is not None and state.phase == "scheduled" and state.send_at is not None
    moved = state.send_at.astimezone(LONDON)
    assert (moved.date(), moved.hour) == (day.date(), 12), "another day, the same time, and still approved"
    assert page.evaluate("document.querySelectorAll('[data-notice]').length") >= 1
    context.close()
