"""Web Push through the whole product, on both databases: devices come and go, and notifications end in the inbox."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient, TestServer

from alerts import settings as settings_of
from alerts.app import bootstrap, schema
from alerts.channels.message import Message
from alerts.commands.actor import SYSTEM
from alerts.net.safe_client import SafeHttpClient
from alerts.providers.webpush.provider import WebPush
from alerts.providers.webpush.vapid import SECRET_BYTES, Vapid, base64url, point, private_key
from alerts.web.http.app import build
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.databases import MASTER_KEY
from tests.support.scene import Scene
from tests.support.served import AREA, Served, consent, problem, resident, settled

Device = dict[str, Any]


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The whole product, served where its public URL says: its own push endpoints can be posted to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings_of.load(
        {
            "ALERTS_DATABASE_URL": database_url,
            "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
            "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "ALERTS_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ALERTS_RETRY_SCHEDULE": "0.2,0.2",
        }
    )
    schema.migrate_all(settings)
    app = bootstrap.build(settings, ("web", "worker", "scheduler"), clock=lambda: datetime.now(UTC))
    await app.start()
    try:
        async with TestClient(TestServer(build(app.services), port=port)) as client:
            yield Served(app.services, client)
    finally:
        await app.stop()


async def device(served: Served, name: str) -> Device:
    """A browser of the inbox's."""
    found: Device = await served.ok("GET", f"/inbox/push/{name}", {})
    return found


async def person(served: Served, key: dict[str, str], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await served.ok("POST", "/api/v1/subscribers", key, resident("a@example.org") | more, 201)
    return found


async def told(served: Served, key: dict[str, str], **more: Any) -> tuple[str, dict[str, Any]]:
    """A notice to everyone near, and how its dispatch ended."""
    content = {"en": {"title": "Gas leak", "body": "A main leaks.", "instruction": "Stay indoors."}}
    body = {"kind": "alert", "area": AREA, "severity": "Severe", "content": content, "topic": "safety", **more}
    notice = await served.ok("POST", "/api/v1/notices", key, body, 201)
    await served.ok("POST", f"/api/v1/notices/{notice['id']}/issue", key, None, 202)
    return notice["id"], await settled(served, key, notice["id"])


async def inbox(served: Served) -> list[dict[str, Any]]:
    found = await served.ok("GET", "/inbox.json", {})
    return [item for item in found["items"] if item["channel"] == "push"]


def token(served: Served, subscriber: str) -> str:
    """A fresh link's token, sent to the person's first contact point."""
    state = served.parts.log.state(SUBSCRIBER, UUID(subscriber))
    assert state is not None
    return served.parts.fresh_links.new(UUID(subscriber), state.current[0].number)


async def add(served: Served, subscriber: str, what: Device, status: int = 201) -> Any:
    body = {"token": token(served, subscriber), **what}
    return await served.ok("POST", "/push/subscriptions", {}, body, status)


async def contacts(served: Served, key: dict[str, str], subscriber: str) -> list[tuple[str, str]]:
    found = await served.ok("GET", f"/api/v1/subscribers/{subscriber}", key)
    return sorted((c["channel"], c["state"]) for c in found["contact_points"])


async def test_a_notice_reaches_a_device_encrypted_and_is_read_in_the_inbox(served: Served) -> None:
    key = await served.key(policy="issue")
    phone = await device(served, "amina")
    near = resident("amina@example.org", 51.5, -0.1)
    kept = await served.ok("POST", "/api/v1/subscribers", key, {**near, "push": phone}, 201)
    assert [c["channel"] for c in kept["contact_points"]] == ["email", "push"]
    shown = await served.ok("GET", f"/api/v1/subscribers/{kept['id']}", key)
    assert shown["push"] == phone

    notice, progress = await told(served, key)
    assert progress["by_channel"] == {"email": {"sent": 1}, "push": {"sent": 1}}
    [item] = await inbox(served)
    listed = await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key)
    [delivery] = [d for d in listed["items"] if d["channel"] == "push"]
    assert (item["delivery"], item["to"]) == (delivery["id"], phone["endpoint"])
    payload = json.loads(item["text"])
    assert (
        payload["id"] == delivery["id"]
        and payload["body"].startswith("Stay indoors. Code: ")
        and "Gas leak" in payload["title"]
    )
    assert payload["url"] == f"{served.parts.settings.public_url}/alerts/{notice}" and payload["tag"] == notice
    assert payload["lang"] == "en" and payload["severity"] == "Severe"
    raw = base64.urlsafe_b64decode(item["raw"] + "==")
    assert b"Stay indoors" not in raw and len(raw) <= 4096
    assert len(item["headers"]["Topic"]) <= 32 and 0 < int(item["headers"]["TTL"]) <= 86400

    for path in ("/inbox", f"/inbox/{item['id']}"):
        page = await served.client.get(path)
        assert page.status == 200 and "Gas leak" in await page.text()
    stop = payload["stop"].removeprefix(served.parts.settings.public_url)
    stopped = await served.client.post(stop, data={"List-Unsubscribe": "One-Click"})
    assert stopped.status == 200
    assert await contacts(served, key, kept["id"]) == [("email", "verified"), ("push", "removed")]


async def test_devices_stand_side_by_side_and_null_takes_them_all_away(served: Served) -> None:
    key = await served.key()
    kept = await person(served, key, channels=["email"])
    one, two = await device(served, "one"), await device(served, "two")
    first = await add(served, kept["id"], one)
    assert await add(served, kept["id"], one) == first, "saying it twice changes nothing"
    second = await add(served, kept["id"], two)
    assert first["id"] != second["id"]
    shown = await served.ok("GET", f"/api/v1/subscribers/{kept['id']}", key)
    assert shown["channels"] == ["email", "push"], "whoever adds a device wants push"

    other = private_key(b"o" * SECRET_BYTES)
    renewed = {"endpoint": two["endpoint"], "keys": {**two["keys"], "p256dh": base64url(point(other))}}
    assert await add(served, kept["id"], renewed) == second
    shown = await served.ok("GET", f"/api/v1/subscribers/{kept['id']}", key)
    assert shown["push"] == renewed and shown["version"] == 7, "each new device is announced to the e-mail address"

    gone = {"token": token(served, kept["id"]), "endpoint": one["endpoint"]}
    for _ in range(2):
        await served.ok("DELETE", "/push/subscriptions", {}, gone)
    assert await contacts(served, key, kept["id"]) == [
        ("email", "verified"), ("push", "removed"), ("push", "verified")
    ]  # fmt: skip
    edit = {**key, "If-Match": "*", "Content-Type": "application/merge-patch+json"}
    await served.ok("PATCH", f"/api/v1/subscribers/{kept['id']}", edit, {"language": "cy"})
    assert ("push", "verified") in await contacts(served, key, kept["id"]), "what a patch does not name stays"
    confirmed = {"push": one, "confirmed": True, "consent": consent()}
    await served.ok("PATCH", f"/api/v1/subscribers/{kept['id']}", edit, confirmed)
    assert (await contacts(served, key, kept["id"])).count(("push", "verified")) == 2
    await served.ok("PATCH", f"/api/v1/subscribers/{kept['id']}", edit, {"push": None})
    assert await contacts(served, key, kept["id"]) == [("email", "verified"), ("push", "removed"), ("push", "removed")]


async def test_subscriptions_that_nobody_may_make_are_refused(served: Served) -> None:
    key = await served.key()
    kept = await person(served, key)
    phone = await device(served, "one")
    await add(served, kept["id"], phone)
    somebody = await served.ok("POST", "/api/v1/subscribers", key, resident("b@example.org"), 201)

    async def refused(status: int, **changes: Any) -> dict[str, Any]:
        body = {"token": token(served, somebody["id"]), **await device(served, "two"), **changes}
        return await problem(await served.client.post("/push/subscriptions", json=body), status)

    taken = await refused(409, endpoint=phone["endpoint"])
    assert kept["id"] not in json.dumps(taken), "a link to one's own preferences does not tell who somebody else is"
    for wrong in ("", "x", token(served, somebody["id"])[:-1]):
        await refused(403, token=wrong)
    for endpoint in ("https://push.example.org/x", "http://fcm.googleapis.com/x", "https://127.0.0.1/x", "nonsense"):
        found = await refused(422, endpoint=endpoint)
        assert found["errors"][0]["field"] == "endpoint"
    for name in ("auth", "p256dh"):
        found = await refused(422, keys={**phone["keys"], name: "AAAA"})
        assert found["errors"][0]["field"] == f"keys.{name}"
    for endpoint in ("https://fcm.googleapis.com/fcm/send/a:b-C", "https://sg2p.notify.windows.com/w/?token=B%2b"):
        body = {"token": token(served, somebody["id"]), "endpoint": endpoint, "keys": phone["keys"]}
        assert (await served.client.post("/push/subscriptions", json=body)).status == 201
    for number in range(2, 20):
        body["endpoint"] = f"https://fcm.googleapis.com/fcm/send/{number}"
        assert (await served.client.post("/push/subscriptions", json=body)).status == 201
    for said in (await refused(422), await one_more(served, key, somebody["id"])):
        assert "20 devices" in said["errors"][0]["message"]
    assert (await served.client.post("/push/subscriptions", json=body)).status == 201, "one that is there is no more"
    foreign = await served.client.post(
        "/push/subscriptions", json={"token": "x", **phone}, headers={"Origin": "https://evil.example"}
    )
    await problem(foreign, 403)


async def test_an_endpoint_that_was_given_up_is_not_sent_to_again(served: Served) -> None:
    key = await served.key(policy="issue")
    near = {**resident("a@example.org", 51.5, -0.1), "channels": ["push"]}
    kept = await served.ok(
        "POST", "/api/v1/subscribers", key, {**near, "push": await device(served, "busy-once-1")}, 201
    )
    await add(served, kept["id"], await device(served, "no-such-mailbox-1"))
    _, progress = await told(served, key)
    assert progress["by_channel"] == {"push": {"sent": 1, "failed-permanent": 1}}, (
        "the busy one took it the second time"
    )
    assert await contacts(served, key, kept["id"]) == [
        ("email", "verified"), ("push", "suppressed"), ("push", "verified")
    ]  # fmt: skip
    _, progress = await told(served, key)
    assert progress["by_channel"] == {"push": {"sent": 1}}


async def test_resubscribing_a_browser_lifts_no_graver_suppression(
    served: Served,
) -> None:
    key = await served.key()
    kept = await person(served, key)
    phone = await device(served, "one")
    number = (await add(served, kept["id"], phone))["id"]
    edit = {**key, "If-Match": "*", "Content-Type": "application/merge-patch+json"}
    path = f"/api/v1/subscribers/{kept['id']}"

    async def state_after(reason: str, patch: dict[str, Any] | None = None) -> str:
        await served.parts.commands.suppress(SYSTEM, number, reason)
        if patch is None:
            await add(served, kept["id"], phone)
        else:
            await served.ok("PATCH", path, edit, {**patch, **({"consent": consent()} if "consent" in patch else {})})
        return (await contacts(served, key, kept["id"]))[-1][1]

    renewal = {"confirmed": True, "consent": consent()}
    assert await state_after("gone") == "verified"
    assert await state_after("gone", {"push": phone}) == "suppressed"
    assert await state_after("gone", renewal) == "suppressed", "nobody spoke of the device"
    assert await state_after("gone", {"push": phone, **renewal}) == "verified"
    await served.parts.commands.suppress(SYSTEM, number, "gone")
    renewed = {**phone, "keys": {**phone["keys"], "auth": base64url(b"another key of 1")}}
    await add(served, kept["id"], renewed)
    assert (await contacts(served, key, kept["id"]))[-1] == ("push", "verified")
    for graver in ("complaint", "hard-bounce"):
        assert await state_after(graver) == "suppressed"
        assert await state_after(graver, {"push": phone, **renewal}) == "suppressed"


async def one_more(served: Served, key: dict[str, str], subscriber: str) -> dict[str, Any]:
    """Answer to a further device by the API, for a subscriber who has as many as are allowed."""
    edit = {**key, "If-Match": "*", "Content-Type": "application/merge-patch+json"}
    body = json.dumps({"push": await device(served, "more"), "confirmed": True, "consent": consent()})
    return await problem(await served.client.patch(f"/api/v1/subscribers/{subscriber}", data=body, headers=edit), 422)


async def test_unverified_device_confirms_by_its_own_notification(served: Served) -> None:
    key = await served.key()
    phone = await device(served, "new")
    body = {"push": phone, "places": [{"lat": 51.5, "lon": -0.1, "radius_km": 1}]}
    kept = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    assert kept["contact_points"][0]["state"] == "unverified"
    for _ in range(200):
        if items := await inbox(served):
            break
        await asyncio.sleep(0.05)
    payload = json.loads(items[0]["text"])
    assert "stop" not in payload and "Topic" not in items[0]["headers"]
    page = await served.client.post(payload["url"].removeprefix(served.parts.settings.public_url))
    words = await page.text()
    assert page.status == 200 and "data-push-own" in words and "/static/push.js" in words
    assert await contacts(served, key, kept["id"]) == [("push", "verified")]
    offered = words.partition("/preferences/")[2].partition('"')[0]
    other = {"token": offered, **await device(served, "other")}
    assert (await served.client.post("/push/subscriptions", json=other)).status == 201


async def test_the_inbox_asks_what_a_push_service_asks(served: Served) -> None:
    url, phone = served.parts.settings.public_url, await device(served, "strict")
    to = json.dumps(phone)
    vapid = served.parts.vapid
    path = "/inbox/push/strict"
    signed = {"TTL": "1", "Content-Encoding": "aes128gcm", "Authorization": vapid.authorization(url)}

    async def answered(data: bytes = b"x", **changes: str) -> int:
        headers = {k: v for k, v in {**signed, **changes}.items() if v}
        return (await served.client.post(path, data=data, headers=headers)).status

    stranger = Vapid(lambda: b"z" * SECRET_BYTES, "mailto:x@example.org", clock=lambda: served.now)
    assert await answered(TTL="") == 400
    assert await answered(Authorization="") == 401
    assert await answered(Authorization=stranger.authorization(url)) == 403
    assert await answered(Authorization=vapid.authorization("https://push.example")) == 403
    assert await answered(b"x", **{"Content-Encoding": "gzip"}) == 415
    assert await answered(b"x" * 4097) == 413
    assert await answered(b"not encrypted for it") == 201
    provider = WebPush(SafeHttpClient(own=url), vapid, clock=lambda: served.now, own=url)
    message = Message(channel="push", delivery="d1", to=to, data=b'{"title": "Hi"}', sender="")
    assert (await provider.send(message)).result == "sent"
    await provider.close()
    strange, plain = await inbox(served)
    assert (strange["text"], base64.urlsafe_b64decode(strange["raw"] + "=")) == ("", b"not encrypted for it")
    assert (plain["text"], plain["delivery"]) == ('{"title": "Hi"}', "d1")
    assert (await served.client.get("/inbox")).status == 200
    assert (await served.client.get(f"/inbox/{strange['id']}")).status == 200


async def test_browsers_find_the_key_the_worker_and_the_manifest(served: Served) -> None:
    key = await served.ok("GET", "/push/key", {})
    raw = base64.urlsafe_b64decode(key["key"] + "=")
    assert len(raw) == 65 and raw[0] == 4
    assert await served.ok("GET", "/push/key", {}) == key
    worker = await served.client.get("/sw.js")
    assert worker.content_type == "text/javascript" and "showNotification" in await worker.text()
    assert worker.headers["Cache-Control"] == "no-cache"
    manifest = await served.client.get("/manifest.webmanifest")
    assert manifest.content_type == "application/manifest+json"
    document = json.loads(await manifest.text())
    icon = await served.client.get(document["icons"][0]["src"])
    assert document["display"] == "standalone" and icon.status == 200


async def test_the_offer_needs_a_fresh_link_and_explains_first(scene: Scene, client: Any) -> None:
    scene.london()
    subscriber, contact = await scene.resident()
    token = scene.parts.fresh_links.new(subscriber, contact)
    answer = await client.get(f"/device/{token}")
    text = await answer.text()
    assert answer.status == 200 and answer.headers["X-Robots-Tag"].startswith("noindex")
    assert text.index("your browser asks whether it may show them") < text.index("Notify me on this device")
    assert "JavaScript is off" in text and f'data-token="{token}"' in text
    for wrong in ("x", token[:-2]):
        assert (await client.get(f"/device/{wrong}")).status == 404


async def test_own_test_reaches_each_way_and_says_where(served: Served) -> None:
    key = await served.key()
    kept = await person(served, key, phone="+447700900118", push=await device(served, "tablet"))
    who = UUID(kept["id"])
    state = served.parts.log.state(SUBSCRIBER, who)
    assert state is not None
    page = f"/preferences/{served.parts.fresh_links.new(who, state.current[0].number)}/test"
    before = await served.client.get(page)
    assert "Send me a test" in await before.text()
    for _ in range(2):  # a double press is one test
        answer = await served.client.post(page)
        assert answer.status == 200 and "marked TEST, to:" in await answer.text()
    for _ in range(200):
        items = (await served.ok("GET", "/inbox.json", {}))["items"]
        if len(items) >= 3:
            break
        await asyncio.sleep(0.05)
    assert sorted(item["channel"] for item in items) == ["email", "push", "sms"]
    assert all(item["text"].partition("TEST")[1] and "Nothing has happened" in item["text"] for item in items)
    shown = await (await served.client.get(page)).text()
    assert all(words in shown for words in ("a@example.org", "+447700900118", "You can send another one from"))
    assert "Send me a test" not in shown
    kinds = [event["type"] for event in (await served.ok("GET", "/api/v1/events", key))["items"]]
    assert kinds.count("ContactTestRequested") == 1 and not [kind for kind in kinds if kind.startswith("Notice")]


async def test_shared_browser_gives_nobody_the_record_of_another(served: Served) -> None:
    key = await served.key()
    tablet = await device(served, "shared")
    first = await person(served, key, push=tablet)
    await served.ok("DELETE", f"/api/v1/subscribers/{first['id']}", key)
    for addresses in ({"push": tablet}, {"push": tablet, "email": "b@example.org"}):
        body = {**addresses, "places": [{"lat": 51.5, "lon": -0.1, "radius_km": 1}]}
        made = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
        assert made["id"] != first["id"], "whoever shares the browser is not the person who left"
    alone = await served.ok("POST", "/api/v1/subscribers", key, {"push": await device(served, "own")}, 201)
    again = await served.ok("POST", "/api/v1/subscribers", key, {"push": await device(served, "own")}, 201)
    assert again["id"] == alone["id"]
