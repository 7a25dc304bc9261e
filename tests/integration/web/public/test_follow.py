"""Following one thread without an account: over HTTP, from the form to the erasure, on both databases (RULES 14)."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.form_browser import Form
from tests.support.served import AREA, PUBLIC_URL, Served, resident, settled

ALERT = {
    "kind": "alert",
    "area": AREA,
    "severity": "Severe",
    "urgency": "Expected",
    "certainty": "Likely",
    "topic": "safety",
    "content": {"en": {"title": "Smoke in Camden", "body": "Close windows."}},
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least time of a person does not count here."""
    monkeypatch.setattr("alerts.web.public.follow.LEAST_S", 0)


async def mails(served: Served, to: str) -> list[dict[str, Any]]:
    """Messages to an address, oldest first."""
    items = (await served.ok("GET", "/inbox.json", {}))["items"]
    return [item for item in sorted(items, key=lambda item: item["at"]) if item["to"] == to]


async def link_to(served: Served, to: str, kind: str) -> str:
    """Path of a kind in the latest message to an address that has one."""
    for _ in range(200):
        for item in reversed(await mails(served, to)):
            if found := re.search(rf"{re.escape(PUBLIC_URL)}(/{kind}/\S+)", item["text"]):
                return found[1]
        await asyncio.sleep(0.05)
    raise AssertionError(f"no {kind} link reached {to}")


async def ask(served: Served, notice: str, address: str) -> str:
    """Ask on the notice page to follow it; the last page."""
    form = Form(served.client)
    await form.open(f"/alerts/{notice}?lang=en")
    await form.press(within="/follow", address=address)
    await form.press(within="/follow", consent="yes")
    assert "One step left" in form.text and "Smoke in Camden" in form.text, form.text
    return form.text


async def issued(served: Served, key: dict[str, str], path: str, body: dict[str, Any]) -> str:
    """Make a notice, issue it if that is not done by itself, and wait until it is sent."""
    made = await served.ok("POST", path, key, body, 201)
    if made["state"] == "draft":
        await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    await settled(served, key, made["id"])
    return str(made["id"])


async def reached(served: Served, key: dict[str, str], notice: str) -> list[str]:
    """Subscribers that a notice was handed over to, each as often as it was."""
    rows = (await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key))["items"]
    assert all(row["state"] == "sent" for row in rows), rows
    return sorted(row["subscriber"] for row in rows)


async def test_a_thread_is_followed_until_it_is_over(served: Served) -> None:
    key = await served.key(policy="issue")
    here = await served.ok("POST", "/api/v1/subscribers", key, resident("here@x.example", 51.5, -0.1), 201)
    away = resident("away@x.example", 52.9, -1.2, topics=["health"], frequency="weekly")
    away = await served.ok("POST", "/api/v1/subscribers", key, away, 201)
    notice = await issued(served, key, "/api/v1/notices", ALERT)
    assert await reached(served, key, notice) == [here["id"]]

    pages = [await ask(served, notice, f"{who}@x.example") for who in ("here", "away", "new", "gone", "idle")]
    without = [re.sub(r'value="[^"]+"|s=[^"&]+|\w+@x\.example', "", page) for page in pages]
    assert len(set(without)) == 1, "known and unknown addresses are answered alike"
    for who in ("new", "gone"):
        answer = await served.client.post(await link_to(served, f"{who}@x.example", "confirm"))
        assert "You follow this" in await answer.text()
    for who in ("here", "away"):
        form = Form(served.client)
        await form.open(await link_to(served, f"{who}@x.example", "preferences"))
        assert "You asked to follow “Smoke in Camden” until it is over." in form.text
        await form.press("follow", within="Smoke in Camden")
        assert "You follow it until it is over." in form.text

    update = {**ALERT, "content": {"en": {"title": "Smoke moves on", "body": "Stay in."}}}
    update_id = await issued(served, key, f"/api/v1/notices/{notice}/update", update)
    new, gone = [await person_of(served, key, update_id, f"{who}@x.example") for who in ("new", "gone")]
    assert await reached(served, key, update_id) == sorted([here["id"], away["id"], new, gone]), "each once"
    words = (await mails(served, "new@x.example"))[-1]["text"]
    assert "because you follow it until it is over" in " ".join(words.split())
    why = await served.ok("GET", f"/api/v1/notices/{update_id}/why-not/{new}", key)
    assert why["due"] and [c["rule"] for c in why["checks"]] == ["subscription", "pause", "following", "contact points"]
    page = await (await served.client.get(await link_to(served, "new@x.example", "why"))).text()
    assert "Because you asked to follow this message until it is over." in page

    one_click = {"List-Unsubscribe": "One-Click"}
    await served.client.post(await link_to(served, "gone@x.example", "unsubscribe"), data=one_click)
    clear = await issued(served, key, f"/api/v1/notices/{notice}/all-clear", {})
    assert await reached(served, key, clear) == sorted([here["id"], away["id"], new])
    why = await served.ok("GET", f"/api/v1/notices/{clear}/why-not/{away['id']}", key)
    assert why["due"] and why["checks"][2]["rule"] == "following"
    assert "/follow" not in await (await served.client.get(f"/alerts/{notice}?lang=en")).text()

    served.shift = timedelta(days=8)
    for _ in range(200):
        states = {who: served.parts.log.state(SUBSCRIBER, UUID(who)) for who in (new, gone, away["id"], here["id"])}
        phases = [state.phase for state in states.values() if state is not None]
        if phases[:2] == ["erased", "erased"] and not states[away["id"]].preferences.followed:  # type: ignore[union-attr]
            break
        await asyncio.sleep(0.05)
    assert phases == ["erased", "erased", "confirmed", "confirmed"]
    assert not states[here["id"]].preferences.followed  # type: ignore[union-attr]


async def person_of(served: Served, key: dict[str, str], notice: str, email: str) -> str:
    """Id of the subscriber with this address, among those whom a notice went to."""
    for row in (await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key))["items"]:
        person = await served.ok("GET", f"/api/v1/subscribers/{row['subscriber']}", key)
        if person["email"] == email:
            return str(person["id"])
    raise AssertionError(f"{notice} did not go to {email}")
