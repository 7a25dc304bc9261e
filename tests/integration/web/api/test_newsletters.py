"""Newsletters and their issues; digests of those who want a day's or a week's notices at once; limits of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from zoneinfo import ZoneInfo

from alerts.commands import SYSTEM
from alerts.contract.bodies import OrganisationBody
from tests.support.served import Served, consent, problem

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
    return {"email": email, "confirmed": True, "consent": consent(), **more}


def mails(served: Served, to: str) -> list[bytes]:
    assert served.parts.inbox is not None
    return [item.data for item in served.parts.inbox.items(to=to)]


async def test_a_newsletter_from_its_start_to_its_end(served: Served) -> None:
    key = await served.key(*SCOPES)
    body = {"slug": "week", "name": "The week", "schedule": WEEKLY, "sections": ["News", "Dates"]}
    made = await served.ok("POST", URL, key, body, 201)
    assert (await served.ok("POST", URL, key, body))["version"] == 1, "identical: nothing new"
    shown = await served.ok("GET", f"{URL}/{made['id']}", key)
    assert shown == await served.ok("GET", f"{URL}/week", key), "by id or by slug"
    assert (shown["topic"], shown["schedule"], shown["sections"]) == ("newsletter/week", WEEKLY, ["News", "Dates"])
    local = datetime.fromisoformat(shown["next_issue"]).astimezone(ZoneInfo("Europe/London"))
    assert (local.weekday(), local.hour, local.minute) == (4, 9, 30) and local > served.now
    assert [n["slug"] for n in (await served.ok("GET", URL, key))["items"]] == ["week"]

    await problem(await served.client.patch(f"{URL}/week", json={"name": "x"}, headers=key), 428)
    changed = {**key, "If-Match": '"1"'}
    await served.ok("PATCH", f"{URL}/week", changed, {"name": "Our week", "schedule": None})
    await problem(await served.client.patch(f"{URL}/week", json={"name": "x"}, headers=changed), 412)
    shown = await served.ok("GET", f"{URL}/week", key)
    assert (shown["name"], shown["schedule"], shown["next_issue"]) == ("Our week", None, None)
    kept = {**key, "If-Match": '"2"'}
    await problem(await served.client.patch(f"{URL}/week", json={"slug": "other"}, headers=kept), 422)

    await served.ok("DELETE", f"{URL}/week", key)
    await served.ok("DELETE", f"{URL}/week", key)
    assert (await served.ok("GET", URL, key))["items"] == []
    assert (await served.ok("GET", f"{URL}/week", key))["ended"]
    await problem(await served.client.post(f"{URL}/week/bulletins", json={"content": WORDS}, headers=key), 409)
    await served.ok("POST", URL, key, body)
    assert not (await served.ok("GET", f"{URL}/week", key))["ended"]


async def test_what_a_newsletter_may_not_be(served: Served) -> None:
    key = await served.key(*SCOPES)

    async def fields(path: str = URL, **body: Any) -> list[str]:
        answer = await served.client.post(path, json=body, headers=key)
        return [error["field"] for error in (await problem(answer, 422))["errors"]]

    assert await fields(slug="A B", name="x") == ["slug"]
    assert await fields(slug="a", name=" ") == ["name"]
    assert await fields(slug="a", name="x", sections=["y"] * 51) == ["sections"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "rrule": "FREQ=HOURLY"}) == ["schedule.rrule"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "at": "25:00"}) == ["schedule.at"]
    assert await fields(slug="a", name="x", schedule={**WEEKLY, "timezone": "Moon"}) == ["schedule.timezone"]
    await served.ok("POST", URL, key, {"slug": "a", "name": "x"}, 201)
    assert await fields(f"{URL}/a/bulletins", content={}) == ["content"]
    assert await fields(f"{URL}/a/bulletins", content=WORDS, send_at="2020-01-01T00:00:00Z") == ["send_at"]
    assert await fields("/api/v1/subscribers", email="a@example.org", topics=["newsletter/none"]) == ["topics.0"]
    await problem(await served.client.post(f"{URL}/none/bulletins", json={"content": WORDS}, headers=key), 404)
    place = await served.key("read")
    await problem(await served.client.post(URL, json={"slug": "b", "name": "x"}, headers=place), 403)


async def test_an_issue_goes_to_whoever_chose_it_at_its_own_time(served: Served) -> None:
    """RULES 2 and 5: it needs no place, nobody gets it unasked, and no digest holds it back."""
    key, approver = await served.key(*SCOPES), await served.approver()
    await served.ok("POST", URL, key, {"slug": "week", "name": "The week", "schedule": WEEKLY}, 201)
    for name, more in (
        ("reader", {"topics": ["newsletter/week"]}),
        ("daily", {"topics": ["newsletter/week", "weather"], "frequency": "daily"}),
        ("asked-for-nothing", {}),
        ("weather", {"topics": ["weather"]}),
    ):
        await served.ok("POST", "/api/v1/subscribers", key, person(f"{name}@example.org", **more), 201)
    made = await served.ok("POST", f"{URL}/week/bulletins", key, {"content": WORDS}, 201)
    assert made["state"] == "draft"
    notice = await served.ok("GET", f"/api/v1/notices/{made['id']}", key)
    due = datetime.fromisoformat((await served.ok("GET", f"{URL}/week", key))["next_issue"])
    assert (notice["kind"], notice["topic"], notice["priority"]) == ("bulletin", "newsletter/week", "bulletin")
    assert datetime.fromisoformat(notice["send_at"]) == due and notice["people"] == 2
    await served.ok("POST", f"/api/v1/notices/{made['id']}/submit", key)
    seen = await served.ok("GET", f"/api/v1/notices/{made['id']}", key)
    approved = await served.ok(
        "POST",
        f"/api/v1/notices/{made['id']}/approve",
        approver,
        {"version": seen["version"], "people": seen["people"]},
    )
    assert approved["state"] == "scheduled"
    later = due + timedelta(minutes=30)
    moved = await served.ok("POST", f"/api/v1/notices/{made['id']}/schedule", approver, {"send_at": later.isoformat()})
    assert moved["state"] == "scheduled"
    served.shift = due + timedelta(minutes=1) - datetime.now(UTC)
    await asyncio.sleep(1.3)
    assert not mails(served, "reader@example.org"), "it was put off by half an hour"
    served.shift = later + timedelta(seconds=1) - datetime.now(UTC)
    await until(lambda: len(mails(served, "reader@example.org")) == 1 and len(mails(served, "daily@example.org")) == 1)
    assert not mails(served, "asked-for-nothing@example.org") and not mails(served, "weather@example.org")
    assert b"Issue 1" in mails(served, "reader@example.org")[0]


async def test_issue_bears_the_name_of_its_series(served: Served) -> None:
    for slug, name in (("council", "Camden Council"), ("police", "Police")):
        await served.parts.commands.define_organisation(
            SYSTEM, OrganisationBody(slug=slug, name={"en": f"The {name}"}, sender_name=name)
        )
    key = await served.key(*SCOPES, policy="issue")
    await served.ok("POST", URL, key, {"slug": "week", "name": "The week", "organisation": "council"}, 201)
    shown = await served.ok("GET", f"{URL}/week", key)
    assert shown["organisation"] == "council" and shown["version"] == 2
    await served.ok("POST", "/api/v1/subscribers", key, person("reader@example.org", topics=["newsletter/week"]), 201)
    made = await served.ok("POST", f"{URL}/week/bulletins", key, {"content": WORDS}, 201)
    assert (await served.ok("GET", f"/api/v1/notices/{made['id']}", key))["organisation"] == "council"
    await served.ok("POST", f"/api/v1/notices/{made['id']}/submit", key)
    seen = await served.ok("GET", f"/api/v1/notices/{made['id']}", key)
    counted = {"version": seen["version"], "people": seen["people"]}
    await served.ok("POST", f"/api/v1/notices/{made['id']}/approve", await served.approver(), counted)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    await until(lambda: len(mails(served, "reader@example.org")) == 1)
    mail = message_from_bytes(mails(served, "reader@example.org")[0], policy=policy.default)
    assert mail["From"].startswith("Camden Council <")
    page = await (await served.client.get(f"/alerts/{made['id']}")).text()
    assert "The Camden Council" in page

    edited = {**key, "If-Match": '"2"'}
    assert (await served.ok("PATCH", f"{URL}/week", edited, {"name": "Week"}))["version"] == 3
    assert (await served.ok("GET", f"{URL}/week", key))["organisation"] == "council", "it stays"
    edited["If-Match"] = '"3"'
    assert (await served.ok("PATCH", f"{URL}/week", edited, {"organisation": None}))["version"] == 4
    assert (await served.ok("GET", f"{URL}/week", key))["organisation"] is None
    for wrong in ("none-such", "Not a slug"):
        answer = await served.client.patch(
            f"{URL}/week", json={"organisation": wrong}, headers={**key, "If-Match": "*"}
        )
        assert (await problem(answer, 422))["errors"][0]["field"] == "organisation"


async def test_what_is_scheduled_can_be_withdrawn(served: Served) -> None:
    key, approver = await served.key(*SCOPES), await served.approver()
    await served.ok("POST", URL, key, {"slug": "week", "name": "The week"}, 201)
    await served.ok("POST", "/api/v1/subscribers", key, person("reader@example.org", topics=["newsletter/week"]), 201)
    due = served.now + timedelta(hours=1)
    made = []
    for _ in range(2):
        body = {"content": WORDS, "send_at": due.isoformat()}
        bulletin = (await served.ok("POST", f"{URL}/week/bulletins", key, body, 201))["id"]
        await served.ok("POST", f"/api/v1/notices/{bulletin}/submit", key)
        seen = await served.ok("GET", f"/api/v1/notices/{bulletin}", key)
        counted = {"version": seen["version"], "people": seen["people"]}
        approved = await served.ok("POST", f"/api/v1/notices/{bulletin}/approve", approver, counted)
        assert approved["state"] == "scheduled"
        made.append((bulletin, approved["version"]))
    (put_off, version), (never, _) = made
    edited = {**key, "If-Match": f'"{version}"'}
    back = await served.ok("PATCH", f"/api/v1/notices/{put_off}", edited, {"send_at": None})
    assert back["state"] == "pending-approval", "an edit voids the approval, and the time with it"
    await served.ok("POST", f"/api/v1/notices/{never}/reject", approver, {"reason": "Not this week."})
    served.shift = timedelta(hours=1, seconds=5)
    await asyncio.sleep(1.5)
    assert not mails(served, "reader@example.org")
    states = [(await served.ok("GET", f"/api/v1/notices/{bulletin}", key))["state"] for bulletin, _ in made]
    assert states == ["pending-approval", "rejected"]


async def test_a_days_and_a_weeks_notices_come_as_one_message(served: Served) -> None:
    """RULES 5 and 21: on Monday at eight for the week, at eight for the day; e-mail and text alike, one each."""
    london = ZoneInfo("Europe/London")
    monday = datetime.now(london).replace(hour=12, minute=0, second=0) + timedelta(days=7)
    monday -= timedelta(days=monday.weekday())
    key = await served.key(*SCOPES, policy="issue")
    served.shift = monday - datetime.now(UTC)
    people = {"daily": {"phone": "+447700900001"}, "weekly": {"phone": "+447700900002"}, "immediate": {}}
    for frequency, more in people.items():
        wishes = person(f"{frequency}@example.org", frequency=frequency, **more)
        await served.ok("POST", "/api/v1/subscribers", key, wishes, 201)

    async def announce(title: str, **more: Any) -> None:
        words = {"en": {"title": title, "body": "Words."}}
        body = {"kind": "announcement", "audience": {"all": []}, "content": words, **more}
        draft = await served.ok("POST", "/api/v1/notices", key, body, 201)
        await served.ok("POST", f"/api/v1/notices/{draft['id']}/issue", key, None, 202)

    await announce("First thing")
    await announce("Short thing", expires=(served.now + timedelta(hours=2)).isoformat())
    await until(lambda: len(mails(served, "immediate@example.org")) == 2)
    served.shift = monday.replace(hour=8) + timedelta(days=1, seconds=5) - datetime.now(UTC)
    await until(lambda: len(mails(served, "daily@example.org")) == 1 and len(mails(served, "+447700900001")) == 1)
    await announce("Second thing")
    await until(lambda: len(mails(served, "immediate@example.org")) == 3)
    assert not mails(served, "weekly@example.org") and not mails(served, "+447700900002")
    served.shift = monday.replace(hour=8) + timedelta(days=7, seconds=5) - datetime.now(UTC)
    await until(lambda: len(mails(served, "weekly@example.org")) == 1 and len(mails(served, "+447700900002")) == 1)
    await until(lambda: len(mails(served, "daily@example.org")) == 2)
    await asyncio.sleep(0.3)

    [week], [text] = mails(served, "weekly@example.org"), mails(served, "+447700900002")
    for title in (b"First thing", b"Short thing", b"Second thing"):
        assert title in week, "what ran out before is listed as past"
    assert b"2 messages" in text, "a text counts what it tells"
    assert b"First thing" in text and b"Second thing" in text and b"Short thing" not in text
    first, second = mails(served, "daily@example.org")
    assert b"First thing" in first and b"Second thing" not in first
    assert b"Second thing" in second and b"First thing" not in second
    assert len(mails(served, "immediate@example.org")) == 3


async def test_a_key_has_its_own_limit(served: Served) -> None:
    kept = await served.parts.commands.issue_api_key(SYSTEM, "slow", ["read"], rate=2)
    slow = {"Authorization": f"Bearer {kept.secret}"}
    answers = [await served.client.get("/api/v1/topics", headers=slow) for _ in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and answers[0].status == answers[1].status == 200
    assert refused[0].headers["Retry-After"] == "1"
    assert (await problem(refused[0], 429))["type"].endswith("too-many")
    assert (await served.client.get("/api/v1/topics", headers=await served.key("read"))).status == 200
