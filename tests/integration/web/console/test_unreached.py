"""People whom no way of a notice has reached: counted, put on one list, called and ticked off; on both databases."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from typing import Any
from uuid import UUID

import pytest

from alerts.channels.message import Message, SendResult
from alerts.domain.events import UnreachedListed
from alerts.providers.inbox import InboxProvider
from alerts.web.http.auth import caught_up
from subscribers.domain.events import SubscriberLookedUp
from tests.support.officer import Officer, officer
from tests.support.served import CAMDEN, Served, consent, settled

PLACES = [{"lat": 51.55, "lon": -0.15, "radius_km": 0.5, "name": "Home"}]
POSTAL = {"name": "Mary Smith", "lines": ["12 Manor Place", "London", "SE17 3BB"]}
SCOPES = ("read", "notices:write", "notices:issue", "subscribers:write", "subscribers:read", "letters:write")
DEAD, LANDLINE = "no-such-mailbox", "+442079460001"


async def joined(served: Served, key: dict[str, str], **how: Any) -> dict[str, Any]:
    agreed = {**consent(), "how": "on the phone, by the ward officer"}
    body = {"places": PLACES, "confirmed": True, "consent": agreed, **how}
    made: dict[str, Any] = await served.ok("POST", "/api/v1/subscribers", key, body, 201)
    return made


async def issued(served: Served, key: dict[str, str], **more: Any) -> tuple[str, int]:
    content = {"en": {"title": "The water is not safe", "body": "Boil it.", "instruction": "Boil the water first."}}
    body = {"kind": "announcement", "area": CAMDEN, "content": content, "channels": ["email", "sms"], **more}
    made = await served.ok("POST", "/api/v1/notices", key, body, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    await settled(served, key, made["id"])
    await caught_up(served.parts)
    found = served.parts.views.notice(UUID(made["id"]))
    assert found is not None
    return str(found.id), found.number


async def dead_text(served: Served, number: int, person: dict[str, Any]) -> None:
    """The provider says of a text that it took that its number takes none."""
    [contact] = [one["id"] for one in person["contact_points"] if one["channel"] == "sms"]
    await served.parts.commands.take_receipt("test", number, contact, "failed", "30006: landline", retire="hard-bounce")


async def written(author: Officer, path: str, waiting: int) -> str:
    """The screen of a list, once all its pages are written."""
    for _ in range(200):
        await author.open(path)
        if f"<h1>{waiting} of {waiting} wait" in author.text:
            return author.text
        await asyncio.sleep(0.05)
    raise AssertionError(author.text)


def listed(served: Served) -> list[UnreachedListed]:
    events = served.parts.log.read(0, 10_000, (UnreachedListed.topic(),))
    return [one.event for one in events if isinstance(one.event, UnreachedListed)]


async def test_unreached_people_become_a_call_list(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await joined(served, key, email="reached@resident.example")
    called = await joined(served, key, email=f"{DEAD}-a@resident.example", call="+442079460000")
    texted = await joined(served, key, email=f"{DEAD}-b@resident.example", phone=LANDLINE)
    await joined(served, key, email=f"{DEAD}-c@resident.example", postal=POSTAL)
    await joined(served, key, email=f"{DEAD}-d@resident.example")
    await joined(served, key, email=f"{DEAD}-e@resident.example", phone="+447700900123")
    notice, number = await issued(served, key)
    await dead_text(served, number, texted)
    await caught_up(served.parts)
    report = f"/console/notices/{notice}/report"
    viewer = await officer(served, "vi", "viewer")
    await viewer.open(report)
    assert "4 people were not reached by any way" in viewer.text and "Make a call list" not in viewer.text
    assert "An author for every area can make the list" in viewer.text
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}")
    assert "4 people were not reached by any way" in author.text
    await author.open(report)
    assert "2 with a telephone number" in author.text and "1 with a postal address only" in author.text
    assert re.search(r"1 without a number.*e-mail: 550 5\.1\.1 no such mailbox \(1\)", author.text, re.S)
    await author.press(within="call-list")
    assert author.status == 200 and "/console/letters/" in author.url
    calls = author.url
    text = await written(author, calls, 2)
    assert "Boil the water first." in text, "what to say"
    assert text.index("All 2 were spoken with") > text.rindex("Wrong number"), "not beside the files"
    assert "+442079460000" in text and LANDLINE in text and "A text to it failed: 30006: landline" in text
    assert "+447700900123" not in text, "a text has reached them"
    [event] = listed(served)
    assert (event.calls, event.letters, len(event.lists)) == (2, 1, 2)
    rows = list(
        csv.DictReader(io.StringIO(await (await served.client.get(f"{calls}/csv", headers=author.headers)).text()))
    )
    assert {row["to"] for row in rows} == {"+442079460000", LANDLINE}
    assert {row["about_the_number"] for row in rows} == {"", "30006: landline"}
    pdf = await served.client.get(f"{calls}/pdf", headers=author.headers)
    assert pdf.status in (200, 503)
    assert await written(author, f"/console/letters/{event.lists[1]}", 1)
    assert "Mary Smith" in author.text
    looked = served.parts.log.stream(UUID(called["id"]))[-1]
    assert isinstance(looked.event, SubscriberLookedUp) and looked.by.startswith("person:")

    await author.open(report)
    assert "1 person was not reached by any way" in author.text, "who is on a list is not counted again"
    assert "2 of 2 wait" in author.text and "Not final" in author.text
    await author.open(calls)
    await press_of(author, "+442079460000", "sent")
    await press_of(author, LANDLINE, "wrong-number")
    await served.ok("POST", f"/api/v1/print-batches/{event.lists[1]}/mark", key, {})
    progress = await settled(served, key, notice)
    assert progress["by_channel"]["phone"] == {"sent": 1, "failed-permanent": 1}
    assert progress["by_channel"]["letter"] == {"sent": 1}
    assert progress["people"] == 6 and progress["by_channel"]["sms"] == {"sent": 1}
    await author.open(report)
    assert "2 people were not reached by any way" in author.text and "wrong number (1)" in author.text
    assert "Make a call list" not in author.text


async def press_of(author: Officer, to: str, outcome: str) -> None:
    """Press a button in the line of this number."""
    line = next(part for part in author.text.split("<li>") if to in part)
    found = re.search(r'name="delivery" value="([^"]+)"', line)
    assert found and f'value="{outcome}"' in line, line
    answer = await author.client.post(
        author.url, headers=author.headers, data={"delivery": found[1], "outcome": outcome}, allow_redirects=False
    )
    assert answer.status == 303


async def test_two_officers_make_one_list(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await joined(served, key, email=f"{DEAD}-a@resident.example", call="+442079460000")
    notice, _ = await issued(served, key)
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    for one in (ann, bob):
        await one.open(f"/console/notices/{notice}/report")
    await asyncio.gather(ann.press(within="call-list"), bob.press(within="call-list"))
    assert ann.url == bob.url and "/console/letters/" in ann.url
    assert len(listed(served)) == 1
    await written(ann, ann.url, 1)


async def test_a_list_is_needless_once_a_provider_reaches_them(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    someone = await joined(served, key, phone=LANDLINE, call="+442079460000")
    notice, number = await issued(served, key)
    await dead_text(served, number, someone)
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    await author.press(within="call-list")
    await written(author, author.url, 1)
    [contact] = [one["id"] for one in someone["contact_points"] if one["channel"] == "sms"]
    await served.parts.commands.take_receipt("test", number, contact, "delivered")
    await author.open(author.url)
    assert "0 of 1 wait" in author.text and "not needed" in author.text
    await author.open(f"/console/notices/{notice}/report")
    assert "0 of 1 wait" in author.text
    [made] = served.parts.commands.batches()
    assert (made.pages, made.waiting) == (1, 0)


async def test_late_failure_of_a_text_leaves_its_call_alone(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key(*SCOPES, policy="issue")
    someone = await joined(served, key, phone=LANDLINE)
    [contact] = [one["id"] for one in someone["contact_points"]]

    async def refused(provider: InboxProvider, message: Message) -> SendResult:
        return SendResult(result="permanent", reason="not taken")

    monkeypatch.setattr(InboxProvider, "send", refused)
    notice, number = await issued(served, key)
    monkeypatch.undo()
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    await author.press(within="call-list")
    await written(author, author.url, 1)
    await press_of(author, LANDLINE, "sent")
    await settled(served, key, notice)
    await served.parts.commands.take_receipt("test", number, contact, "failed", "30003: unreachable")
    progress = await served.ok("GET", f"/api/v1/notices/{notice}/dispatch", key)
    assert progress["by_channel"] == {"phone": {"sent": 1}}


async def test_cancel_is_called_to_whom_was_spoken_with(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    someone = await joined(served, key, phone=LANDLINE)
    notice, number = await issued(served, key)
    await dead_text(served, number, someone)
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    await author.press(within="call-list")
    await written(author, author.url, 1)
    await press_of(author, LANDLINE, "sent")
    await settled(served, key, notice)
    cancel = await served.ok("POST", f"/api/v1/notices/{notice}/cancel", key, {"reason": "It is safe."}, 201)
    for _ in range(200):
        progress = await served.ok("GET", f"/api/v1/notices/{cancel['id']}/dispatch", key)
        if progress["by_channel"].get("phone") == {"held": 1}:
            break
        await asyncio.sleep(0.05)
    assert progress["by_channel"] == {"phone": {"held": 1}}, "a text would fail again: a person calls"
    await author.open(f"/console/notices/{notice}/report")
    assert "nobody is called" not in author.text and "Make a call list" not in author.text


async def test_nobody_is_called_for_a_drill_or_about_what_is_over(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await joined(served, key, email=f"{DEAD}-a@resident.example", call="+442079460000", tester=True)
    author = await officer(served, "ann", "author")
    drill, _ = await issued(served, key, status="Exercise")
    await author.open(f"/console/notices/{drill}/report")
    assert "not reached by any way" not in author.text
    refused = await served.client.post(f"/console/notices/{drill}/call-list", headers=author.headers, data={})
    assert refused.status == 409 and "This is a drill" in await refused.text()
    notice, _ = await issued(served, key)
    await served.ok("POST", f"/api/v1/notices/{notice}/cancel", key, {"reason": "It is safe."}, 201)
    await caught_up(served.parts)
    await author.open(f"/console/notices/{notice}/report")
    assert "1 person was not reached by any way" in author.text and "nobody is called or written to" in author.text
    over = await served.client.post(f"/console/notices/{notice}/call-list", headers=author.headers, data={})
    assert over.status == 409 and "not live any more" in await over.text()
    assert not listed(served)


async def test_who_was_due_without_any_way_is_listed(served: Served) -> None:
    key = await served.key(*SCOPES, policy="issue")
    await joined(served, key, call="+442079460000")
    quiet = await joined(served, key, email="complained@resident.example")
    await served.parts.commands.take_bounce("test", "complaint", contact=quiet["contact_points"][0]["id"])
    notice, _ = await issued(served, key)
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    assert "1 person was not reached by any way" in author.text and "Not counted: 1 more" in author.text
    await author.press(within="call-list")
    assert "+442079460000" in await written(author, author.url, 1)


async def test_list_is_made_from_more_than_a_page_looks_at(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.commands.unreached.LOOKED_AT", 1)
    key = await served.key(*SCOPES, policy="issue")
    for number in range(4):
        await joined(served, key, email=f"{DEAD}-{number}@resident.example", call=f"+44207946000{number}")
    notice, _ = await issued(served, key)
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    assert "At least 1 person was not reached" in author.text and "not everybody was looked at" in author.text
    await author.press(within="call-list")
    await written(author, author.url, 4)


async def test_list_is_offered_where_a_page_cannot_count(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.commands.unreached.EXAMINED", 0)
    key = await served.key(*SCOPES, policy="issue")
    await joined(served, key, email=f"{DEAD}-a@resident.example", call="+442079460000")
    notice, _ = await issued(served, key)
    viewer, author = await officer(served, "vi", "viewer"), await officer(served, "ann", "author")
    await viewer.open(f"/console/notices/{notice}")
    assert "Some people may not have been reached" in viewer.text and "Make the lists" not in viewer.text
    await author.open(f"/console/notices/{notice}")
    await author.press(within="call-list")
    await written(author, author.url, 1)


async def test_who_was_reached_by_another_way_is_not_judged(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.commands.unreached.LOOKED_AT", 1)
    key = await served.key(*SCOPES, policy="issue")
    for number in range(3):
        await joined(served, key, email=f"{DEAD}-{number}@resident.example", phone=f"+44770090012{number}")
    await joined(served, key, email=f"{DEAD}-z@resident.example", call="+442079460000")
    notice, _ = await issued(served, key)
    author = await officer(served, "ann", "author")
    await author.open(f"/console/notices/{notice}/report")
    assert "1 person was not reached by any way" in author.text and "not everybody was looked at" not in author.text
