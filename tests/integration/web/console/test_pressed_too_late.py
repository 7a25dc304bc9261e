"""Presses that come too late: another approver was first, the role was taken away, or the sign-in has ended."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pytest

from alerts.commands import SYSTEM
from alerts.domain.roles import Role
from alerts.domain.streams import NOTICE
from alerts.web.http.auth import COOKIE
from tests.integration.web.console.test_compose import NEW, WORDS, drafted, state_of
from tests.support.officer import Officer, officer
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""


async def waiting(served: Served) -> tuple[str, Officer]:
    """A notice that waits for approval; its id and its author."""
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    assert state_of(served, notice) == "pending-approval"
    return notice, author


async def open_to_approve(served: Served, notice: str, name: str, role: Role = "approver") -> Officer:
    made = await officer(served, name, role)
    await made.open(f"/console/notices/{notice}/approve")
    return made


def topics(served: Served, notice: str) -> list[str]:
    return [one.event.topic() for one in served.parts.log.stream(UUID(notice))]


async def sign_in_again(served: Served, who: Officer, name: str) -> None:
    """Sign the same person in anew, in another tab."""
    member = await served.parts.commands.invite_member(SYSTEM, f"{name}@town.example", "author", name)
    who.headers["Cookie"] = f"{COOKIE}={await served.parts.sessions.open(member.id, 'test')}"


async def test_of_two_approvers_at_once_one_sends(served: Served) -> None:
    notice, _ = await waiting(served)
    both = [await open_to_approve(served, notice, name) for name in ("kofi", "lena")]
    await asyncio.gather(*(one.press("send", people="0") for one in both))
    found = topics(served, notice)
    assert (found.count("NoticeApproved"), found.count("NoticeIssued")) == (1, 1)
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None and state.approved_by is not None
    assert {one.status for one in both} <= {200, 409} and 200 in {one.status for one in both}
    for late in (one for one in both if one.status == 409):
        first = next(one.name for one in both if one is not late)
        words = " ".join(re.sub(r"<[^>]+>", " ", late.text).split())
        assert f"sent by {first}" in words or f"approved by {first}" in words, words[-1500:]
        await late.open(f"/console/notices/{notice}/approve")
        assert f"sent by {first}" in late.text and 'value="send"' not in late.text


@pytest.mark.parametrize("role", ["author", "viewer", None])
async def test_role_taken_away_before_the_press_sends_nothing(served: Served, role: Role | None) -> None:
    notice, _ = await waiting(served)
    approver = await open_to_approve(served, notice, "kofi")
    commands = served.parts.commands
    member = await commands.invite_member(SYSTEM, "kofi@town.example", role or "viewer", "kofi")
    if role is None:
        await commands.remove_member(SYSTEM, member.id)
    await approver.press("send", people="0", reason="Seen, and all is well.")
    assert approver.status in (401, 403) and state_of(served, notice) == "pending-approval"
    assert "Nothing was approved or sent" in approver.text and "Seen, and all is well." in approver.text
    assert 'value="send"' not in approver.text, "it cannot be pressed again from here"


async def test_sign_in_that_ends_in_mid_compose_keeps_the_words(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    served.shift += timedelta(minutes=61)
    await author.press("check", **{"near": "51.55,-0.15", "radius": "800", **WORDS})
    assert author.status == 401 and "Your sign-in has ended" in author.text
    assert all(words in author.text for words in WORDS.values())
    assert ">What to do (English)</label>" in author.text, "named as in the form"
    await sign_in_again(served, author, "ann")
    await author.press(within="kept-")
    found = re.search(r"/console/notices/([0-9a-f-]{36})/(edit|check)", author.url)
    assert author.status == 200 and found is not None, author.text
    state = served.parts.log.state(NOTICE, UUID(found[1]))
    assert state is not None and state.plan.content["en"].title == WORDS["title_en"] and state.phase == "draft"
    assert [one.event.topic() for one in served.parts.log.read(0, 1_000, ("NoticeDrafted",))] == ["NoticeDrafted"]


@SQLITE
async def test_sign_in_that_ends_before_the_approval_replays_nothing(served: Served) -> None:
    notice, _ = await waiting(served)
    approver = await open_to_approve(served, notice, "kofi")
    served.shift += timedelta(minutes=61)
    await approver.press("send", people="0", reason="All is well.")
    assert approver.status == 401 and "Nothing was approved or sent" in approver.text
    assert "All is well." in approver.text and 'name="do"' not in approver.text and "<form" not in approver.text
    assert state_of(served, notice) == "pending-approval"


@SQLITE
async def test_passwords_are_never_shown_again(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    await ann.open("/console/account")
    served.shift += timedelta(minutes=61)
    answer = await served.client.post(
        "/console/account", data={"password": "hunter2 hunter2", "title-en": "x"}, headers=ann.headers
    )
    assert "hunter2" not in await answer.text()


@SQLITE
async def test_words_of_another_site_are_not_shown(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    planted = {"title-en": "Pay your fine at evil.example", "do": "save"}
    headers = {**ann.headers, "Origin": "https://evil.example"}
    answer = await served.client.post(NEW, data=planted, headers=headers)
    assert answer.status == 403 and "evil.example" not in await answer.text()


@SQLITE
async def test_long_values_come_back_whole(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    served.shift += timedelta(minutes=61)
    fields = {"title-en": "Gas leak", "area": "0" * 30_000, "do": "save"}
    answer = await served.client.post(NEW, data=fields, headers=ann.headers)
    assert answer.status == 401 and f'value="{"0" * 30_000}"' in await answer.text()


@SQLITE
async def test_body_too_large_to_read_ends_in_a_page(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    served.shift += timedelta(minutes=61)
    fields = {"title-en": "Gas leak", "area": "0" * 1_100_000}
    answer = await served.client.post(NEW, data=fields, headers=ann.headers)
    assert answer.status == 401 and "<h1>" in await answer.text()
