"""Fresh links: what a person may do with one, for an hour, while its contact point lives."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from alerts.commands import SYSTEM
from alerts.kernel.signed_tokens import contact_token
from alerts.providers.webpush.vapid import base64url, point, private_key
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.served import Served, resident

PUSH = "/push/subscriptions"
FCM = "https://fcm.googleapis.com/fcm/send"
KEYS = {"auth": base64url(b"a" * 16), "p256dh": base64url(point(private_key(b"k" * 32)))}


async def person(served: Served, email: str = "a@example.org") -> tuple[UUID, int]:
    """A confirmed subscriber, and the number of the contact point."""
    key = await served.key("subscribers:write")
    made = await served.ok("POST", "/api/v1/subscribers", key, resident(email), 201)
    return UUID(made["id"]), int(made["contact_points"][0]["id"])


async def add(served: Served, token: str, name: str) -> tuple[int, dict[str, Any]]:
    """Add a browser; (status, answer)."""
    answer = await served.client.post(PUSH, json={"token": token, "endpoint": f"{FCM}/{name}", "keys": KEYS})
    return answer.status, await answer.json()


def devices(served: Served, subscriber: UUID) -> list[str]:
    """Names of the browsers that get alerts."""
    state = served.parts.log.state(SUBSCRIBER, subscriber)
    assert state is not None
    return [
        c.address.partition("/send/")[2].partition('"')[0] for c in state.current if c.channel == "push" and c.address
    ]


async def test_device_takes_a_link_of_the_last_hour(served: Served) -> None:
    who, number = await person(served)
    token = served.parts.fresh_links.new(who, number)
    served.shift += timedelta(minutes=59)
    assert (await add(served, token, "one"))[0] == 201
    served.shift += timedelta(minutes=1, seconds=1)
    assert (await add(served, token, "two"))[0] == 403
    for purpose in ("preferences", "confirm"):
        old = contact_token(served.parts.settings.secret_key, purpose, who, number)  # type: ignore[arg-type]
        assert (await add(served, old, "three"))[0] == 403, "a message's link is held by whoever has the message"
    assert devices(served, who) == ["one"]


async def test_link_ends_with_its_address(served: Served) -> None:
    who, number = await person(served)
    token = served.parts.fresh_links.new(who, number)
    assert (await add(served, token, "one"))[0] == 201
    await served.parts.commands.suppress(SYSTEM, number, "hard-bounce")
    assert (await add(served, token, "two"))[0] == 403
    await served.parts.commands.lift(SYSTEM, number, "mended")
    assert (await add(served, token, "two"))[0] == 201
    await served.parts.commands.remove_contact(SYSTEM, number, "asked for")
    assert (await add(served, token, "three"))[0] == 403


async def test_browser_renews_and_removes_itself_alone(served: Served) -> None:
    who, number = await person(served)
    token = served.parts.fresh_links.new(who, number)
    (_, one), _ = await add(served, token, "one"), await add(served, token, "two")
    served.shift += timedelta(days=90)
    status, renewed = await add(served, one["token"], "one-b")
    assert status == 201 and renewed["id"] != one["id"] and sorted(devices(served, who)) == ["one-b", "two"]
    assert (await add(served, one["token"], "stolen"))[0] == 403, "a token goes with its browser"
    for name, left in (("two", ["one-b", "two"]), ("one-b", ["two"])):
        await served.ok("DELETE", PUSH, {}, {"token": renewed["token"], "endpoint": f"{FCM}/{name}"})
        assert sorted(devices(served, who)) == left


async def test_late_press_on_a_confirmation_adds_nothing(served: Served) -> None:
    key = await served.key("subscribers:write")
    body = {"email": "new@example.org", "places": [{"lat": 51.5, "lon": -0.1, "radius_km": 1}]}
    made = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    contact = int(made["contact_points"][0]["id"])
    link = f"/confirm/{contact_token(served.parts.settings.secret_key, 'confirm', UUID(made['id']), contact)}"
    first = await (await served.client.post(link)).text()
    assert "data-push" in first
    token = first.partition('data-token="')[2].partition('"')[0]
    served.shift += timedelta(minutes=61)
    assert "data-push" not in await (await served.client.post(link)).text()
    assert (await add(served, token, "one"))[0] == 403


async def test_pages_behind_links_are_not_indexed(served: Served) -> None:
    who, number = await person(served)
    confirm = contact_token(served.parts.settings.secret_key, "confirm", who, number)
    for path in (f"/confirm/{confirm}", "/why/x", "/unsubscribe/x", "/console/sign-in/x", "/console"):
        answer = await served.client.get(path)
        assert answer.headers.get("X-Robots-Tag") == "noindex, nofollow", path
    assert "X-Robots-Tag" not in (await served.client.get("/")).headers


async def test_other_contact_points_are_told_of_a_device(served: Served) -> None:
    key = await served.key("subscribers:write")
    body = {**resident("a@example.org"), "phone": "+447700900123"}
    made = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    who, number = UUID(made["id"]), int(made["contact_points"][0]["id"])
    token = served.parts.fresh_links.new(who, number)
    for _ in range(2):
        assert (await add(served, token, "one"))[0] == 201
    for _ in range(200):
        items = (await served.ok("GET", "/inbox.json", {}))["items"]
        if len(items) >= 2:
            break
        await asyncio.sleep(0.05)
    assert sorted(item["to"] for item in items) == ["+447700900123", "a@example.org"]
    assert all("one more browser" in item["text"] for item in items)
