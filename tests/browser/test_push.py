"""Notifications in a real browser: the offer on the page, the service worker, what it shows.

A browser without a network cannot subscribe with its maker's push service: `subscribe` alone is stubbed, and answers
with an endpoint of the inbox. What the inbox decrypts is then given to the service worker by the browser's own tools.
"""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

import pytest

from tests.browser.conftest import Site
from tests.browser.test_pages import _offences

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


RENEWED = """async (fresh) => {
  const statuses = [];
  const real = self.fetch;
  self.fetch = async (...asked) => {
    const answer = await real(...asked);
    if (asked[1]) statuses.push(answer.status);
    return answer;
  };
  const event = new Event("pushsubscriptionchange");
  let done;
  event.waitUntil = (promise) => { done = promise; };
  event.newSubscription = { toJSON: () => fresh };
  self.dispatchEvent(event);
  await done;
  self.fetch = real;
  return statuses;
}"""
"""The browser gives its worker another subscription; statuses of what the worker posted."""


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
    _until(page, f"async () => (await ({SHOWN})()).length === 1")
    [shown] = page.evaluate(SHOWN)
    assert (shown["title"], shown["body"], shown["lang"], shown["dir"]) == (payload["title"], "غاز", "ar", "rtl")
    assert shown["data"] == {"url": payload["url"], "why": payload["why"], "stop": ""}, "no stranger's page is opened"
    assert [action["title"] for action in shown["actions"]] == ["Why this one"]
    _push(context, page, site.url, json.dumps({**payload, "title": "Update"}))
    _until(page, f"async () => (await ({SHOWN})())[0].title === 'Update'")
    assert len(page.evaluate(SHOWN)) == 1, "a later message of the thread takes the earlier one's place"
    _push(context, page, site.url, "no JSON")
    _until(page, f"async () => (await ({SHOWN})()).length === 2")
    assert not complaints, complaints
    context.close()


def test_sign_up_by_this_device_alone(browser: Any, site: Site, axe: str) -> None:
    context = browser.new_context(
        permissions=["notifications"], locale="en-GB", bypass_csp=True, viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    page.add_init_script(SUBSCRIBE.replace("push/chromium", "push/shared-tablet"))
    page.add_init_script(
        "Notification.requestPermission = async () => { window.asked = (window.asked || 0) + 1; return 'granted'; }"
    )

    def to_step_3() -> None:
        page.goto(f"{site.url}/subscribe?lang=en&q=51.4880,-0.0930")
        page.get_by_role("button", name="Continue").last.click()
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("E-mail", exact=True).uncheck()

    to_step_3()
    page.get_by_label("A notice on this phone or computer").check()
    assert not page.evaluate("window.asked"), "the browser asks only after the button"
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Press “Allow alerts on this device” first").wait_for()
    page.get_by_role("button", name="Allow alerts on this device").click()
    page.get_by_text("This device is ready.").wait_for()
    assert page.evaluate("window.asked") == 1
    assert not _offences(page, axe)
    page.get_by_role("button", name="Continue").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Is this right?", page.locator("main").inner_text()
    assert "A notice on this phone or computer" in page.locator("main").inner_text()
    page.get_by_label("Send me these alerts").check()
    page.wait_for_timeout(1500)  # people are slower than a test
    page.get_by_role("button", name="Get alerts").click()
    assert "We have sent a notice to this device" in page.locator("main").inner_text()
    page.goto(_pushed(page, site, "shared-tablet")["url"])
    page.get_by_role("button", name="Yes, send me alerts").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Confirmed"
    _until(page, "async () => Boolean(await (await caches.open('push-token')).match('/token'))")
    fresh = page.request.get(f"{site.url}/inbox/push/shared-tablet-renewed").json()
    [worker] = context.service_workers
    assert worker.evaluate(RENEWED, fresh) == [201], "what the browser renews, the server takes over"
    to_step_3()
    page.evaluate("found => { PushManager.prototype.subscribe = async () => ({ toJSON: () => found }); }", fresh)
    page.get_by_role("button", name="Allow alerts on this device").click()
    page.get_by_text("This device is ready.").wait_for()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="This device shows alerts already").wait_for()
    context.close()


def _pushed(page: Any, site: Site, device: str) -> dict[str, Any]:
    """The latest notification to a device of the inbox."""
    for _ in range(300):
        items = page.request.get(f"{site.url}/inbox.json").json()["items"]
        found = [item["text"] for item in items if item["to"].endswith(f"/inbox/push/{device}")]
        if found:
            pushed: dict[str, Any] = json.loads(found[-1])
            return pushed
        page.wait_for_timeout(100)
    raise AssertionError(f"nothing came to {device}")


def test_officer_adds_a_device_to_their_account(browser: Any, site: Site, axe: str) -> None:
    context = browser.new_context(
        permissions=["notifications"], bypass_csp=True, viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    page.add_init_script(SUBSCRIBE.replace("push/chromium", "push/night-phone"))
    page.goto(site.url + site.officer("approver"))
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{site.url}/console/account")
    page.get_by_label("What to call this device").fill("Night phone")
    page.get_by_role("button", name="Show notifications on this device").click()
    page.get_by_role("button", name="Remove Night phone").wait_for()
    assert _pushed(page, site, "night-phone")["title"] == "Notifications are on"
    fresh = page.request.get(f"{site.url}/inbox/push/night-phone-renewed").json()
    [worker] = context.service_workers
    assert worker.evaluate(RENEWED, fresh) == [201]
    fresh = page.request.get(f"{site.url}/inbox/push/night-phone-third").json()
    assert worker.evaluate(RENEWED, fresh) == [201], "by the token that came with the renewal"
    assert not _offences(page, axe)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(color_scheme="dark")
    assert not _offences(page, axe)
    page.get_by_role("button", name="Remove Night phone").click()
    page.get_by_role("button", name="Remove Night phone").wait_for(state="detached")
    context.close()


def test_without_scripts_nothing_is_offered(browser: Any, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + site.pages["confirm without scripts"])
    page.locator("form button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Confirmed"
    assert not page.locator("[data-push]").is_visible()
    page.goto(f"{site.url}/subscribe?lang=en&q=51.4880,-0.0930")
    page.get_by_role("button", name="Continue").last.click()
    page.get_by_role("button", name="Continue").click()
    assert page.get_by_text("this browser cannot show them, or JavaScript is off").is_visible()
    assert not page.get_by_label("A notice on this phone or computer").is_visible()
    context.close()


def _until(page: Any, asked: str, value: Any = None) -> None:
    """Wait until an async function says yes: `wait_for_function` takes its promise for a yes."""
    deadline = monotonic() + 30
    while not page.evaluate(asked, value):
        assert monotonic() < deadline, asked
        page.wait_for_timeout(20)


REACHES_THE_SERVER = "() => fetch('/healthz', {cache: 'no-store'}).then(() => true, () => false)"


def _push(context: Any, page: Any, origin: str, data: str) -> None:
    """Give the page's service worker a decrypted push."""
    tools = context.new_cdp_session(page)
    registrations: list[dict[str, Any]] = []
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda found: registrations.extend(found["registrations"]))
    tools.send("ServiceWorker.enable")
    for _ in range(300):
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
    _until(page, "async url => Boolean(await (await caches.open('notices')).match(url))", url)
    assert page.evaluate("Boolean(navigator.serviceWorker.controller)")
    context.set_offline(True)
    # The emulated loss reaches the worker later than the page: until then it would answer from the server.
    [worker] = context.service_workers
    while worker.evaluate(REACHES_THE_SERVER):
        page.wait_for_timeout(20)
    page.goto(url)
    assert page.get_by_role("heading", level=1).inner_text()
    context.set_offline(False)
    context.close()
