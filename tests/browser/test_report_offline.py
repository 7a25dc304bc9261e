"""A report outlives a lost connection: kept on the device, sent by itself, never twice, thrown away when asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser
WORDS = "A strong smell of gas by the bus stop, since eight."


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    made = context.new_page()
    made.posts = []
    made.on("request", lambda request: made.posts.append(request.url) if request.method == "POST" else None)
    yield made
    context.close()


def _typed(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/report?lang=en")
    page.get_by_label("Postcode, street or place").fill("By the library")
    page.get_by_label("What is it?").fill(WORDS)


def test_report_is_sent_when_the_connection_is_back(page: Any, site: Site) -> None:
    _typed(page, site)
    page.context.set_offline(True)
    page.get_by_role("button", name="Find it").click()
    page.get_by_text("Your words are enough.").wait_for()
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("There is no connection. Your report is kept on this device").wait_for()
    assert page.get_by_label("What is it?").input_value() == WORDS and not page.posts
    page.context.set_offline(False)
    page.get_by_role("heading", name="We have your report").wait_for(timeout=20_000)
    assert len(page.posts) == 1
    page.wait_for_function("localStorage.length === 0")


def test_unsent_report_is_there_when_the_page_is_opened_again(page: Any, site: Site) -> None:
    _typed(page, site)
    page.context.set_offline(True)
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("Your report is kept on this device").wait_for()
    page.close()
    again = page.context.new_page()
    again.context.set_offline(False)
    again.goto(f"{site.url}/report?lang=en")
    again.get_by_text("is kept on this device and has not been sent").wait_for()
    assert again.get_by_label("What is it?").input_value() == WORDS
    again.get_by_role("button", name="Throw it away").click()
    assert again.get_by_label("What is it?").input_value() == ""
    again.reload()
    assert not again.get_by_text("has not been sent").is_visible()


def test_report_is_sent_at_once_with_a_connection(page: Any, site: Site) -> None:
    _typed(page, site)
    page.get_by_role("button", name="Send it").click()
    page.get_by_role("heading", name="We have your report").wait_for()
    assert page.evaluate("localStorage.length") == 0
