"""Notifications in a real browser: the offer on the page, the service worker, what it shows.

A browser without a network cannot subscribe with its maker's push service: `subscribe` alone is stubbed, and answers
with an endpoint of the inbox. What the inbox decrypts is then given to the service worker by the browser's own tools.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser
SUBSCRIBE = """
PushManager.prototype.subscribe = async function (options) {
  window.subscribedWith = options.applicationServerKey;
  const found = await (await fetch('/inbox/push/chromium')).json();
  return { toJSON: () => found };
};
"""
SHOWN = """
async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(
  n => ({ title: n.title, body: n.body, tag: n.tag, lang: n.lang, dir: n.dir, data: n.data, actions: n.actions }))
"""


def test_a_device_is_added_and_shows_what_comes(browser: Any, site: Site) -> None:
    context = browser.new_context(permissions=["notifications"], locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.add_init_script(SUBSCRIBE)
    page.goto(site.url + site.pages["confirm on a device"])
    page.locator("form button").click()
    offer = page.locator("[data-push]")
    offer.get_by_role("button", name="Notify me on this device").click()
    page.get_by_text("Alerts now reach this device too.").wait_for(timeout=10_000)
    assert page.evaluate("window.subscribedWith") == page.evaluate("fetch('/push/key').then(r => r.json())")["key"]

    payload = {
        "id": "d1",
        "title": "Severe, Walworth: smoke",
        "body": "غاز",
        "url": f"{site.url}/alerts/1",
        "tag": "thread",
        "lang": "ar",
        "severity": "Severe",
        "why": f"{site.url}/why/x",
        "stop": "https://evil.example/stop",
        "labels": ["Why this one", "Stop"],
    }
    _push(context, page, site.url, json.dumps(payload))
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
    [shown] = page.evaluate(SHOWN)
    assert (shown["title"], shown["body"], shown["lang"], shown["dir"]) == (payload["title"], "غاز", "ar", "rtl")
    assert shown["data"] == {"url": payload["url"], "why": payload["why"], "stop": ""}, "no stranger's page is opened"
    assert [action["title"] for action in shown["actions"]] == ["Why this one"]
    _push(context, page, site.url, json.dumps({**payload, "title": "Update"}))
    page.wait_for_function(f"async () => (await ({SHOWN})())[0].title === 'Update'")
    assert len(page.evaluate(SHOWN)) == 1, "a later message of the thread takes the earlier one's place"
    _push(context, page, site.url, "no JSON")
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 2")
    assert not complaints, complaints
    context.close()


def test_without_scripts_nothing_is_offered(browser: Any, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + site.pages["confirm without scripts"])
    page.locator("form button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Confirmed"
    assert not page.locator("[data-push]").is_visible()
    context.close()


def _push(context: Any, page: Any, origin: str, data: str) -> None:
    """Give the page's service worker a decrypted push."""
    tools = context.new_cdp_session(page)
    registrations: list[dict[str, Any]] = []
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda found: registrations.extend(found["registrations"]))
    tools.send("ServiceWorker.enable")
    for _ in range(100):
        if registrations:
            break
        page.wait_for_timeout(50)
    id = registrations[-1]["registrationId"]
    tools.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": id, "data": data})
    tools.detach()


def test_a_notice_that_was_pushed_is_read_without_a_connection(browser: Any, site: Site) -> None:
    context = browser.new_context(permissions=["notifications"], locale="en-GB")
    page = context.new_page()
    page.goto(site.url)
    page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")
    url = site.url + site.pages["closure"]
    _push(context, page, site.url, json.dumps({"id": "d2", "title": "Closed", "body": "", "url": url}))
    page.wait_for_function("async url => Boolean(await (await caches.open('notices')).match(url))", arg=url)
    assert page.evaluate("Boolean(navigator.serviceWorker.controller)")
    context.set_offline(True)
    page.goto(url)
    assert page.get_by_role("heading", level=1).inner_text()
    context.set_offline(False)
    context.close()
