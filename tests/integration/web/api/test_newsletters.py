"""Newsletters and their issues; digests of those who want a day's or a week's notices at once; limits of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.commands import SYSTEM
from tests.integration.web.conftest import House, problem
from tests.integration.web.test_story import CONSENT

URL = "/api/v1/newsletters"
WEEKLY = {"rrule": "FREQ=WEEKLY;BYDAY=FR", "at": "09:30", "timezone": "Europe/London"}
WORDS = {"en": {"title": "Issue 1", "body": "What happened this week."}}
SCOPES = ("read", "newsletters:write", "notices:write", "notices:issue", "subscribers:read", "subscribers:write")


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.03)
    raise AssertionError("it did not come to it")


def person(email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "confirmed": True, "consent": CONSENT, **more}


def mails(house: House, to: str) -> list[bytes]:
    assert house.parts.inbox is not None
    return [item.data for item in house.parts.inbox.items(to=to)]


async def test_a_newsletter_from_its_start_to_its_end(house: House) -> None:
    key = await house.key(*SCOPES)
    body = {"slug": "week", "name": "The week", "schedule": WEEKLY, "sections": ["News", "Dates"]}
    made = await house.ok("POST", URL, key, body, 201)
    assert (await house.ok("POST", URL, key, body))["version"] == 1, "identical: nothing new"
    shown = await house.ok("GET", f"{URL}/{made['id']}", key)
    assert shown == await house.ok("GET", f"{URL}/week", key), "by id or by slug"
    assert (shown["topic"], shown["schedule"], shown["sections"]) == ("newsletter/week", WEEKLY, ["News", "Dates"])
    local = datetime.fromisoformat(shown["next_issue"]).astimezone(ZoneInfo("Europe/London"))
    assert (local.weekday(), local.hour, local.minute) == (4, 9, 30) and local > house.now
    assert [n["slug"] for n in (await house.ok("GET", URL, key))["items"]] == ["week"]

    await problem(await house.client.patch(f"{URL}/week", json={"name": "x"}, headers=key), 428)
    changed = {**key, "If-Match": '"1"'}
    await house.ok("PATCH", f"{URL}/week", changed, {"name": "Our week", "schedule": None})
    await problem(await house.client.patch(f"{URL}/week", json={"name": "x"}, headers=changed), 412)
    shown = await house.ok("GET", f"{URL}/week", key)
    assert (shown["name"], shown["schedule"], shown["next_issue"]) == ("Our week", None, None)
    kept = {**key, "If-Match": '"2"'}
    await problem(await house.client.patch(f"{URL}/week", json={"slug": "other"}, headers=kept), 422)

    await house.ok("DELETE", f"{URL}/week", key)
    await house.ok("DELETE", f"{URL}/week", key)
    assert (await house.ok("GET", URL, key))["items"] == []
    assert (await house.ok("GET", f"{URL}/week", key))["ended"]
    await problem(await house.client.post(f"{URL}/week/bulletins", json={"content": WORDS}, headers=key), 409)
    await house.ok("POST", URL, key, body)
    assert not (await house.ok("GET", f"{URL}/week", key))["ended"]


async def test_what_a_newsletter_may_not_be(house: House) -> None:
    key = await house.key(*SCOPES)

    async def fields(path: str = URL, **body: Any) -> list[str]:
        answer = await house.client.post(path, json=body, headers=key)
        return [error["field"] for error in (await problem(answer, 422))["errors"]]

    assert await fields(slug="A B", name="x") == ["slug"]
    assert await fields(slug="a", name=" ") == ["name"]
    assert await fields(slug="a", name="x", sections=["y"] * 51) == ["sections"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "rrule": "FREQ=HOURLY"}) == ["schedule.rrule"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "at": "25:00"}) == ["schedule.at"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "timezone": "Moon"}) == ["schedule.timezone"]
    await house.ok("POST", URL, key, {"slug": "a", "name": "x"}, 201)
    assert await fields(f"{URL}/a/bulletins", content={}) == ["content"]
    assert await fields(f"{URL}/a/bulletins", content=WORDS, send_at="2020-01-01T00:00:00Z") == ["send_at"]
    assert await fields("/api/v1/subscribers", email="a@example.org", topics=["newsletter/none"]) == ["topics.0"]
    await problem(await house.client.post(f"{URL}/none/bulletins", json={"content": WORDS}, headers=key), 404)
    place = await house.key("read")
    await problem(await house.client.post(URL, json={"slug": "b", "name": "x"}, headers=place), 403)


async def test_an_issue_goes_to_whoever_chose_it_at_its_own_time(house: House) -> None:
    """RULES 2 and 5: it needs no place, nobody gets it unasked, and no digest holds it back."""
    key, approver = await house.key(*SCOPES), await house.approver()
    await house.ok("POST", URL, key, {"slug": "week", "name": "The week", "schedule": WEEKLY}, 201)
    for name, more in (
        ("reader", {"topics": ["newsletter/week"]}),
        ("daily", {"topics": ["newsletter/week", "weather"], "frequency": "daily"}),
        ("asked-for-nothing", {}),
        ("weather", {"topics": ["weather"]}),
    ):
        await house.ok("POST", "/api/v1/subscribers", key, person(f"{name}@example.org", **more), 201)
    made = await house.ok("POST", f"{URL}/week/bulletins", key, {"content": WORDS}, 201)
    assert made["state"] == "draft"
    notice = await house.ok("GET", f"/api/v1/notices/{made['id']}", key)
    due = datetime.fromisoformat((await house.ok("GET", f"{URL}/week", key))["next_issue"])
    assert (notice["kind"], notice["topic"], notice["priority"]) == ("bulletin", "newsletter/week", "bulletin")
    assert datetime.fromisoformat(notice["send_at"]) == due and notice["people"] == 2
    await house.ok("POST", f"/api/v1/notices/{made['id']}/submit", key)
    seen = await house.ok("GET", f"/api/v1/notices/{made['id']}", key)
    approved = await house.ok(
        "POST",
        f"/api/v1/notices/{made['id']}/approve",
        approver,
        {"version": seen["version"], "people": seen["people"]},
    )
    assert approved["state"] == "scheduled"
    later = due + timedelta(minutes=30)
    moved = await house.ok("POST", f"/api/v1/notices/{made['id']}/schedule", approver, {"send_at": later.isoformat()})
    assert moved["state"] == "scheduled"
    house.shift = due + timedelta(minutes=1) - datetime.now(UTC)
    await asyncio.sleep(1.3)
    assert not mails(house, "reader@example.org"), "it was put off by half an hour"
    house.shift = later + timedelta(seconds=1) - datetime.now(UTC)
    await until(lambda: len(mails(house, "reader@example.org")) == 1 and len(mails(house, "daily@example.org")) == 1)
    assert not mails(house, "asked-for-nothing@example.org") and not mails(house, "weather@example.org")
    assert b"Issue 1" in mails(house, "reader@example.org")[0]


async def test_what_is_scheduled_can_be_withdrawn(house: House) -> None:
    key, approver = await house.key(*SCOPES), await house.approver()
    await house.ok("POST", URL, key, {"slug": "week", "name": "The week"}, 201)
    await house.ok("POST", "/api/v1/subscribers", key, person("reader@example.org", topics=["newsletter/week"]), 201)
    due = house.now + timedelta(hours=1)
    made = []
    for _ in range(2):
        body = {"content": WORDS, "send_at": due.isoformat()}
        bulletin = (await house.ok("POST", f"{URL}/week/bulletins", key, body, 201))["id"]
        await house.ok("POST", f"/api/v1/notices/{bulletin}/submit", key)
        seen = await house.ok("GET", f"/api/v1/notices/{bulletin}", key)
        counted = {"version": seen["version"], "people": seen["people"]}
        approved = await house.ok("POST", f"/api/v1/notices/{bulletin}/approve", approver, counted)
        assert approved["state"] == "scheduled"
        made.append((bulletin, approved["version"]))
    (put_off, version), (never, _) = made
    edited = {**key, "If-Match": f'"{version}"'}
    back = await house.ok("PATCH", f"/api/v1/notices/{put_off}", edited, {"send_at": None})
    assert back["state"] == "pending-approval", "an edit voids the approval, and the time with it"
    await house.ok("POST", f"/api/v1/notices/{never}/reject", approver, {"reason": "Not this week."})
    house.shift = timedelta(hours=1, seconds=5)
    await asyncio.sleep(1.5)
    assert not mails(house, "reader@example.org")
    states = [(await house.ok("GET", f"/api/v1/notices/{bulletin}", key))["state"] for bulletin, _ in made]
    assert states == ["pending-approval", "rejected"]


async def test_a_days_and_a_weeks_notices_come_as_one_message(house: House) -> None:
    """RULES 5 and 21: on Monday at eight for the week, at eight for the day; e-mail and text alike, one each."""
    london = ZoneInfo("Europe/London")
    monday = datetime.now(london).replace(hour=12, minute=0, second=0) + timedelta(days=7)
    monday -= timedelta(days=monday.weekday())
    key = await house.key(*SCOPES, policy="issue")
    house.shift = monday - datetime.now(UTC)
    people = {"daily": {"phone": "+447700900001"}, "weekly": {"phone": "+447700900002"}, "immediate": {}}
    for frequency, more in people.items():
        wishes = person(f"{frequency}@example.org", frequency=frequency, **more)
        await house.ok("POST", "/api/v1/subscribers", key, wishes, 201)

    async def announce(title: str, **more: Any) -> None:
        words = {"en": {"title": title, "body": "Words."}}
        body = {"kind": "announcement", "audience": {"all": []}, "content": words, **more}
        draft = await house.ok("POST", "/api/v1/notices", key, body, 201)
        await house.ok("POST", f"/api/v1/notices/{draft['id']}/issue", key, None, 202)

    await announce("First thing")
    await announce("Short thing", expires=(house.now + timedelta(hours=2)).isoformat())
    await until(lambda: len(mails(house, "immediate@example.org")) == 2)
    house.shift = monday.replace(hour=8) + timedelta(days=1, seconds=5) - datetime.now(UTC)
    await until(lambda: len(mails(house, "daily@example.org")) == 1 and len(mails(house, "+447700900001")) == 1)
    await announce("Second thing")
    await until(lambda: len(mails(house, "immediate@example.org")) == 3)
    assert not mails(house, "weekly@example.org") and not mails(house, "+447700900002")
    house.shift = monday.replace(hour=8) + timedelta(days=7, seconds=5) - datetime.now(UTC)
    await until(lambda: len(mails(house, "weekly@example.org")) == 1 and len(mails(house, "+447700900002")) == 1)
    await until(lambda: len(mails(house, "daily@example.org")) == 2)
    await asyncio.sleep(0.3)

    [week], [text] = mails(house, "weekly@example.org"), mails(house, "+447700900002")
    for title in (b"First thing", b"Short thing", b"Second thing"):
        assert title in week, "what ran out before is listed as past"
    assert b"2 messages" in text, "a text counts what it tells"
    assert b"First thing" in text and b"Second thing" in text and b"Short thing" not in text
    first, second = mails(house, "daily@example.org")
    assert b"First thing" in first and b"Second thing" not in first
    assert b"Second thing" in second and b"First thing" not in second
    assert len(mails(house, "immediate@example.org")) == 3


async def test_a_key_has_its_own_limit(house: House) -> None:
    kept = await house.parts.commands.issue_api_key(SYSTEM, "slow", ["read"], rate=2)
    slow = {"Authorization": f"Bearer {kept.secret}"}
    answers = [await house.client.get("/api/v1/topics", headers=slow) for _ in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and answers[0].status == answers[1].status == 200
    assert refused[0].headers["Retry-After"] == "1"
    assert (await problem(refused[0], 429))["type"].endswith("too-many")
    assert (await house.client.get("/api/v1/topics", headers=await house.key("read"))).status == 200
