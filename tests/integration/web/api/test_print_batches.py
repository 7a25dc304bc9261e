"""Letters and calls from the notice to the mark, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alerts.commands import SYSTEM
from alerts.web.http.auth import COOKIE
from tests.support.served import CAMDEN, Served, consent, problem, settled

BATCHES = "/api/v1/print-batches"
POSTAL = {"name": "Mary Smith", "lines": ["12 Manor Place", "London", "SE17 3BB"]}
PLACES = [{"lat": 51.55, "lon": -0.15, "radius_km": 0.5, "name": "Home"}]
SCOPES = (
    "read",
    "incidents:write",
    "notices:write",
    "notices:issue",
    "subscribers:write",
    "subscribers:read",
    "letters:write",
)


def person(**how: Any) -> dict[str, Any]:
    agreed = {**consent(), "how": "on the phone, by the ward officer"}
    return {"places": PLACES, "confirmed": True, "consent": agreed, **how}


async def issued(served: Served, key: dict[str, str]) -> str:
    content = {"en": {"title": "The library moves", "body": "To East Street."}}
    body = {"kind": "announcement", "area": CAMDEN, "content": content}
    made = await served.ok("POST", "/api/v1/notices", key, body, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    return str(made["id"])


async def ready(served: Served, key: dict[str, str], pages: int) -> list[dict[str, Any]]:
    for _ in range(200):
        found = (await served.ok("GET", BATCHES, key))["waiting"]
        if sum(one["pages"] for one in found) == pages:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_letter_is_sent_when_somebody_says_so(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    for name in ("Mary Smith", "Ann Jones"):
        await served.ok("POST", "/api/v1/subscribers", key, person(postal={**POSTAL, "name": name}), 201)
    caller = await served.ok("POST", "/api/v1/subscribers", key, person(call="+442079460000"), 201)
    assert caller["contact_points"][0]["channel"] == "phone"
    shown = await served.ok("GET", f"/api/v1/subscribers/{caller['id']}", key)
    assert shown["call"] == "+442079460000" and shown["consent"]["how"] == "on the phone, by the ward officer"
    notice = await issued(served, key)
    waiting = await ready(served, key, 3)
    assert [(one["channel"], one["pages"], one["urgent"]) for one in waiting] == [
        ("letter", 2, False),
        ("phone", 1, False),
    ]
    progress = await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", key)
    assert progress["by_channel"] == {"letter": {"held": 2}, "phone": {"held": 1}} and not progress["complete"]

    letters = (await served.ok("POST", BATCHES, key, {"channel": "letter"}, 201))["id"]
    calls = (await served.ok("POST", BATCHES, key, {"channel": "phone"}, 201))["id"]
    await problem(await served.client.post(BATCHES, headers=key, json={"channel": "letter"}), 409)
    pdf = await served.client.get(f"{BATCHES}/{letters}/pdf", headers=key)
    assert pdf.status in (200, 503)
    if pdf.status == 200:
        assert pdf.content_type == "application/pdf" and (await pdf.read()).startswith(b"%PDF-")
    first, second = (await served.ok("GET", f"{BATCHES}/{letters}", key))["items"]
    await served.ok("POST", f"{BATCHES}/{letters}/mark", key, {"deliveries": [first["delivery"]]})
    body = {"deliveries": [second["delivery"]], "outcome": "failed", "reason": "came back"}
    await served.ok("POST", f"{BATCHES}/{letters}/mark", key, body)
    await served.ok("POST", f"{BATCHES}/{calls}/mark", key, {})
    progress = await settled(served, key, notice)
    assert progress["by_channel"] == {"letter": {"sent": 1, "failed-permanent": 1}, "phone": {"sent": 1}}
    made = (await served.ok("GET", BATCHES, key))["items"]
    states = {batch["id"]: (batch["sent"], batch["failed"], batch["waiting"]) for batch in made}
    assert states == {letters: (1, 1, 0), calls: (1, 0, 0)}


async def test_a_page_is_not_printed_once_its_notice_has_ended(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await served.ok("POST", "/api/v1/subscribers", key, person(postal=POSTAL), 201)
    notice = await issued(served, key)
    await ready(served, key, 1)
    batch = (await served.ok("POST", BATCHES, key, {"channel": "letter"}, 201))["id"]
    await served.ok("POST", f"/api/v1/notices/{notice}/cancel", key, {"reason": "It stays."}, 201)
    for _ in range(200):
        [page] = (await served.ok("GET", f"{BATCHES}/{batch}", key))["items"]
        if page["state"] == "not needed":
            break
        await asyncio.sleep(0.05)
    assert page["state"] == "not needed"
    await problem(await served.client.get(f"{BATCHES}/{batch}/pdf", headers=key), 404)


async def test_an_erased_person_is_on_no_page(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    made = await served.ok("POST", "/api/v1/subscribers", key, person(postal=POSTAL), 201)
    await issued(served, key)
    await ready(served, key, 1)
    await served.ok("DELETE", f"/api/v1/subscribers/{made['id']}?erase=true", key)
    assert (await served.ok("GET", BATCHES, key))["waiting"] == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_the_console_shows_makes_and_marks_batches(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await served.ok("POST", "/api/v1/subscribers", key, person(postal=POSTAL), 201)
    notice = await issued(served, key)
    await ready(served, key, 1)
    member = (await served.parts.commands.invite_member(SYSTEM, "a@example.org", "author")).id
    cookie = {"Cookie": f"{COOKIE}={await served.parts.sessions.open(member, 'test')}"}
    today = await (await served.client.get("/console", headers=cookie)).text()
    assert 'href="/console/letters">1 ready for people' in today
    assert "Make a batch to print" in await (await served.client.get("/console/letters", headers=cookie)).text()
    made = await served.client.post(
        "/console/letters", headers=cookie, data={"channel": "letter"}, allow_redirects=False
    )
    assert made.status == 303
    path = made.headers["Location"]
    assert "Mary Smith" in await (await served.client.get(path, headers=cookie)).text()
    marked = await served.client.post(path, headers=cookie, data={}, allow_redirects=False)
    assert marked.status == 303
    assert (await settled(served, key, notice))["by_channel"] == {"letter": {"sent": 1}}
