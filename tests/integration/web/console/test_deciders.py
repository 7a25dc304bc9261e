"""Approvers named on check with their median time, and reminders on Today."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.web.http.auth import caught_up
from tests.integration.web.console.test_compose import drafted
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""


async def asked(author: Officer) -> str:
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    return notice


async def test_check_names_who_can_approve_and_how_fast(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.open(f"/console/notices/{notice}/check")
    assert "nobody yet" in author.text and "ask an administrator to invite an approver" in author.text
    approver = await officer(served, "kofi", "approver")
    await caught_up(served.parts)
    await author.open(f"/console/notices/{notice}/check")
    assert "kofi" in author.text and "Half of the last decisions" not in author.text
    await author.press()
    served.shift = timedelta(minutes=7)
    await approver.open(f"/console/notices/{notice}/approve")
    await approver.press("send", people="0")
    assert approver.status == 200, approver.text
    again = await drafted(author)
    await caught_up(served.parts)
    await author.open(f"/console/notices/{again}/check")
    assert "Half of the last decisions took at most 7 minutes." in author.text


@SQLITE
async def test_today_says_what_a_new_installation_lacks(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open("/console")
    for words in ("Invite an approver", "alerts places import", "Nobody has signed up yet.", "local inbox"):
        assert words in admin.text, words
    approver = await officer(served, "kofi", "approver")
    key = await served.key()
    await served.ok("POST", "/api/v1/subscribers", key, resident("first@example.org"), 201)
    await caught_up(served.parts)
    await admin.open("/console")
    assert "Invite an approver" not in admin.text and "Nobody has signed up yet." not in admin.text
    await approver.open("/console")
    assert "To begin with" not in approver.text


@SQLITE
async def test_today_reminds_of_a_drill_and_a_second_administrator(served: Served) -> None:
    admin, approver = await officer(served, "ada", "admin"), await officer(served, "kofi", "approver")
    await admin.open("/console")
    assert "No drill in the last month." in admin.text and "You are the only administrator." in admin.text
    await approver.open("/console")
    assert "No drill in the last month." in approver.text and "only administrator" not in approver.text
    author = await officer(served, "ann", "author")
    notice = await drafted(author, status="Exercise")
    await author.press("check")
    await author.press()
    await approver.open(f"/console/notices/{notice}/approve")
    await approver.press("send")
    assert approver.status == 200, approver.text
    await served.parts.commands.invite_member(SYSTEM, "second@town.example", "admin")
    await caught_up(served.parts)
    await admin.open("/console")
    assert "No drill in the last month." not in admin.text and "only administrator" not in admin.text


@SQLITE
async def test_only_who_may_decide_here_is_named(served: Served) -> None:
    author, commands = await officer(served, "ann", "author"), served.parts.commands
    await commands.define_organisation(
        SYSTEM, OrganisationBody(slug="police", name={"en": "Police"}, sender_name="Police")
    )
    far = {"circle": {"lat": 53.0, "lon": -2.0, "radius_km": 1.0}}
    await commands.invite_member(SYSTEM, "far@town.example", "approver", "Farah Away", areas=far)
    await commands.invite_member(SYSTEM, "pc@town.example", "approver", "P. C. Plod", organisations=["police"])
    await commands.invite_member(SYSTEM, "kofi@town.example", "approver", "Kofi Here")
    notice = await drafted(author)
    await caught_up(served.parts)
    await author.open(f"/console/notices/{notice}/check")
    assert "Kofi Here" in author.text and "Farah Away" not in author.text and "P. C. Plod" not in author.text
