"""Organisations in the console: defined, limited, retired, and chosen for members, sources and notices."""

from __future__ import annotations

import re

import pytest

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody, PlaceBody
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import MEMBER, ORGANISATION, organisation_id
from alerts.web.http.auth import caught_up
from tests.support.officer import Officer, officer
from tests.support.served import CAMDEN, Served

PATH = "/console/organisations"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""
COUNCIL = OrganisationBody(slug="council", name={"en": "The Council"}, sender_name="Camden Council")
POLICE = OrganisationBody(slug="police", name={"en": "The Police"}, sender_name="Police")
WORDS = {"near": "51.55,-0.15", "title_en": "Flood in Mill Lane", "instruction_en": "Move upstairs now."}


def organisation(served: Served, slug: str = "council") -> OrganisationState:
    state = served.parts.log.state(ORGANISATION, organisation_id(slug))
    assert state is not None
    return state


async def two(served: Served) -> None:
    for body in (COUNCIL, POLICE):
        await served.parts.commands.define_organisation(SYSTEM, body)
    await caught_up(served.parts)


async def limited(served: Served, name: str, *organisations: str) -> Officer:
    browser = await officer(served, name, "approver")
    await served.parts.commands.invite_member(
        SYSTEM, f"{name}@town.example", "approver", name, organisations=organisations
    )
    return browser


async def test_organisation_is_added_edited_and_retired(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await served.parts.commands.define_place(SYSTEM, PlaceBody(slug="camden", name={"en": "Camden Town"}, area=CAMDEN))
    await admin.open("/console/more")
    assert PATH in admin.text
    await admin.open(PATH)
    twice = admin.snapshot()
    given = {
        "slug": "council",
        "sender": "Camden Council",
        "name_cy": "Cyngor Camden",
        "consent_en": "Camden Council sends you what closes.",
        "places": "camden town",
        "kind": ["alert", "announcement"],
    }
    await admin.press(**given)
    assert admin.status == 200 and admin.url.endswith("/council"), admin.text
    await twice.press(**given)
    assert twice.status == 200
    made = organisation(served)
    assert made.name == {"en": "Camden Council", "cy": "Cyngor Camden"} and made.version == 1
    assert (made.areas, made.kinds) == ([{"place": "camden"}], ("alert", "announcement"))
    assert "Camden Town" in admin.text and "Alerts, Announcements" in admin.text
    stale = admin.snapshot()
    await stale.open(f"{PATH}/council")
    await admin.press(sender="Camden", places="", kind=None)
    assert organisation(served).areas is None and organisation(served).sender_name == "Camden"
    await stale.press(sender="Other")
    assert stale.status == 409 and "A colleague changed it" in stale.text and 'value="Other"' in stale.text
    await admin.press(within='name="typed"', typed="camden")
    assert admin.status == 422 and "Type council to retire it." in admin.text
    await admin.press(within='name="typed"', typed="council")
    assert organisation(served).retired and "no new notice goes out in its name" in admin.text
    await admin.open(f"{PATH}/council")
    await admin.press()
    assert not organisation(served).retired
    await admin.open(f"{PATH}/nobody")
    assert admin.status == 404


@SQLITE
async def test_errors_stand_at_their_fields(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open(PATH)
    await admin.press(slug="", sender="")
    assert admin.status == 422 and "Say how its messages begin" in admin.text and "Give it a short name" in admin.text
    await admin.press(slug="The Council", sender="C", places="atlantis")
    assert "No place “atlantis” is registered" in admin.text
    await admin.press(slug="The Council", sender="C <c@d.example>", places="")
    assert (admin.status == 422 and 'href="#slug"' in admin.text) or 'href="#sender"' in admin.text
    await admin.press(slug="council", sender="Council", consent_en="x" * 500)
    assert 'href="#consent-en"' in admin.text
    await served.parts.commands.define_organisation(SYSTEM, COUNCIL)
    await caught_up(served.parts)
    await admin.press(slug="council", sender="Council", consent_en="")
    assert admin.status == 422 and "edit that one" in admin.text


@SQLITE
async def test_member_and_source_are_given_organisations(served: Served) -> None:
    admin = await officer(served, "ada", "admin")
    await admin.open("/console/team")
    assert "Only in the name of" not in admin.text
    await two(served)
    await admin.open("/console/team")
    await admin.press(email="kim@town.example", name="Kim", role="author", organisation=["council"])
    assert "in the name of Camden Council" in admin.text, admin.text
    kim = next(one for one in served.parts.views.members() if one.name == "Kim")
    assert kim.organisations == ("council",)
    await admin.press(within="/role", organisation=None)
    state = served.parts.log.state(MEMBER, kim.id)
    assert state is not None and state.organisations is None
    await admin.open("/console/sources/new")
    await admin.press(name="roads", kind="standard-webhook", policy="issue", organisation="council")
    assert admin.status == 200, admin.text
    await admin.open("/console/sources/roads")
    assert "in the name of Camden Council" in admin.text
    await admin.press("save", policy="draft")
    source = served.parts.views.source("roads")
    assert source is not None and (source.policy.default, source.policy.organisation) == ("draft", "council")


async def test_compose_asks_in_whose_name_only_if_there_is_a_choice(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    await ann.open("/console/notices/new")
    assert "In whose name" not in ann.text
    await two(served)
    await ann.open("/console/notices/new")
    assert "In whose name" in ann.text
    await ann.press("save", **WORDS, organisation="council")
    notice = re.search(r"/console/notices/([0-9a-f-]{36})/edit", ann.url)
    assert notice is not None, ann.text
    assert "Camden Council: " in ann.text, "the preview of the text begins with it"
    await ann.open(f"/console/notices/{notice[1]}/check")
    assert "In the name of <bdi>Camden Council</bdi>" in ann.text
    await ann.open(f"/console/notices/{notice[1]}")
    assert "In the name of" in ann.text
    await ann.open(f"/console/notices/{notice[1]}/edit")
    await ann.press("save", organisation="police")
    [state] = [one for one in served.parts.views.notices().items if str(one.id) == notice[1]]
    assert state.plan.organisation == "police"


@SQLITE
async def test_limited_writer_has_the_only_name_or_chooses(served: Served) -> None:
    await two(served)
    kim, lou = await limited(served, "kim", "council"), await limited(served, "lou", "council", "police")
    await kim.open("/console/notices/new")
    assert "In the name of <bdi>Camden Council</bdi>" in kim.text and 'name="organisation"' not in kim.text
    await kim.press("save", **WORDS)
    assert kim.url.endswith("/edit"), kim.text
    [state] = served.parts.views.notices().items
    assert state.plan.organisation == "council"
    await kim.press("save", title_en="Flood in Mill Lane, rising")
    [state] = served.parts.views.notices().items
    assert state.plan.organisation == "council" and state.version > 1
    await lou.open("/console/notices/new")
    await lou.press("save", **WORDS)
    assert lou.status == 422 and "Choose in whose name it goes out: Camden Council or Police." in lou.text
    await lou.press("save", **WORDS, organisation="police")
    assert lou.url.endswith("/edit"), lou.text


@SQLITE
async def test_newsletter_names_its_organisation(served: Served) -> None:
    await two(served)
    free, council = await officer(served, "free", "author"), await limited(served, "cole", "council")
    await free.open("/console/newsletters/new")
    assert "In whose name its issues come" in free.text
    await free.press("save", name="The week", often="DAILY", at="08:00", organisation="none-such")
    assert free.status == 422 and "There is no organisation" in free.text and 'value="The week"' in free.text
    await free.press("save", organisation="police")
    assert free.url == "/console/newsletters/the-week" and 'value="police" selected' in free.text, free.text[:3000]
    await free.press("issue", title="Issue 1", body="What happened.", organisation="council")
    assert free.status == 422 and "save it first" in free.text and 'value="council" selected' in free.text
    await free.press("save")
    await free.press("issue")
    assert 'value="council" selected' in free.text and "/edit" in free.url, "its issue bears the name"
    await council.open("/console/newsletters/the-week")
    assert "Its issues come in the name of <bdi>Camden Council</bdi>." in council.text
    await council.press("save", name="Our week", often="DAILY", at="09:00")
    assert council.status == 200 and "Our week" in council.text
