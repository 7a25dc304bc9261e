"""Residents' reports in the console: answered, made an incident of, dismissed."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import UUID

import pytest

from alerts.commands.actor import SYSTEM
from alerts.commands.reports import ResidentReport
from alerts.domain.report import ReportState
from alerts.domain.streams import MEMBER, NOTICE, REPORT
from alerts.web.console.report_incident import headline_of
from alerts.web.console.reports import MOST
from alerts.web.http.auth import COOKIE, caught_up
from tests.support.officer import officer
from tests.support.served import Served

REPORTS = "/console/reports"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""


async def received(served: Served, words: str = "There is a smell of gas.", **more: Any) -> str:
    report = ResidentReport(words=words, where="East Street", language="en", **more)
    saved = await served.parts.commands.receive_report(report)
    await caught_up(served.parts)
    return str(saved.id)


def state_of(served: Served, report: str) -> ReportState:
    state = served.parts.log.state(REPORT, UUID(report))
    assert state is not None
    return state


async def test_a_report_is_answered_after_a_preview(served: Served) -> None:
    author = await officer(served, "ann", "author")
    first = await received(served, lat=51.49, lon=-0.09, reach=("email", "amina@resident.example"), photo=b"\xff\xd8")
    await received(served, "A tree is down.")
    await author.open(REPORTS)
    assert "Waiting, 2" in author.text and author.text.index("smell of gas") < author.text.index("A tree is down")
    await author.open("/console")
    assert f'href="{REPORTS}">2 wait for a person' in author.text
    viewer = await officer(served, "vi", "viewer")
    await viewer.open("/console")
    assert "2 wait for a person" in viewer.text and f'href="{REPORTS}"' not in viewer.text
    await author.open(f"{REPORTS}/{first}")
    assert "<svg viewBox" in author.text and f"{first}/photo" in author.text and "amina" not in author.text
    photo = await served.client.get(f"{REPORTS}/{first}/photo", headers=author.headers)
    assert (photo.status, photo.content_type, await photo.read()) == (200, "image/jpeg", b"\xff\xd8")
    await author.press("send", words="A crew is on its way.")
    assert "What they get" in author.text and state_of(served, first).phase == "waiting", "words are shown before"
    await author.press("send", words="Other words than those that were shown.")
    assert state_of(served, first).phase == "waiting"
    await author.press("send", words="Other words than those that were shown.")
    assert state_of(served, first).answer == "Other words than those that were shown."
    assert "Other words" in author.text and f"{author.name}, " in author.text


@SQLITE
async def test_second_answer_names_who_was_first(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    report = await received(served)
    for one in (ann, bob):
        await one.open(f"{REPORTS}/{report}")
        await one.press("show", words=f"Thank you, says {one.name}.")
    await ann.press("send")
    await bob.press("send")
    assert bob.status == 409 and "ann has answered this already" in bob.text and "says bob" in bob.text
    assert state_of(served, report).answer == "Thank you, says ann."


async def test_a_report_becomes_an_incident_with_a_draft(served: Served) -> None:
    author = await officer(served, "ann", "author")
    report = await received(served, "Gas in East Street! It stinks.", lat=51.49, lon=-0.09)
    await author.open(f"{REPORTS}/{report}/incident")
    assert 'value="Gas in East Street!"' in author.text and 'value="51.49,-0.09"' in author.text
    again = author.snapshot()
    await author.press(category="Infra", severity="Severe")
    assert "/console/notices/" in author.url and author.status == 200, author.text[:2000]
    state = state_of(served, report)
    assert state.phase == "accepted"
    notice = served.parts.log.state(NOTICE, UUID(author.url.split("/")[-1]))
    assert notice is not None and notice.phase == "pending-approval" and notice.plan.severity == "Severe"
    await again.press(category="Infra", severity="Severe")
    assert again.url == author.url, "a second press makes nothing more"


@SQLITE
async def test_dismissal_takes_a_reason(served: Served) -> None:
    author = await officer(served, "ann", "author")
    report = await received(served)
    await author.open(f"{REPORTS}/{report}")
    await author.press(within="/dismiss")
    assert author.status == 422 and "Say why nothing follows." in author.text
    await author.press(within="/dismiss", reason="The bonfire of every year.")
    assert author.url == REPORTS and state_of(served, report).reason == "The bonfire of every year."
    await author.open(f"{REPORTS}?state=done")
    assert "Dismissed" in author.text


@SQLITE
async def test_no_button_of_a_report_loses_what_was_typed(served: Served) -> None:
    author = await officer(served, "ann", "author")
    report = await received(served)
    await author.open(f"{REPORTS}/{report}")
    await author.press("show", words="A crew is on its way.", reason="A bonfire.")
    assert "What they get" in author.text and ">\nA bonfire.</textarea>" in author.text
    await author.press(within="/erase")
    assert author.status == 422
    assert ">\nA bonfire.</textarea>" in author.text and ">\nA crew is on its way.</textarea>" in author.text
    await author.press(within="/dismiss")
    assert author.status == 200 and state_of(served, report).reason == "A bonfire."
    assert ">\nA crew is on its way.</textarea>" in author.text
    await author.press("show")
    await author.press("send")
    assert state_of(served, report).answer == "A crew is on its way."


async def test_a_report_is_erased_for_good(served: Served) -> None:
    author = await officer(served, "ann", "author")
    report = await received(served, "My neighbour, Mr Smith, is a thief.")
    await author.open(f"{REPORTS}/{report}")
    await author.press(within="/erase")
    assert author.status == 422 and "Tick that it shall be erased" in author.text
    await author.press(within="/erase", sure="1")
    assert author.url == REPORTS and state_of(served, report).phase == "erased"
    await author.open(f"{REPORTS}/{report}")
    assert "Smith" not in author.text and "/erase" not in author.text


@SQLITE
async def test_every_waiting_report_can_be_reached(served: Served) -> None:
    author = await officer(served, "ann", "author")
    for number in range(MOST + 1):
        await received(served, f"Report number {number}.")
    await author.open(REPORTS)
    assert "Report number 0." in author.text and f"Report number {MOST}." not in author.text
    await author.open(f"{REPORTS}?state=newest")
    assert f"Report number {MOST}." in author.text and "Report number 0." not in author.text
    older = re.search(r'href="([^"]*cursor=[^"]*)"', author.text)
    assert older is not None
    await author.open(html.unescape(older[1]).removeprefix(served.parts.settings.public_url))
    assert "Report number 0." in author.text


@SQLITE
async def test_bad_input_is_named_and_kept(served: Served) -> None:
    author = await officer(served, "ann", "author")
    report = await received(served, "<b>Smoke</b> over the roof")
    await author.open(f"{REPORTS}/{report}")
    assert "&lt;b&gt;Smoke" in author.text and "<b>Smoke" not in author.text
    await author.press("send")
    assert author.status == 422 and "Write what the resident shall read." in author.text
    await author.press("send", words="x" * 10_000)
    assert author.status == 422 and "Shorten it to 2,000 characters." in author.text
    await author.press("send", words="<script>alert(1)</script>")
    assert author.status == 200 and "<script>alert" not in author.text
    await author.press(within="/dismiss", reason="y" * 10_000)
    assert author.status == 422
    form = f"{REPORTS}/{report}/incident"
    await author.open(form)
    await author.press(headline="", near="", radius="", severity="Purple", category="Nonsense")
    assert author.status == 422 and "Say in one line" in author.text and "Say where" in author.text
    await author.press(headline="x" * 10_000, near="Xyzzyville", radius="-1")
    assert author.status == 422 and "Give the radius" in author.text and 'value="Xyzzyville"' in author.text
    await author.press(headline="x" * 1_000, near="51.5,-0.1", radius="500")
    assert author.status == 422 and "characters" in author.text
    assert state_of(served, report).phase == "waiting"
    for path in (
        f"{REPORTS}/nothing",
        f"{REPORTS}/{UUID(int=7)}",
        f"{REPORTS}/{report}/photo",
        f"{REPORTS}?state=done&cursor=x",
    ):
        await author.open(path)
        assert author.status == 404, path


@SQLITE
async def test_a_role_for_one_area_does_not_read_reports(served: Served) -> None:
    area = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1}}
    member = await served.parts.commands.invite_member(SYSTEM, "l@town.example", "author", "Lee", area)
    assert served.parts.log.state(MEMBER, member.id) is not None
    cookie = await served.parts.sessions.open(member.id, "test")
    answer = await served.client.get(REPORTS, headers={"Cookie": f"{COOKIE}={cookie}"})
    assert answer.status == 403 and "every area" in await answer.text()
    more = await (await served.client.get("/console/more", headers={"Cookie": f"{COOKIE}={cookie}"})).text()
    assert "/console/templates" in more and "/console/letters" not in more and "/console/team" not in more


def test_headline_is_the_first_sentence() -> None:
    assert headline_of("Gas in\nEast Street! It stinks.") == "Gas in East Street!"
    assert len(headline_of("word " * 100)) <= 65
