"""Sign-in links that work once, and sessions that end."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from email import message_from_bytes, policy
from urllib.parse import quote
from uuid import UUID

import pytest
from yarl import URL

from alerts.app import bootstrap
from alerts.commands import SYSTEM
from alerts.commands.console_sessions import ConsoleSessions, LinkRefused
from alerts.web.http.auth import COOKIE
from tests.support.form_browser import Form
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

CONSOLE = "/console"


async def member(served: Served, role: str = "viewer") -> UUID:
    """Invite somebody to the console."""
    return (await served.parts.commands.invite_member(SYSTEM, "r.adeyemi@town.example", role, "R. Adeyemi")).id


def link(served: Served, who: UUID) -> str:
    """Make a sign-in link's path."""
    return f"/console/sign-in/{served.parts.sessions.new_link(who).token}"


async def press(served: Served, path: str) -> tuple[int, str]:
    """Press the button of a link's page; (status, cookie)."""
    served.client.session.cookie_jar.clear()
    answer = await served.client.post(path, allow_redirects=False)
    served.client.session.cookie_jar.clear()
    return answer.status, answer.cookies[COOKIE].value if COOKIE in answer.cookies else ""


async def opens(served: Served, cookie: str) -> int:
    """Status of the console's first page with this cookie."""
    return (await served.client.get(CONSOLE, headers={"Cookie": f"{COOKIE}={cookie}"})).status


async def test_one_of_many_uses_of_a_link_wins(served: Served) -> None:
    path = link(served, await member(served))
    outcomes = await asyncio.gather(*(press(served, path) for _ in range(24)))
    assert sorted(status for status, _ in outcomes) == [303, *([404] * 23)]


async def test_used_link_stays_used_in_another_process(served: Served, dialect: str) -> None:
    token = served.parts.sessions.new_link(await member(served)).token
    if dialect == "sqlite":  # one process writes: what a restart would begin with
        parts = served.parts
        restarted = ConsoleSessions(parts.writer, parts.log, _main(parts), parts.settings.secret_key, parts.clock)
        await parts.sessions.sign_in(token)
        with pytest.raises(LinkRefused, match="used"):
            await restarted.sign_in(token)
        return
    other = bootstrap.build(served.parts.settings)
    try:
        tries = [sessions.sign_in(token) for sessions in (served.parts.sessions, other.services.sessions) * 4]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, str) for one in done) == 1
        assert all(isinstance(one, str | LinkRefused) for one in done)
    finally:
        other.close()


def _main(parts: object) -> object:
    return parts.sessions._database  # type: ignore[attr-defined]


@SQLITE
async def test_page_of_a_link_signs_nobody_in(served: Served) -> None:
    path = link(served, await member(served))
    for _ in range(3):  # mail scanners
        answer = await served.client.get(path)
        assert answer.status == 200 and COOKIE not in answer.cookies and "R. Adeyemi" in await answer.text()
        assert (await served.client.head(path)).status == 200
    assert (await press(served, path))[0] == 303
    used = await served.client.get(path)
    assert used.status == 404 and "This link was used" in await used.text()


async def test_link_lives_15_minutes_and_an_invitation_a_day(served: Served) -> None:
    who = await member(served)
    invitation = link(served, who)
    served.shift += timedelta(hours=23, minutes=59)
    assert (await press(served, invitation))[0] == 303
    early, late = link(served, who), link(served, who)
    served.shift += timedelta(minutes=14)
    assert (await press(served, early))[0] == 303
    served.shift += timedelta(minutes=1, seconds=1)
    assert (await press(served, late))[0] == 404
    assert "has run out" in await (await served.client.get(late)).text()


async def test_change_of_role_voids_a_link(served: Served) -> None:
    who = await member(served, "approver")
    before = link(served, who)
    await member(served, "viewer")
    assert (await press(served, before))[0] == 404
    assert "were changed" in await (await served.client.get(before)).text()
    assert (await press(served, link(served, who)))[0] == 303


async def test_sign_out_ends_a_copied_cookie(served: Served) -> None:
    _, cookie = await press(served, link(served, await member(served)))
    assert await opens(served, cookie) == 200
    out = await served.client.post("/console/sign-out", headers={"Cookie": f"{COOKIE}={cookie}"}, allow_redirects=False)
    assert out.status == 303 and await opens(served, cookie) == 401


@SQLITE
async def test_session_ends_after_an_idle_hour(served: Served) -> None:
    _, cookie = await press(served, link(served, await member(served)))
    for _ in range(3):
        served.shift += timedelta(minutes=59)
        assert await opens(served, cookie) == 200
    served.shift += timedelta(minutes=61)
    assert await opens(served, cookie) == 401


@SQLITE
async def test_busy_session_ends_after_12_hours(served: Served) -> None:
    _, cookie = await press(served, link(served, await member(served)))
    for _ in range(23):
        served.shift += timedelta(minutes=30)
        assert await opens(served, cookie) == 200
    served.shift += timedelta(minutes=31)
    assert await opens(served, cookie) == 401


@SQLITE
async def test_forged_cookie_opens_nothing(served: Served) -> None:
    for cookie in ("", "x", "ä"):
        assert await opens(served, cookie) == 401


async def test_link_comes_by_mail_to_members_alone(served: Served) -> None:
    await member(served, "author")
    inbox = served.parts.inbox
    assert inbox is not None
    for address in ("nobody@town.example", "R.Adeyemi@town.example", "r.adeyemi@town.example"):
        answer = await served.client.post("/console/sign-in", data={"address": address})
        assert answer.status == 200 and "a link is on its way" in await answer.text()
    for _ in range(200):
        if items := inbox.items():
            break
        await asyncio.sleep(0.02)
    [letter] = items
    assert letter.to.casefold() == "r.adeyemi@town.example", "one a minute, and to nobody else"
    text = letter.data.decode("utf-8", "replace").replace("=\r\n", "")
    found = re.search(r"http://127.0.0.1:8080(/console/sign-in/[A-Za-z0-9_-]+)", text)
    assert found is not None and (await press(served, found[1]))[0] == 303
    wrong = await served.client.post("/console/sign-in", data={"address": "me"})
    assert wrong.status == 422 and "Error: Sign in" in await wrong.text()


@SQLITE
async def test_who_is_not_signed_in_finds_the_way(served: Served) -> None:
    who = await member(served, "author")
    for path in ("/console", "/console/notices?state=live"):
        answer = await served.client.get(path)
        page = await answer.text()
        assert answer.status == 401 and "Send me a link" in page and f'name="next" value="{path}"' in page, path
    answer = await served.client.get("/console/sign-in/nothing")
    assert answer.status == 404 and '<a class="button" href="/console/sign-in">Sign in</a>' in await answer.text()
    _, cookie = await press(served, link(served, who))
    answer = await served.client.get("/console/team", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert answer.status == 403 and 'href="/console">Today</a>' in await answer.text()


@SQLITE
async def test_mailed_link_comes_back_to_the_page_in_any_browser(served: Served) -> None:
    await member(served, "author")
    inbox, asked = served.parts.inbox, "/console/notices?state=live"
    assert inbox is not None
    browser = Form(served.client)
    await browser.open(asked)
    assert browser.status == 401
    await browser.press(address="nonsense")
    assert browser.status == 422
    await browser.press(address="r.adeyemi@town.example")
    assert "a link is on its way" in browser.text and f'name="next" value="{asked}"' in browser.text
    for _ in range(200):
        if items := inbox.items():
            break
        await asyncio.sleep(0.02)
    text = message_from_bytes(items[0].data, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link_of_mail = re.search(r"http://127.0.0.1:8080(/console/sign-in/\S+)", text)
    assert link_of_mail is not None
    served.client.session.cookie_jar.clear()
    other = Form(served.client)
    await other.open(link_of_mail[1])
    assert other.status == 200, "a scanner's or another browser's look"
    answer = await served.client.post(other.url, allow_redirects=False)
    assert answer.status == 303 and answer.headers["Location"] == asked
    served.client.session.cookie_jar.clear()
    again = await served.client.get(link_of_mail[1])
    assert again.status == 404 and "next=%2Fconsole%2Fnotices%3Fstate%3Dlive" in await again.text()


ELSEWHERE = (
    "//evil.example",
    "https://evil.example/console",
    "/\\evil.example",
    "\\\\evil.example",
    "/console\\..\\",
    "/console//evil.example",
    "/console/../../evil",
    "/console/%2e%2e/evil",
    "/console%2f%2fevil.example",
    "%2f%2fevil.example",
    "/%2f/evil.example",
    "/console@evil.example",
    "/console\r\nSet-Cookie: a=b",
    "/console/notices\n",
    " /console/notices",
    "/console/notices#x",
    "/console/none-such",
    "/console/sign-out",
    "/console/sign-in",
    "/console/waiting/",
    "/console/reports/x/dismiss",
    "/alerts",
    "/",
    "javascript:alert(1)",
    "/console/notices?x=" + "y" * 600,
)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_sign_in_leads_nowhere_else(served: Served) -> None:
    who = await member(served, "author")
    for where in ELSEWHERE:
        query = f"?next={quote(where, safe='')}"
        answer = await served.client.get(f"/console/sign-in{query}")
        assert answer.status == 200 and 'name="next"' not in await answer.text(), where
        answer = await served.client.post("/console/sign-in", data={"address": "a@b.example", "next": where})
        assert "next" not in answer.url.query, where
        served.client.session.cookie_jar.clear()
        answer = await served.client.post(URL(link(served, who) + query, encoded=True), allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"] == "/console", where
        served.client.session.cookie_jar.clear()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_act_is_not_come_back_to(served: Served) -> None:
    answer = await served.client.post("/console/reports/0190f3c0-0000-7000-8000-000000000001/dismiss", data={})
    assert answer.status == 401 and "next=" not in await answer.text()
