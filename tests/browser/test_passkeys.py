"""Passkeys by Chromium's own virtual authenticator: added, used to sign in, replayed, removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Site
from tests.browser.test_pages import _offences

pytestmark = pytest.mark.browser
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    made = context.new_page()
    session = context.new_cdp_session(made)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield made
    context.close()


def test_passkey_is_added_and_signs_in_without_mail(page: Any, site: Site, axe: str) -> None:
    page.goto(site.url + site.officer("author"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console")
    page.goto(f"{site.url}/console/account")
    assert not _offences(page, axe)
    page.get_by_label("Name of this device").fill("Desk 4")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("Desk 4").first.wait_for()

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.url}/console/log?area=x")
    assert not _offences(page, axe)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data) if request.url.endswith("/passkey") else None)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("K. Author").first.wait_for()
    assert page.url.endswith("/console/log?area=x")
    again = page.request.post(
        f"{site.url}/console/sign-in/passkey",
        data=sent[0],
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    assert again.status == 422 and "Try again" in again.text() and "set-cookie" not in again.headers

    page.goto(f"{site.url}/console/account")
    page.get_by_role("button", name="Remove Desk 4").click()
    page.wait_for_load_state()
    assert "Desk 4" not in page.inner_text("main")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.url}/console/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("This passkey is not known here").wait_for()
