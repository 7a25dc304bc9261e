"""Every page: nothing overflows a phone, nothing offends axe, nothing is fetched from elsewhere, no script is needed.

Screenshots go to the folder that ALERTS_SCREENSHOTS names, if it is set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("ALERTS_SCREENSHOTS")
LIMIT = 100_000
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
LOOKS = [
    ("wide, light", WIDE, "light", True),
    ("phone, dark", PHONE, "dark", True),
    ("phone, light, no scripts", PHONE, "light", False),
]
if SCREENSHOTS:
    LOOKS.append(("wide, dark", WIDE, "dark", True))
OVERFLOWING = """
() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll('body *')]
      .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
      .slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join(' | ') || 'something'
  : ''
"""
SMALL = """
() => [...document.querySelectorAll('button, .button, select, input:not([type=hidden])')]
  .map(e => ['radio', 'checkbox'].includes(e.type) && e.labels.length ? e.labels[0] : e)
  .filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 44)
  .map(e => e.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module", params=LOOKS, ids=[look[0] for look in LOOKS])
def visit(request: pytest.FixtureRequest, browser: Any, site: Site) -> Any:
    """Opens pages one way of looking at them, signed in to the console; what was fetched is in `fetched`."""
    name, viewport, scheme, scripts = request.param
    # axe is put into the page from outside, which the pages' own policy would forbid
    context = browser.new_context(
        viewport=viewport, color_scheme=scheme, java_script_enabled=scripts, bypass_csp=True, locale="en-GB"
    )
    page = context.new_page()
    page.goto(site.url + site.officer("admin"))
    page.locator("form button").first.click()
    page.wait_for_url("**/console")
    page.fetched = []
    page.on("request", lambda r: page.fetched.append(r.url))
    page.look, page.scripts = name, scripts
    yield page
    context.close()


def test_every_page_holds_what_we_promise(visit: Any, site: Site, axe: str) -> None:
    wrong: list[str] = []
    for name, path in site.pages.items():
        visit.fetched.clear()
        answer = visit.goto(site.url + path)
        visit.wait_for_load_state()
        _keep(visit, name)
        if answer.status != (404 if name == "nothing there" else 200):
            wrong.append(f"{name}: status {answer.status}")
        if len(answer.body()) > LIMIT:
            wrong.append(f"{name}: {len(answer.body())} bytes")
        strangers = {url for url in visit.fetched if urlsplit(url).netloc != urlsplit(site.url).netloc}
        if strangers:
            wrong.append(f"{name}: asks {strangers}")
        if not visit.scripts:
            continue
        if over := visit.evaluate(OVERFLOWING):
            wrong.append(f"{name}: wider than the screen: {over}")
        wrong += [f"{name}: too small to tap: {small}" for small in visit.evaluate(SMALL)]
        wrong += [f"{name}: {offence}" for offence in _offences(visit, axe)]
    assert not wrong, "\n".join([visit.look, *wrong])


def test_a_small_phone_without_scripts_shows_all(browser: Any, site: Site) -> None:
    """The same words stand on the page whether or not scripts run; only the button to share needs one."""
    texts = []
    for scripts in (True, False):
        context = browser.new_context(viewport=PHONE, java_script_enabled=scripts)
        page = context.new_page()
        page.goto(site.url + site.pages["closure"])
        texts.append(page.locator("main").inner_text())
        context.close()
    assert texts[0].removesuffix("\nShare") == texts[1] and "Half of London's front desks close" in texts[0]


def test_the_letter_in_the_inbox_is_walled_in(browser: Any, site: Site) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(site.url + site.pages["an e-mail"])
    letter = page.frame_locator("iframe.mail")
    assert letter.locator("h1").inner_text()
    assert letter.locator("h1").evaluate("e => getComputedStyle(e).fontSize") == "24px"
    assert not complaints, complaints
    context.close()


def test_one_click_in_a_browser(browser: Any, site: Site) -> None:
    """The page's own button stops: the origin check knows its own pages."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + site.pages["confirm"])
    page.get_by_role("button").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Confirmed"
    context.close()


def test_the_keyboard_reaches_the_content_first(browser: Any, site: Site) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(site.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.wait_for_url("**/#main")
    context.close()


def _offences(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found: list[str] = page.evaluate(
        "() => axe.run().then(r => r.violations.map("
        "v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')))"
    )
    return found


def _keep(page: Any, name: str) -> None:
    if SCREENSHOTS:
        if page.locator("iframe").count():
            page.wait_for_timeout(500)  # a walled-in frame is painted by another process
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        file = f"{name}, {page.look}.png".replace(" ", "-").replace(",", "")
        page.screenshot(path=str(Path(SCREENSHOTS) / file), full_page=True)
