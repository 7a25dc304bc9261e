"""The team in the console: invited by mail, limited, signed out, removed."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import PlaceBody
from alerts.domain.reference_data import MemberState
from alerts.domain.streams import MEMBER
from alerts.web.http.auth import COOKIE, caught_up
from tests.support.form_browser import Form
from tests.support.officer import Officer, officer
from tests.support.served import CAMDEN, Served

TEAM = "/console/team"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""


def member_of(served: Served, page: Officer) -> MemberState:
    """The member whose page is open."""
    state = served.parts.log.state(MEMBER, UUID(page.url.split("?")[0].rsplit("/", 1)[1]))
    assert state is not None
    return state


async def mailed(served: Served, to: str) -> list[str]:
    """Sign-in links that were mailed to an address, as paths."""
    assert served.parts.inbox is not None
    items = [item for item in served.parts.inbox.items(0, 100) if item.to == to]
    found = []
    for item in items:
        raw = await (await served.client.get(f"/inbox/{item.id}/raw")).read()
        part = message_from_bytes(raw, policy=default).get_body(("plain",))
        assert part is not None
        found += re.findall(r"/console/sign-in/\S+", part.get_content())
    return found


async def test_somebody_is_invited_limited_and_removed(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await served.parts.commands.define_place(SYSTEM, PlaceBody(slug="camden", name={"en": "Camden Town"}, area=CAMDEN))
    await caught_up(served.parts)
    await admin.open(TEAM)
    twice = admin.snapshot()
    given = {"email": "kim@town.example", "name": "Kim", "role": "author", "places": "camden town\n", "kind": ["alert"]}
    await admin.press(**given)
    assert admin.status == 200 and "is on its way to kim@town.example" in admin.text, admin.text
    await twice.press(**given)
    kim = member_of(served, admin)
    assert (kim.role, kim.name, kim.areas, kim.kinds) == ("author", "Kim", [{"place": "camden"}], ("alert",))
    [link] = await mailed(served, "kim@town.example")
    await admin.open(TEAM)
    assert "invited, not here yet" in admin.text and "only alerts; Camden Town" in admin.text

    served.client.session.cookie_jar.clear()
    theirs = Form(served.client)
    await theirs.open(link)
    await theirs.press()
    assert theirs.status == 200 and "Kim, author" in theirs.text
    served.client.session.cookie_jar.clear()
    await admin.open(f"{TEAM}/{kim.id}")
    assert "on 1 device" in admin.text and "Send the invitation again" not in admin.text
    assert 'checked>\n      <label for="kind-alert"' in admin.text or "Camden" in admin.text
    await admin.press(within="/role", role="approver", places="", kind=None)
    kim = member_of(served, admin)
    assert (kim.role, kim.areas, kim.kinds) == ("approver", None, None)
    assert len(await mailed(served, "kim@town.example")) == 1, "a link would let an administrator act as that person"

    await admin.press(within="/end-sign-ins")
    assert "on 0 devices" in admin.text
    await admin.press(within="/remove")
    assert admin.url == TEAM and "Formerly in the team: 1" in admin.text
    await admin.open(f"{TEAM}/{kim.id}")
    await admin.press(within="/role", role="viewer")
    assert member_of(served, admin).role == "viewer" and "Send the invitation again" not in admin.text
    log = await admin.open("/console/log")
    assert "Role revoked" in log and "ada" in log


async def test_last_administrator_stays(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await caught_up(served.parts)
    me = served.parts.views.members()[0].id
    await admin.open(f"{TEAM}/{me}")
    await admin.press(within="/remove")
    assert admin.status == 409 and "First make somebody else administrator." in admin.text
    await admin.press(within="/role", role="viewer")
    assert admin.status == 422 and "First make somebody else administrator." in admin.text
    await served.parts.commands.invite_member(SYSTEM, "bo@town.example", "admin")
    await admin.open(f"{TEAM}/{me}")
    await admin.press(within="/remove")
    assert admin.url == "/console/sign-in"
    assert (await served.client.get(TEAM, headers=admin.headers)).status == 401


@SQLITE
async def test_drawn_limits_stay_unless_dropped(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    lee = await served.parts.commands.invite_member(SYSTEM, "l@town.example", "author", "Lee", CAMDEN)
    await admin.open(f"{TEAM}/{lee.id}")
    assert "Keep 1 drawn area" in admin.text and "1 drawn areas" in admin.text
    await admin.press(within="/role", role="approver")
    assert member_of(served, admin).areas == [CAMDEN]
    await admin.press(within="/role", keep=None)
    assert member_of(served, admin).areas is None


@SQLITE
async def test_unused_access_is_asked_about_after_90_days(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    kim = await served.parts.commands.invite_member(SYSTEM, "kim@town.example", "author", "Kim")
    await served.parts.sessions.open(kim.id, "test")
    await admin.open(TEAM)
    assert "Not signed in for 90 days" not in admin.text
    served.shift = timedelta(days=91)
    me = next(one for one in served.parts.views.members() if one.role == "admin")
    cookie = {"Cookie": f"{COOKIE}={await served.parts.sessions.open(me.id, 'test')}"}
    text = await (await served.client.get(TEAM, headers=cookie)).text()
    assert text.count("Not signed in for 90 days") == 1 and "signed in 91 days ago" in text


@SQLITE
async def test_bad_input_invites_nobody(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open(TEAM)
    await admin.press(role=None)
    assert admin.status == 422 and "Give their e-mail address" in admin.text and "Choose a role." in admin.text
    for given in (
        {"email": "kim@", "role": "author"},
        {"email": "kim@town.example", "role": "king"},
        {"email": "x" * 10_000 + "@town.example", "role": "author"},
        {"email": "kim@town.example", "role": "author", "name": "y" * 10_000},
        {"email": "kim@town.example", "role": "author", "places": "Atlantis"},
        {"email": "kim@town.example", "role": "author", "places": "z" * 10_000},
        {"email": "kim@town.example", "role": "admin", "kind": ["alert"]},
        {"email": "<b>kim</b>", "role": "author"},
    ):
        await admin.open(TEAM)
        await admin.press(**given)
        assert admin.status == 422 and "<b>kim" not in admin.text, given
    assert len(served.parts.views.members()) == 1
    for path in (f"{TEAM}/nobody", f"{TEAM}/{UUID(int=7)}"):
        await admin.open(path)
        assert admin.status == 404, path


@SQLITE
async def test_invitation_changes_no_role_that_is_there(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await served.parts.commands.define_place(SYSTEM, PlaceBody(slug="camden", name={"en": "Camden Town"}, area=CAMDEN))
    await caught_up(served.parts)
    await admin.open(TEAM)
    await admin.press(email="kim@town.example", role="approver", places="Camden Town")
    kim = member_of(served, admin)
    await admin.open(TEAM)
    await admin.press(email="KIM@town.example", role="viewer")
    assert admin.status == 422 and "in the team already" in admin.text
    assert served.parts.log.state(MEMBER, kim.id) == kim
    await admin.open(f"{TEAM}/{kim.id}")
    await admin.press(within="/role", role="author")
    assert "opens nothing any more" in admin.text, "a change of role voids the mailed link"
    await admin.press(within="/remove")
    await admin.open(TEAM)
    await admin.press(email="kim@town.example", role="viewer")
    assert admin.status == 200 and member_of(served, admin).role == "viewer"
