"""Yearly mail: one a year to whom nothing was sent, also with two schedulers and after a downtime."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from alerts.commands.actor import SYSTEM
from alerts.commands.yearly_mail import EVERY_S, is_day, part_of
from alerts.kernel.ids import shard_of
from alerts.web.http.auth import caught_up
from subscribers.domain.events import Preferences, YearlyMailDue
from tests.support.form_browser import Form
from tests.support.served import CAMDEN, Served, resident

DAY = Preferences(timezone="Europe/London")
A_YEAR, LATER = timedelta(days=365), timedelta(hours=1)


def to_the_turn_of(served: Served, person: str, after: timedelta) -> None:
    """Move the clock on to a turn of this person's part, by day."""
    served.shift += after
    part = shard_of(UUID(person))
    while not (part_of(served.now) == part and is_day(DAY, served.now) and is_day(DAY, served.now + LATER)):
        served.shift += timedelta(seconds=EVERY_S)


async def mails(served: Served, to: str) -> list[dict[str, Any]]:
    items = (await served.ok("GET", "/inbox.json", {}))["items"]
    return [item for item in items if item["to"] == to]


async def arrived(served: Served, to: str, count: int) -> list[dict[str, Any]]:
    for _ in range(200):
        if len(found := await mails(served, to)) >= count:
            break
        await asyncio.sleep(0.05)
    assert len(found) == count, found
    return found


def asked(served: Served, person: str) -> int:
    return sum(isinstance(one.event, YearlyMailDue) for one in served.parts.log.stream(UUID(person)))


async def test_yearly_mail_says_what_is_followed_and_how_to_stop(served: Served) -> None:
    key = await served.key()
    body = resident("quiet@resident.example", topics=["safety"], language="en", timezone="Europe/London")
    person = (await served.ok("POST", "/api/v1/subscribers", key, body, 201))["id"]
    send = served.parts.commands.send_yearly_mails
    to_the_turn_of(served, person, A_YEAR - timedelta(days=20))
    assert await send() == 0, "not a year yet"
    to_the_turn_of(served, person, timedelta(days=21))
    await asyncio.gather(send(), send())  # two schedulers
    assert asked(served, person) == 1
    [mail] = await arrived(served, "quiet@resident.example", 1)
    text = " ".join(mail["text"].split())
    assert "All is well" in text and "Nothing that you follow happened near: Home. You follow: " in text
    assert "/preferences/" in text and "TEST" not in text and "List-Unsubscribe-Post" in mail["raw"]
    to_the_turn_of(served, person, timedelta(days=300))
    assert await send() == 0 and asked(served, person) == 1, "not twice in a year"
    stop = mail["text"][mail["text"].index("/unsubscribe/") :].split()[0]
    browser = Form(served.client)
    await browser.open(stop)
    await browser.press()
    assert browser.status == 200
    to_the_turn_of(served, person, timedelta(days=100))
    assert await send() == 0, "who has left hears nothing"


async def test_members_of_the_team_keep_no_mail_of_their_part_back(served: Served) -> None:
    member = await served.parts.commands.invite_member(SYSTEM, "ann@town.example", "author", "Ann")
    to_the_turn_of(served, str(member.id), A_YEAR)
    assert await served.parts.commands.send_yearly_mails() == 0, "their addresses are in the same table"


async def test_downtime_of_years_leads_to_one_mail(served: Served) -> None:
    key = await served.key()
    person = (await served.ok("POST", "/api/v1/subscribers", key, resident("away@resident.example"), 201))["id"]
    to_the_turn_of(served, person, 3 * A_YEAR)
    await served.parts.commands.send_yearly_mails()
    await served.parts.commands.send_yearly_mails()
    await arrived(served, "away@resident.example", 1)
    assert asked(served, person) == 1


async def test_nobody_who_had_a_message_or_wants_none_gets_one(served: Served) -> None:
    key = await served.key(policy="issue")
    told = (await served.ok("POST", "/api/v1/subscribers", key, resident("told@resident.example"), 201))["id"]
    to_the_turn_of(served, told, A_YEAR)
    content = {"en": {"title": "The library moves", "body": "To East Street."}}
    notice = {"kind": "announcement", "area": CAMDEN, "content": content}
    made = await served.ok("POST", "/api/v1/notices", key, notice, 201)
    await served.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, {}, 202)
    await arrived(served, "told@resident.example", 1)
    await caught_up(served.parts)
    assert await served.parts.commands.send_yearly_mails() == 0
    to_the_turn_of(served, told, timedelta(days=200))
    assert await served.parts.commands.send_yearly_mails() == 0
    to_the_turn_of(served, told, timedelta(days=170))
    assert await served.parts.commands.send_yearly_mails() == 1


async def test_who_pauses_gets_none_and_a_pause_passes(served: Served) -> None:
    key = await served.key()
    body = resident("pausing@resident.example")
    person = (await served.ok("POST", "/api/v1/subscribers", key, body, 201))["id"]
    to_the_turn_of(served, person, A_YEAR)
    await served.parts.commands.pause(SYSTEM, UUID(person), served.now + timedelta(days=30))
    assert await served.parts.commands.send_yearly_mails() == 0
    to_the_turn_of(served, person, timedelta(days=31))
    assert await served.parts.commands.send_yearly_mails() == 1
    await arrived(served, "pausing@resident.example", 1)
