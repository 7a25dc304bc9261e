"""Warning before a sign-in ends: on every tab, put off by one press, and nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Site
from tests.browser.test_pages import _offences

pytestmark = pytest.mark.browser
SOON, OVER = "Your sign-in ends in two minutes", "Your sign-in has ended"


def test_sign_in_that_is_about_to_end_is_said_on_every_tab(browser: Any, site: Site, axe: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.url + site.officer("author"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console")
    context.clock.install()  # after the sign-in: a press waits for frames, which a page behind another draws seldom
    other = context.new_page()
    for one in (page, other):
        one.goto(f"{site.url}/console/calendar")
    context.clock.fast_forward("57:00")
    for one in (page, other):
        assert SOON not in one.inner_text("body")
    context.clock.fast_forward("01:20")
    for one in (page, other):
        one.get_by_text(SOON).wait_for()
    assert not _offences(page, axe)
    page.bring_to_front()
    page.get_by_role("button", name="Stay signed in").click()
    for one in (page, other):
        one.get_by_text(SOON).wait_for(state="hidden")
    context.clock.fast_forward("01:01:00")
    page.get_by_text(OVER).wait_for()
    context.close()
