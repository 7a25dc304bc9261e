"""Rights over newsletters: a role for bulletins and for every area (RULES 16, 17); on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from alerts.commands import Actor
from alerts.contract.bodies import BulletinBody, ContentBody, NewsletterBody, NoticeBody, OrganisationBody
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import Forbidden, Invalid
from tests.support.command_rig import CommandRig, key, on_both

WEEKLY = NewsletterBody(slug="week", name="The week")
ISSUE = BulletinBody(content={"en": ContentBody(title="Issue 1", body="What happened.")})


async def limited(rig: CommandRig, name: str, **limits: Any) -> Actor:
    """An approver whose role has limits."""
    member = await rig.commands.invite_member(key(), f"{name}@example.org", "approver", name, **limits)
    return Actor(kind="person", id=str(member.id), name=name, person=member.id)


@on_both
async def test_role_for_other_kinds_manages_no_newsletter(rig: CommandRig) -> None:
    started = await rig.commands.start_newsletter(key(), WEEKLY)
    for number, limits in enumerate(({"kinds": ("alert", "announcement")}, {"areas": [{"place": "camden"}]})):
        if "areas" in limits:
            await rig.places()
        other = await limited(rig, f"other{number}", **limits)
        for refused in (
            rig.commands.start_newsletter(other, NewsletterBody(slug="month", name="The month")),
            rig.commands.revise_newsletter(other, started.id, {"name": "Our week"}, started.version),
            rig.commands.draft_bulletin(other, started.id, ISSUE),
            rig.commands.end_newsletter(other, started.id),
        ):
            with pytest.raises(Forbidden, match="Your role is for"):
                await refused
    editor = await limited(rig, "editor", kinds=("bulletin",))
    revised = await rig.commands.revise_newsletter(editor, started.id, {"name": "Our week"}, started.version)
    await rig.commands.draft_bulletin(editor, started.id, ISSUE)
    await rig.commands.end_newsletter(editor, started.id)
    assert revised.version == started.version + 1


@on_both
async def test_series_is_written_only_in_a_name_of_ones_own(rig: CommandRig) -> None:
    await rig.places()
    for slug, more in (("council", {}), ("police", {}), ("camden", {"areas": {"place": "camden"}}),
                       ("alerts", {"kinds": ("alert",)})):  # fmt: skip
        body = OrganisationBody(slug=slug, name={"en": slug}, sender_name=slug.capitalize(), **more)
        await rig.commands.define_organisation(key(), body)
    council, both = (
        await limited(rig, "ann", organisations=("council",)),
        await limited(rig, "bob", organisations=("council", "police")),
    )
    series = await rig.commands.start_newsletter(council, WEEKLY)
    issue = await rig.commands.draft_bulletin(council, series.id, ISSUE)
    state = rig.log.state(NOTICE, issue.id)
    assert state is not None and state.plan.organisation == "council", "the only name of hers"
    month = NewsletterBody(slug="month", name="The month")
    with pytest.raises(Invalid, match="Choose in whose name"):
        await rig.commands.start_newsletter(both, month)
    theirs = await rig.commands.start_newsletter(both, replace(month, organisation="police"))
    services = await rig.commands.start_newsletter(key(), NewsletterBody(slug="year", name="The year"))
    for other in (theirs, services):
        for refused in (
            rig.commands.revise_newsletter(council, other.id, {"name": "Mine"}, other.version),
            rig.commands.draft_bulletin(council, other.id, ISSUE),
            rig.commands.end_newsletter(council, other.id),
        ):
            with pytest.raises(Forbidden, match="you write for Council"):
                await refused
    with pytest.raises(Forbidden, match="you write for Council"):
        await rig.commands.revise_newsletter(council, series.id, {"organisation": "police"}, series.version)
    for name, words in (
        ("camden", "a newsletter reaches everywhere"),
        ("alerts", "issues alerts only"),
        ("x", "no org"),
    ):
        with pytest.raises(Invalid, match=words):
            await rig.commands.revise_newsletter(key(), series.id, {"organisation": name}, series.version)
    await rig.commands.retire_organisation(key(), "council")
    await rig.commands.revise_newsletter(key(), series.id, {"name": "Our week"}, series.version)
    with pytest.raises(Invalid, match="issues nothing any more"):
        await rig.commands.draft_bulletin(council, series.id, ISSUE)


@on_both
async def test_ended_series_is_taken_up_again_only_in_its_name(rig: CommandRig) -> None:
    for slug in ("council", "police"):
        body = OrganisationBody(slug=slug, name={"en": slug}, sender_name=slug.capitalize())
        await rig.commands.define_organisation(key(), body)
    council, police = [await limited(rig, one, organisations=(one,)) for one in ("council", "police")]
    series = await rig.commands.start_newsletter(police, WEEKLY)
    await rig.commands.end_newsletter(police, series.id)
    with pytest.raises(Forbidden, match="in the name of Police, and you write for Council"):
        await rig.commands.start_newsletter(council, WEEKLY)
    again = await rig.commands.start_newsletter(police, WEEKLY)
    assert again.version > series.version


@on_both
async def test_refusal_names_the_limit_of_the_role(rig: CommandRig) -> None:
    await rig.places()
    local = await limited(rig, "local", areas=[{"place": "camden"}])
    words = {"en": ContentBody(title="Gas leak", body="Keep windows shut.")}
    plan = NoticeBody(
        kind="announcement", area={"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 50}}, content=words
    )
    with pytest.raises(Forbidden, match="role is for Camden, and part of this area lies outside: make it smaller"):
        await rig.commands.draft_notice(local, plan)
