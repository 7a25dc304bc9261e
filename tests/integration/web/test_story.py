"""From a webhook to an inbox, and back to why: the whole product over HTTP, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.support.cap import alert, info
from tests.support.served import AREA, CAMDEN, Served, problem, resident, settled


async def trigger(served: Served, key: dict[str, str], status_url: str) -> dict[str, Any]:
    found: dict[str, Any] = await served.ok("GET", status_url.removeprefix("http://127.0.0.1:8080"), key)
    return found


async def test_from_cap_to_the_inbox_and_why(served: Served) -> None:
    key = await served.key()
    secret = await served.source("cap", name="fire")
    await served.ok("POST", "/api/v1/places", key, {"slug": "camden", "name": {"en": "Camden"}, "area": CAMDEN}, 201)
    near = await served.ok("POST", "/api/v1/subscribers", key, resident("near@example.org", 51.5, -0.1), 201)
    far = await served.ok("POST", "/api/v1/subscribers", key, resident("far@example.org", 51.59, -0.19), 201)
    assert near["contact_points"][0]["state"] == "verified"

    sent = (served.now - timedelta(minutes=1)).isoformat(timespec="seconds")
    expires = (served.now + timedelta(hours=1)).isoformat(timespec="seconds")
    words = info().replace("2026-03-12T12:30:00+00:00", expires).replace("2026-03-12T09:30:00+00:00", sent)
    body = alert(words, sent=sent)
    bearer = {"Authorization": f"Bearer {secret}", "Content-Type": "application/cap+xml"}
    taken = await served.client.post("/hooks/fire", data=body, headers=bearer)
    assert taken.status == 202, await taken.text()
    first = await taken.json()
    assert set(first) == {"id", "status_url"}
    again = await served.client.post("/hooks/fire", data=body.replace(b"Smoke", b"Other"), headers=bearer)
    assert (again.status, await again.json()) == (202, first)

    found = await trigger(served, key, first["status_url"])
    assert found["state"] == "issued" and len(found["notices"]) == 1
    notice = found["notices"][0]
    progress = await settled(served, key, notice)
    assert progress["people"] == 1 and progress["by_channel"] == {"email": {"sent": 1}}
    assert progress["first_attempt_s"] is not None

    shown = await served.ok("GET", f"/api/v1/notices/{notice}", key)
    assert shown["people"] == 1 and shown["danger_to_life"] and shown["priority"] == "emergency"
    listed = await served.ok("GET", f"/api/v1/deliveries?notice={notice}", key)
    (delivery,) = listed["items"]
    assert delivery["subscriber"] == near["id"] and delivery["state"] == "sent" and delivery["attempts"]
    mine = await served.ok("GET", f"/api/v1/deliveries?subscriber={near['id']}&state=sent", key)
    assert delivery in mine["items"]
    assert await served.ok("GET", f"/api/v1/deliveries/{delivery['id']}", key) == delivery

    why = await served.ok("GET", f"/api/v1/deliveries/{delivery['id']}/why", key)
    assert why["due"] and why["position"] == progress["position"]
    assert all(check["holds"] for check in why["checks"])
    told = [link["what"] for link in why["chain"]]
    wanted = ["IncidentReported", "NoticeDrafted", "NoticeApproved", "NoticeIssued", "DispatchPlanned", "Delivery"]
    assert [what for what in told if what in wanted] == wanted
    assert told[0] == "TriggerReceived", "the message that made the rest came before it"
    assert "fire" in {link.get("by") for link in why["chain"]}
    why_not = await served.ok("GET", f"/api/v1/notices/{notice}/why-not/{far['id']}", key)
    assert not why_not["due"] and {c["rule"] for c in why_not["checks"] if not c["holds"]} >= {"place"}
    reader = await served.key("read")
    kept_back = await served.ok("GET", f"/api/v1/notices/{notice}/why-not/{far['id']}", reader)
    assert "km" not in str(kept_back["checks"]) and kept_back["due"] is False
    await problem(await served.client.get(f"/api/v1/notices/{notice}/why-not/{notice}", headers=key), 404)
    await problem(await served.client.get("/api/v1/deliveries/abc/why", headers=key), 404)

    cap = await served.client.get(f"/alerts/{notice}.cap")
    assert cap.status == 200 and cap.content_type == "application/cap+xml"
    from alerts.intake.cap_reader import parse

    assert parse(await cap.read()).identifier == notice
    same = await served.client.get(f"/alerts/{notice}.cap", headers={"If-None-Match": cap.headers["ETag"]})
    assert same.status == 304
    assert (await served.client.get(f"/alerts/{notice}")).status == 200

    late = await served.ok("POST", "/api/v1/subscribers", key, resident("late@example.org", 51.5, -0.1), 201)
    for _ in range(100):
        rows = await served.ok("GET", f"/api/v1/deliveries?subscriber={late['id']}", key)
        if rows["items"] and rows["items"][0]["state"] == "sent":
            break
        await asyncio.sleep(0.05)
    why = await served.ok("GET", f"/api/v1/deliveries/{rows['items'][0]['id']}/why", key)
    assert why["due"] and "late" in {check["rule"] for check in why["checks"]}
    assert (await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", key))["late"] == 1

    # All clear: to both, whatever has since changed.
    update = alert(
        words.replace("<urgency>", "<responseType>AllClear</responseType><urgency>"),
        sent=expires, identifier="fire-2", msgType="Update", references=f"fire@example.org,fire-1,{sent}",
    )  # fmt: skip
    later = (served.now + timedelta(hours=2)).isoformat(timespec="seconds")
    update = update.replace(f"<expires>{expires}".encode(), f"<expires>{later}".encode())
    taken = await served.client.post("/hooks/fire", data=update, headers=bearer)
    assert taken.status == 202, await taken.text()
    found = await trigger(served, key, (await taken.json())["status_url"])
    assert found["state"] == "issued", found
    progress = await settled(served, key, found["notices"][0])
    assert progress["deliveries"] == 2
    rows = await served.ok("GET", f"/api/v1/deliveries?notice={found['notices'][0]}&subscriber={near['id']}", key)
    why = await served.ok("GET", f"/api/v1/deliveries/{rows['items'][0]['id']}/why", key)
    assert why["due"] and why["checks"][0]["rule"] == "follow-up"

    status = await served.ok("GET", "/api/v1/status", key)
    assert {"log_position", "projections", "unprojected", "planning", "queued", "held", "in_flight", "in_doubt"} <= set(
        status
    )
    assert {"deferred", "parked", "oldest_queued_s", "lanes", "providers"} <= set(status)
    for _ in range(100):  # a page of the read models may lie behind for a moment
        ready = await served.client.get("/readyz")
        if ready.status == 200:
            break
        await asyncio.sleep(0.05)
    assert ready.status == 200, await ready.text()


async def test_two_people_one_notice(served: Served) -> None:
    author, approver = await served.key(), await served.approver()
    await served.ok("POST", "/api/v1/subscribers", author, resident("one@example.org"), 201)
    body = {
        "kind": "announcement", "audience": {"all": []}, "content": {"en": {"title": "Hello", "body": "World"}},
    }  # fmt: skip
    count = await served.ok("POST", "/api/v1/audience", author, {"kind": "announcement", "audience": {"all": []}})
    assert count["people"] == 1 and count["by_channel"] == {"email": 1} and len(count["sample"]) == 1
    made = await served.ok("POST", "/api/v1/notices", author, body, 201)
    assert made["state"] == "draft"
    path = f"/api/v1/notices/{made['id']}"
    await problem(await served.client.post(f"{path}/issue", headers=author), 409)
    await problem(await served.client.get(f"{path}/dispatch", headers=author), 404)
    assert (await served.ok("POST", f"{path}/submit", author))["state"] == "pending-approval"
    await problem(await served.client.post(f"{path}/submit", headers=author), 409)
    shown = await served.ok("GET", path, approver)
    assert shown["people"] == 1
    stale = {"version": shown["version"], "people": 9000}
    await problem(await served.client.post(f"{path}/approve", json=stale, headers=approver), 409)
    await problem(await served.client.post(f"{path}/approve", json=stale, headers=author), 403)
    seen = {"version": shown["version"], "people": shown["people"]}
    assert (await served.ok("POST", f"{path}/approve", approver, seen))["state"] == "approved"
    issued = await served.ok("POST", f"{path}/issue", author, {}, 202)
    assert issued["dispatch"].endswith(f"{path}/dispatch") and issued["state"] == "live"
    assert (await settled(served, author, made["id"]))["by_channel"] == {"email": {"sent": 1}}
    update = await served.ok("POST", f"{path}/update", author, {**body, "content": {"en": {"title": "More"}}}, 201)
    assert update["id"] != made["id"] and update["state"] == "draft"
    await problem(await served.client.post(f"{path}/cancel", json={"reason": "wrong"}, headers=author), 403)
    cancelled = await served.ok("POST", f"{path}/cancel", await served.key(policy="issue"), {"reason": "wrong"}, 201)
    assert set(cancelled) >= {"id", "state", "dispatch"}
    assert (await served.ok("GET", path, author))["state"] == "cancelled"


async def test_subscribers_come_change_and_go(served: Served) -> None:
    key = await served.key()
    made = await served.ok("POST", "/api/v1/subscribers", key, resident("ann@example.org"), 201)
    path = f"/api/v1/subscribers/{made['id']}"
    conflict = await problem(
        await served.client.post("/api/v1/subscribers", json=resident("ANN@example.org"), headers=key), 409
    )
    assert conflict["subscriber"] == made["id"]
    shown = await served.client.get(path, headers=key)
    body = await shown.json()
    assert body["email"] == "ann@example.org" and body["places"][0]["name"] == "Home"
    until = (served.now + timedelta(days=3)).isoformat()
    patch = {"paused_until": until, "quiet_hours": {"from": "22:00", "to": "07:00"}}
    done = await served.client.patch(path, json=patch, headers={**key, "If-Match": shown.headers["ETag"]})
    assert done.status == 200, await done.text()
    body = await served.ok("GET", path, key)
    assert body["paused_until"] and body["quiet_hours"] == {"from": "22:00", "to": "07:00", "wake_for": "danger"}
    for bad, field in (
        ({"places": [{"lat": "x", "lon": 1}]}, "places.0.lat"),
        ({"colour": 1}, "colour"),
        ({"email": "not an address"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"topics": ["nope"]}, "topics.0"),
        ({"push": {"endpoint": "https://x", "keys": {"p256dh": "a", "auth": "b"}}}, "push.endpoint"),
    ):
        answer = await served.client.patch(path, json=bad, headers={**key, "If-Match": "*"})
        assert field in {e["field"] for e in (await problem(answer, 422))["errors"]}, bad
    assert (await served.ok("DELETE", path, key))["state"] == "ended"
    back = await served.ok("POST", "/api/v1/subscribers", key, resident("ann@example.org"), 201)
    assert back["id"] == made["id"]
    assert (await served.ok("DELETE", f"{path}?erase=true", key))["state"] == "erased"
    gone = await served.ok("GET", path, key)
    assert gone["email"] is None and gone["places"] == []
    fresh = await served.ok("POST", "/api/v1/subscribers", key, resident("ann@example.org"), 201)
    assert fresh["id"] != made["id"]
    people = await served.ok("GET", "/api/v1/subscribers?limit=1", key)
    assert len(people["items"]) == 1 and people["next"]


async def test_webhooks_are_checked_before_they_are_read(served: Served) -> None:
    key = await served.key()
    secret = await served.source("standard-webhook")
    change = {
        "type": "incident.reported", "timestamp": served.now.isoformat(),
        "data": {"headline": "Leak", "source_ref": "r1", "area": AREA},
    }  # fmt: skip
    first = await served.hook("estates", secret, change)
    assert first.status == 202, await first.text()
    other = await served.hook("estates", secret, None, raw=b"not json at all")
    assert (other.status, await other.json()) == (202, await first.json()), "the same id, whatever the body"
    assert (await trigger(served, key, (await first.json())["status_url"]))["incident"]

    wrong = "whsec_" + "QUJD" * 8
    await problem(await served.hook("estates", wrong, change, identifier="m2"), 401)
    await problem(await served.hook("nobody", secret, change, identifier="m2"), 404)
    served.shift = timedelta(minutes=10)
    old = await served.client.post(
        "/hooks/estates", data=b"{}", headers={k: v for k, v in first.request_info.headers.items() if "webhook" in k}
    )
    await problem(old, 401)
    served.shift = timedelta(0)
    await problem(await served.client.post("/hooks/estates", json=change), 401)
    bearer = {"Authorization": f"Bearer {secret}"}
    await problem(await served.client.post("/hooks/estates", json=change, headers=bearer), 401)
    cases: list[tuple[bytes, int]] = [
        (b"{", 400),
        (b'{"type": "incident.reported", "type": "x", "data": {}}', 400),
        (b"[" * 40 + b"]" * 40, 400),
        (b'{"type": "incident.exploded", "data": {}}', 422),
        (b'{"type": "incident.reported", "data": {"headline": 3}}', 422),
        (b'{"type": "incident.reported", "data": {"headline": "x", "topic": "no"}}', 422),
        (b'{"type": "incident.resolved", "data": {}}', 422),
        (b'{"type": "incident.resolved", "data": {"source_ref": "unheard of"}}', 422),
        (b'{"type": "incident.reported", "data": {"headline": "' + b"x" * 256_000 + b'"}}', 413),
    ]
    for raw, status in cases:
        await problem(await served.hook("estates", secret, None, raw=raw, identifier="m3"), status)
    await problem(await served.hook("estates", secret, change, identifier="m3", **{"Content-Type": "text/xml"}), 415)
    good = await served.hook("estates", secret, change, identifier="m3")
    assert good.status == 202, "a refusal does not use up an id"
    refused = await served.ok("GET", "/api/v1/events?type=TriggerRejected&limit=100", key)
    assert [e["data"]["status"] for e in refused["items"]] == [status for _, status in cases] + [415]
    assert (await served.ok("GET", "/api/v1/status", key))["unverified_webhooks"] >= 4


async def test_cap_comes_by_bearer_or_signed(served: Served) -> None:
    key = await served.key()
    secret = await served.source("cap", name="met", policy="draft")
    xml = {"Content-Type": "application/cap+xml"}

    async def by_bearer(body: bytes, given: str = secret, **headers: str) -> Any:
        return await served.client.post(
            "/hooks/met", data=body, headers={**xml, "Authorization": f"Bearer {given}", **headers}
        )

    later = (served.now + timedelta(hours=1)).isoformat(timespec="seconds")
    start = served.now.isoformat(timespec="seconds")
    words = info().replace("2026-03-12T12:30:00+00:00", later).replace("2026-03-12T09:30:00+00:00", start)
    body = alert(words, sent=start)
    await problem(await by_bearer(body, "whsec_wrong"), 401)
    await problem(await served.client.post("/hooks/met", data=body, headers=xml), 401)
    await problem(await by_bearer(body, **{"Content-Type": "application/json"}), 415)
    await problem(await by_bearer(b"<alert>"), 400)
    await problem(await by_bearer(b'<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>'), 400)
    await problem(await by_bearer(b"<a>" * 40 + b"</a>" * 40), 400)
    await problem(await by_bearer(b"<a>" + b"x" * 256_000 + b"</a>"), 413)
    bad = await problem(await by_bearer(alert(words.replace("Severe", "Awful"), sent=start)), 422)
    assert bad["errors"][0]["field"] == "info.0.severity"
    signed = await served.hook("met", secret, None, raw=body, **xml)
    assert signed.status == 202, await signed.text()
    found = await trigger(served, key, (await signed.json())["status_url"])
    assert found["state"] == "drafted" and found["type"] == "cap.Alert"
    assert (await (await by_bearer(body)).json())["id"] == found["id"], "the same message by another door is the same"
    latin = alert(words, sent=start, identifier="latin").replace(b"Smoke", "Fumée".encode("latin-1"))
    taken = await by_bearer(latin, **{"Content-Type": "text/xml; charset=ISO-8859-1"})
    assert taken.status == 202, await taken.text()
    nowhere = alert(words.replace("<circle>51.5,-0.1 1.5</circle>", ""), sent=start, identifier="nowhere")
    taken = await by_bearer(nowhere)
    assert taken.status == 202, await taken.text()
    found = await trigger(served, key, (await taken.json())["status_url"])
    assert found["state"] == "parked" and found["reason"]
    assert (await served.ok("GET", "/api/v1/status", key))["parked"] == 1
