"""Organisations: in whose name a notice goes out, who may write it, and what an approval binds; on both databases."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands.actor import Actor
from alerts.contract.bodies import (
    AllClearBody,
    CancelBody,
    ContentBody,
    IncidentBody,
    NoticeBody,
    OrganisationBody,
    PlaceBody,
    ResolveBody,
)
from alerts.contract.trigger_request import ParsedTrigger
from alerts.domain.events import Policy
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import ORGANISATION, organisation_id
from alerts.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from tests.support.command_rig import CAMDEN, HACKNEY, CommandRig, key, on_both

WORDS = {"en": ContentBody(title="Flood")}
MIDDLE = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1.0}}
ELSEWHERE = {"circle": {"lat": 51.55, "lon": -0.05, "radius_km": 1.0}}
COUNCIL = OrganisationBody(
    slug="council",
    name={"en": "Camden Council", "cy": "Cyngor Camden"},
    sender_name="Camden Council",
    consent={"en": "Camden Council sends you what closes."},
    areas={"place": "camden"},
    kinds=("alert", "announcement"),
)
POLICE = OrganisationBody(slug="police", name={"en": "The Police"}, sender_name="Police")
ALERT = NoticeBody(kind="alert", area=MIDDLE, content=WORDS, organisation="council")


def but(body: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(body, **changes)


async def defined(rig: CommandRig) -> None:
    await rig.places()
    for body in (COUNCIL, POLICE):
        await rig.commands.define_organisation(key(), body)


def organisation(rig: CommandRig) -> OrganisationState:
    state = rig.log.state(ORGANISATION, organisation_id("council"))
    assert state is not None
    return state


async def limited(rig: CommandRig, name: str, *organisations: str) -> Actor:
    """A member who writes and approves for these only."""
    person = await rig.person(name)
    await rig.commands.invite_member(key(), f"{name}@example.org", "approver", name, organisations=organisations)
    return person


def requested(external_id: str, organisation: str | None) -> ParsedTrigger:
    body = but(ALERT, organisation=organisation)
    return ParsedTrigger(external_id=external_id, kind="notice.requested", digest="", body="", request=body)


async def waiting(rig: CommandRig, author: Actor, body: NoticeBody = ALERT) -> UUID:
    drafted = await rig.commands.draft_notice(author, body)
    await rig.commands.submit(author, drafted.id)
    await rig.settled()
    return drafted.id


async def approved(rig: CommandRig) -> UUID:
    notice = await waiting(rig, await rig.person("ann"))
    await rig.commands.approve(await rig.person("bob"), notice, rig.notice(notice).version, 0)
    return notice


async def live(rig: CommandRig) -> UUID:
    notice = await approved(rig)
    await rig.commands.issue(await rig.person("bob"), notice)
    return notice


@on_both
async def test_organisation_is_defined_revised_and_retired(rig: CommandRig) -> None:
    await rig.places()
    first = await rig.commands.define_organisation(key(), COUNCIL, version=0)
    assert first.created and organisation(rig).sender_name == "Camden Council"
    same = await rig.commands.define_organisation(key(), COUNCIL)
    assert same.version == first.version
    with pytest.raises(Invalid, match="edit that one"):
        await rig.commands.define_organisation(key(), COUNCIL, version=0)
    second = await rig.commands.define_organisation(key(), but(COUNCIL, kinds=None), version=first.version)
    with pytest.raises(Stale):
        await rig.commands.define_organisation(key(), COUNCIL, version=first.version)
    assert second.version == 2 and organisation(rig).kinds is None
    await rig.commands.retire_organisation(key(), "council")
    await rig.commands.retire_organisation(key(), "council")
    assert organisation(rig).retired and rig.topics()[-1] == "OrganisationRetired"
    with pytest.raises(NotFound):
        await rig.commands.retire_organisation(key(), "nobody")
    await rig.commands.define_organisation(key(), COUNCIL, version=0)
    assert not organisation(rig).retired


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sender_name": 'The "Council"'}, "sender_name"),
        ({"sender_name": "C" * 41}, "sender_name"),
        ({"slug": "The Council"}, "slug"),
        ({"areas": {"place": "atlantis"}}, "areas.place"),
        ({"consent": {"english": "x"}}, "consent"),
        ({"name": {}}, "name"),
    ],
)
async def test_unusable_organisation_is_refused(rig: CommandRig, changes: Any, field: str) -> None:
    await rig.places()
    with pytest.raises(Invalid) as refused:
        await rig.commands.define_organisation(key(), but(COUNCIL, **changes))
    assert refused.value.errors[0].field == field


@on_both
async def test_notice_goes_out_in_an_organisations_name(rig: CommandRig) -> None:
    await defined(rig)
    notice = await live(rig)
    assert rig.notice(notice).phase == "live" and rig.notice(notice).plan.organisation == "council"
    bob = await rig.person("bob")
    update = await rig.commands.update(bob, notice, NoticeBody(kind="alert", content=WORDS))
    assert rig.notice(update.id).plan.organisation == "council"
    with pytest.raises(Invalid, match="name of its thread"):
        await rig.commands.update(bob, notice, but(ALERT, organisation="police"))
    with pytest.raises(Invalid, match="name of its thread"):
        await rig.commands.revise_notice(bob, update.id, {"organisation": "police"})
    over = await rig.commands.all_clear(bob, notice, AllClearBody())
    assert rig.notice(over.id).plan.organisation == "council"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"area": ELSEWHERE}, "outside the areas of Camden Council"),
        ({"kind": "bulletin"}, "Camden Council issues alerts, announcements only"),
        ({"organisation": "nobody"}, "unknown organisation 'nobody'; known are council, police"),
    ],
)
async def test_notice_outside_its_organisation_is_refused(rig: CommandRig, changes: Any, words: str) -> None:
    await defined(rig)
    with pytest.raises(Invalid, match=words):
        await rig.commands.draft_notice(await rig.person("ann"), but(ALERT, **changes))


async def test_draft_without_area_is_refused_at_its_submission(rig: CommandRig) -> None:
    await defined(rig)
    ann = await rig.person("ann")
    drafted = await rig.commands.draft_notice(ann, but(ALERT, kind="announcement", area=None, topic="transport"))
    with pytest.raises(Invalid, match="its own areas only"):
        await rig.commands.submit(ann, drafted.id)


async def test_retired_organisation_ends_its_notices_only(rig: CommandRig) -> None:
    await defined(rig)
    notice, bob = await live(rig), await rig.person("bob")
    await rig.commands.retire_organisation(key(), "council")
    with pytest.raises(Invalid, match="issues nothing any more"):
        await rig.commands.draft_notice(bob, ALERT)
    with pytest.raises(Invalid, match="issues nothing any more"):
        await rig.commands.update(bob, notice, NoticeBody(kind="alert", content=WORDS))
    ended = await rig.commands.cancel(bob, notice, CancelBody(reason="Wrong."))
    assert rig.notice(ended.id).phase == "live"


@on_both
@pytest.mark.parametrize("change", ["sender_name", "place", "retired"])
async def test_approval_binds_the_organisation(rig: CommandRig, change: str) -> None:
    await defined(rig)
    notice, bob = await approved(rig), await rig.person("bob")
    if change == "sender_name":
        await rig.commands.define_organisation(key(), but(COUNCIL, sender_name="Camden"))
    elif change == "place":
        await rig.commands.define_place(key(), PlaceBody(slug="camden", name={"en": "Camden"}, area=[CAMDEN, HACKNEY]))
    else:
        await rig.commands.retire_organisation(key(), "council")
    with pytest.raises(Conflict, match="has changed since the approval"):
        await rig.commands.issue(bob, notice)
    assert rig.notice(notice).phase == "pending-approval"


async def test_edit_of_the_organisation_voids_an_approval(rig: CommandRig) -> None:
    await defined(rig)
    notice = await approved(rig)
    await rig.commands.revise_notice(await rig.person("ann"), notice, {"organisation": "police"})
    assert rig.notice(notice).phase == "pending-approval" and rig.notice(notice).plan.organisation == "police"


@on_both
async def test_limited_member_writes_for_their_own_only(rig: CommandRig) -> None:
    await defined(rig)
    kim, both = await limited(rig, "kim", "council"), await limited(rig, "lou", "council", "police")
    drafted = await rig.commands.draft_notice(kim, but(ALERT, organisation=None))
    assert rig.notice(drafted.id).plan.organisation == "council"
    with pytest.raises(Forbidden, match="name of Police, and you write for Camden Council"):
        await rig.commands.draft_notice(kim, but(ALERT, organisation="police"))
    with pytest.raises(Invalid, match="Choose in whose name it goes out: Camden Council or Police"):
        await rig.commands.draft_notice(both, but(ALERT, organisation=None))
    for organisation in ("police", None):
        notice = await waiting(rig, await rig.person("ann"), but(ALERT, organisation=organisation))
        with pytest.raises(Forbidden, match="you write for Camden Council"):
            await rig.commands.approve(kim, notice, rig.notice(notice).version, 0)
    await rig.commands.report_incident(kim, IncidentBody(headline="Flood", area=MIDDLE))


async def test_limited_member_ends_no_thread_of_another(rig: CommandRig) -> None:
    await defined(rig)
    scopes = frozenset(("incidents:write", "notices:approve"))
    kim = dataclasses.replace(await limited(rig, "kim", "police"), kind="key", policy=Policy(), scopes=scopes)
    council = key(Policy(default="issue", organisation="council"))
    made = await rig.commands.report_incident(council, IncidentBody(headline="Flood", area=MIDDLE, source_ref="f"))
    with pytest.raises(Forbidden, match="name of Camden Council, and you write for Police"):
        await rig.commands.resolve_incident(kim, made.id, ResolveBody())
    assert rig.incident(made.id).status == "open"


@on_both
async def test_programs_notices_go_out_in_its_organisations_name(rig: CommandRig) -> None:
    await defined(rig)
    council = key(Policy(default="issue", organisation="council"))
    made = await rig.commands.report_incident(council, IncidentBody(headline="Flood", area=MIDDLE, severity="Minor"))
    assert made.notice is not None
    state = rig.notice(made.notice)
    assert state.phase == "live" and state.plan.organisation == "council"
    with pytest.raises(Invalid, match="in the name of 'council' only"):
        await rig.commands.draft_notice(council, but(ALERT, organisation="police"))
    with pytest.raises(Invalid, match="outside the areas of Camden Council"):
        await rig.commands.report_incident(council, IncidentBody(headline="Flood", area=ELSEWHERE))
    drafted = await rig.commands.draft_notice(council, but(ALERT, organisation=None))
    assert rig.notice((await rig.commands.issue(council, drafted.id)).id).plan.organisation == "council"


async def test_program_issues_in_no_other_name_by_itself(rig: CommandRig) -> None:
    await defined(rig)
    free, council = key("issue", "free"), key(Policy(default="issue", organisation="council"))
    drafted = await rig.commands.draft_notice(free, ALERT)
    with pytest.raises(Conflict):
        await rig.commands.issue(free, drafted.id)
    notice = await live(rig)
    with pytest.raises(Forbidden):
        await rig.commands.cancel(free, notice, CancelBody(reason="Wrong."))
    other = await rig.commands.issue(free, (await rig.commands.draft_notice(free, but(ALERT, organisation=None))).id)
    with pytest.raises(Forbidden, match="name of the service itself"):
        await rig.commands.cancel(council, other.id, CancelBody(reason="Wrong."))


async def test_key_that_writes_for_nobody_issues_nothing(rig: CommandRig) -> None:
    """Its policy names the council, and its person has since been limited to the police."""
    await defined(rig)
    policy = Policy(default="issue", organisation="council")
    kim = dataclasses.replace(await limited(rig, "kim", "police"), kind="key", policy=policy)
    with pytest.raises(Forbidden, match="the service itself, and you write for no organisation"):
        await rig.commands.report_incident(kim, IncidentBody(headline="Flood", area=MIDDLE))


async def test_thread_keeps_its_name_under_a_program_of_another(rig: CommandRig) -> None:
    """A person tells of an incident in the council's name; its source, of no organisation, goes on reporting."""
    await defined(rig)
    feed, bob = key("issue", "feed"), await rig.person("bob")
    body = IncidentBody(headline="Flood", area=MIDDLE, source_ref="f")
    made = await rig.commands.report_incident(key("record", "feed"), body)
    notice = await waiting(rig, await rig.person("ann"), but(ALERT, incident=made.id, area=None))
    await rig.commands.approve(bob, notice, rig.notice(notice).version, 0)
    await rig.commands.issue(bob, notice)
    again = await rig.commands.report_incident(feed, but(body, headline="Flood, rising"))
    assert again.notice is not None
    state = rig.notice(again.notice)
    assert (state.msg_type, state.phase, state.plan.organisation) == ("Update", "pending-approval", "council")


@on_both
async def test_source_keeps_its_organisation_under_a_new_policy_word(rig: CommandRig) -> None:
    await defined(rig)
    source = await rig.source({"default": "draft", "organisation": "council"}, kind="standard-webhook")
    taken = await rig.commands.take_trigger(source, requested("1", None))
    assert rig.notice(taken.notices[0]).plan.organisation == "council"
    with pytest.raises(Invalid, match="in the name of 'council' only"):
        await rig.commands.take_trigger(source, requested("2", "police"))
    await rig.commands.revise_source(key(), "met", "issue")
    assert rig.source_state("met").policy.organisation == "council"
    with pytest.raises(Invalid, match="unknown organisation"):
        await rig.commands.revise_source(key(), "met", {"default": "issue", "organisation": "nobody"})
