"""The team: invited, listed, limited, signed out and removed, by API and by command."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from alerts.commands import SYSTEM
from alerts.web.http.auth import COOKIE
from tests.support.served import CAMDEN, Served, problem

TEAM = "/api/v1/team"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


async def admin(served: Served, name: str = "ada") -> tuple[UUID, dict[str, str]]:
    """An administrator, and headers with a key of theirs."""
    member = (await served.parts.commands.invite_member(SYSTEM, f"{name}@example.org", "admin", name)).id
    return member, await served.key("team:write", "read", person=member)


async def invite(served: Served, key: dict[str, str], email: str, role: str, **body: Any) -> dict[str, Any]:
    """Invite somebody by the API."""
    return dict(await served.ok("POST", TEAM, key, {"email": email, "role": role, **body}, 201))


async def console(served: Served, cookie: str) -> int:
    """Status of the console with this cookie."""
    served.client.session.cookie_jar.clear()
    return (await served.client.get("/console", headers={"Cookie": f"{COOKIE}={cookie}"})).status


@SQLITE
async def test_invitation_is_listed_with_limits_until_used(served: Served) -> None:
    _, key = await admin(served)
    made = await invite(served, key, "kim@example.org", "author", kinds=["alert"], areas=[CAMDEN], name="Kim")
    kim = (await served.ok("GET", TEAM, key))["items"][1]
    assert (kim["email"], kim["name"], kim["role"], kim["state"]) == ("kim@example.org", "Kim", "author", "invited")
    assert kim["kinds"] == ["alert"] and kim["areas"] == [CAMDEN] and kim["sign_ins"] == 0
    path = made["sign_in_url"].removeprefix("http://127.0.0.1:8080")
    assert (await served.client.post(path, allow_redirects=False)).status == 303
    kim = await served.ok("GET", f"{TEAM}/{made['id']}", key)
    assert (kim["state"], kim["sign_ins"]) == ("active", 1) and kim["signed_in_at"]
    again = await invite(served, key, "kim@example.org", "approver")
    assert again["id"] == made["id"] and again["sign_in_url"] is None, "nobody signs in as another"
    kim = await served.ok("GET", f"{TEAM}/{made['id']}", key)
    assert (kim["role"], kim["kinds"], kim["areas"]) == ("approver", None, None)


async def test_removal_ends_sign_ins_links_and_keys(served: Served) -> None:
    _, key = await admin(served)
    kim = UUID((await invite(served, key, "kim@example.org", "approver"))["id"])
    cookie, hers = await served.parts.sessions.open(kim, "test"), await served.key("read", person=kim)
    link = served.parts.sessions.new_link(kim).token
    assert await console(served, cookie) == 200
    await served.ok("GET", "/api/v1/notices", hers)
    await served.ok("DELETE", f"{TEAM}/{kim}", key)
    assert await console(served, cookie) == 401
    assert (await served.client.post(f"/console/sign-in/{link}", allow_redirects=False)).status == 404
    for _ in range(20):  # the key may be known to the process for a quarter of a second
        answer = await served.client.get("/api/v1/notices", headers=hers)
        if answer.status == 403:
            break
        await asyncio.sleep(0.05)
    assert "not in the team any more" in (await problem(answer, 403))["detail"]
    listed = (await served.ok("GET", TEAM, key))["items"][-1]
    assert (listed["id"], listed["state"], listed["role"]) == (str(kim), "removed", None)
    back = await invite(served, key, "kim@example.org", "viewer")
    assert back["id"] == str(kim) and await console(served, cookie) == 401


@SQLITE
async def test_end_of_sign_ins_signs_out_everywhere(served: Served) -> None:
    _, key = await admin(served)
    kim = UUID((await invite(served, key, "kim@example.org", "viewer"))["id"])
    cookies = [await served.parts.sessions.open(kim, "test") for _ in range(2)]
    link = served.parts.sessions.new_link(kim).token
    await served.ok("POST", f"{TEAM}/{kim}/end-sign-ins", key)
    assert [await console(served, cookie) for cookie in cookies] == [401, 401]
    assert (await served.client.post(f"/console/sign-in/{link}", allow_redirects=False)).status == 404
    fresh = served.parts.sessions.new_link(kim).token
    assert (await served.client.post(f"/console/sign-in/{fresh}", allow_redirects=False)).status == 303


async def test_last_administrator_stays(served: Served) -> None:
    ada, key = await admin(served)
    refused = await problem(await served.client.delete(f"{TEAM}/{ada}", headers=key), 409)
    assert refused["detail"] == "First make somebody else administrator."
    body = {"email": "ada@example.org", "role": "viewer"}
    await problem(await served.client.post(TEAM, json=body, headers=key), 409)
    bob, _ = await admin(served, "bob")
    await served.ok("DELETE", f"{TEAM}/{ada}", key)
    with pytest.raises(Exception, match="First make somebody else"):
        await served.parts.commands.remove_member(SYSTEM, bob)


@SQLITE
async def test_team_is_managed_by_persons_alone(served: Served) -> None:
    with pytest.raises(Exception, match="needs a key issued --for somebody"):
        await served.key("team:write")
    approver = (await served.parts.commands.invite_member(SYSTEM, "bob@example.org", "approver")).id
    answer = await served.client.get(TEAM, headers=await served.key("team:write", person=approver))
    assert "this takes admin" in (await problem(answer, 403))["detail"]


@SQLITE
async def test_limits_of_a_role_are_checked(served: Served) -> None:
    _, key = await admin(served)
    for body in ({"kinds": ["rumour"]}, {"areas": {"place": "atlantis"}}, {"areas": {"circle": {"lat": 99}}}):
        answer = await served.client.post(TEAM, json={"email": "k@x.org", "role": "author", **body}, headers=key)
        assert answer.status == 422, await answer.text()
    answer = await served.client.post(TEAM, json={"email": "k@x.org", "role": "admin", "kinds": ["alert"]}, headers=key)
    assert "no limits" in (await problem(answer, 422))["detail"]


@SQLITE
async def test_unused_invitation_runs_out_in_a_day(served: Served) -> None:
    _, key = await admin(served)
    made = await invite(served, key, "kim@example.org", "viewer")
    served.shift += timedelta(days=1, seconds=1)
    path = made["sign_in_url"].removeprefix("http://127.0.0.1:8080")
    assert (await served.client.post(path, allow_redirects=False)).status == 404
