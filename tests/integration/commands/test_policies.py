"""RULES 17: what a policy lets a source or key begin, change and end; threads, places and service points under it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import Actor
from alerts.contract.bodies import (
    AllClearBody,
    CancelBody,
    ContentBody,
    IncidentBody,
    NoticeBody,
    PlaceBody,
    ResolveBody,
    ServiceChangeBody,
    ServicePointBody,
)
from alerts.domain.events import Policy, PolicyRule
from alerts.domain.set_at import POLICY_SET_AT
from alerts.domain.streams import source_id
from alerts.kernel.errors import Conflict, Forbidden, Invalid
from tests.support.command_rig import START, CommandRig, key, on_both, rules

WORDS = {"en": ContentBody(title="Boil your water")}
CENTRE = {"lat": 51.55, "lon": -0.15}
NEAR = [{"circle": {**CENTRE, "radius_km": 1.0}}]
SMALL = {"circle": {**CENTRE, "radius_km": 0.5}}
WIDE = {"circle": {**CENTRE, "radius_km": 60.0}}
LOCAL = rules(PolicyRule(then="issue", areas=NEAR))
ALERT = NoticeBody(kind="alert", area=SMALL, content=WORDS, severity="Moderate")
BURST = IncidentBody(
    headline="A main has burst",
    category="Infra",
    urgency="Expected",
    severity="Moderate",
    certainty="Likely",
    area=SMALL,
    source_ref="b-1",
)


def but(body: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(body, **changes)


async def live(rig: CommandRig, actor: Actor, body: NoticeBody = ALERT) -> UUID:
    """Issued by a key whose policy allows it."""
    drafted = await rig.commands.draft_notice(actor, body)
    return (await rig.commands.issue(actor, drafted.id)).id


async def wide_thread(rig: CommandRig) -> UUID:
    """A notice of 60 km on the air."""
    return await live(rig, key("issue", "desk"), but(ALERT, area=WIDE))


# --- follow-ups: the weaker answer over the new notice and its thread


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        (LOCAL, {"area": WIDE}),
        (rules(PolicyRule(then="issue", severities=("Moderate",))), {"severity": "Extreme"}),
    ],
    ids=["area", "severity"],
)
async def test_update_of_a_thread_outside_the_policy_waits(rig: CommandRig, policy: Policy, first: Any) -> None:
    wide = await live(rig, key("issue", "desk"), but(ALERT, **first))
    local = key(policy, "local")
    update = await rig.commands.update(local, wide, ALERT)
    with pytest.raises(Conflict):
        await rig.commands.issue(local, update.id)
    assert rig.notice(wide).phase == "live"


async def test_thread_once_outside_the_policy_stays_outside(rig: CommandRig) -> None:
    desk, local = key("issue", "desk"), key(LOCAL, "local")
    wide = await wide_thread(rig)
    narrowed = await rig.commands.issue(desk, (await rig.commands.update(desk, wide, ALERT)).id)
    for end in (
        rig.commands.cancel(local, narrowed.id, CancelBody(reason="no")),
        rig.commands.all_clear(local, narrowed.id, AllClearBody()),
        rig.commands.stop(local, narrowed.id, "no"),
    ):
        with pytest.raises(Forbidden):
            await end
    assert rig.notice(narrowed.id).phase == "live"


async def test_policy_ends_a_thread_inside_its_area(rig: CommandRig) -> None:
    local = key(LOCAL, "local")
    first = await live(rig, local)
    second = await rig.commands.issue(local, (await rig.commands.update(local, first, but(ALERT, area=NEAR))).id)
    assert (await rig.commands.all_clear(local, second.id, AllClearBody())).state == "live"
    assert rig.notice(second.id).phase == "cleared"


async def test_revision_of_an_incident_approved_wide_waits(rig: CommandRig) -> None:
    local = key(LOCAL, "local")
    reported = await rig.commands.report_incident(local, but(BURST, area=WIDE))
    assert reported.notice is not None
    ann, bob = await rig.person("ann"), await rig.person("bob")
    await rig.settled()
    await rig.commands.approve(bob, reported.notice, rig.notice(reported.notice).version, 0)
    await rig.commands.issue(ann, reported.notice)
    revised = await rig.commands.report_incident(local, BURST)
    assert revised.notice is not None
    assert rig.notice(revised.notice).phase == "pending-approval"
    assert rig.notice(reported.notice).phase == "live"
    over = await rig.commands.resolve_incident(local, reported.id, ResolveBody())
    assert over.notice is not None
    assert rig.notice(over.notice).phase == "pending-approval" and rig.notice(reported.notice).phase == "live"


# --- an incident or a service change


async def point(rig: CommandRig, **changes: Any) -> UUID:
    body = ServicePointBody(kind="front-desk", name="Kentish Town", lat=51.55, lon=-0.15, opening_hours="24/7")
    return (await rig.commands.register_point(key(), but(body, **changes))).id


async def change(rig: CommandRig, actor: Actor, *points: UUID) -> Any:
    body = ServiceChangeBody(headline="Closed", kind="closure", service_points=points, effective=START)
    return await rig.commands.announce_change(actor, body)


@pytest.mark.parametrize(("reach_km", "phase"), [(0.9, "live"), (3.0, "pending-approval"), (500.0, "pending-approval")])
async def test_reach_of_each_point_lies_in_the_policys_area(rig: CommandRig, reach_km: float, phase: str) -> None:
    announced = await change(rig, key(LOCAL), await point(rig, reach_km=reach_km))
    assert rig.notice(announced.notice).phase == phase


async def test_notice_names_an_incident_or_a_change(rig: CommandRig) -> None:
    incident = (await rig.commands.report_incident(key("record"), BURST)).id
    changed = (await change(rig, key("record"), await point(rig))).id
    both = NoticeBody(kind="announcement", incident=incident, service_change=changed)
    with pytest.raises(Invalid):
        await rig.commands.draft_notice(key(), both)
    drafted = await rig.commands.draft_notice(key(), but(both, service_change=None))
    with pytest.raises(Invalid):
        await rig.commands.revise_notice(key(), drafted.id, {"service_change": str(changed)})
    about = await live(rig, key("issue"), but(both, service_change=None))
    with pytest.raises(Invalid):
        await rig.commands.update(key(), about, but(both, incident=None))


async def test_update_gives_a_service_change_no_area(rig: CommandRig) -> None:
    changed = (await change(rig, key("record"), await point(rig))).id
    first = await live(rig, key("issue"), NoticeBody(kind="announcement", service_change=changed))
    with pytest.raises(Invalid):
        await rig.commands.update(key(), first, NoticeBody(kind="announcement", area=WIDE))


# --- places of a policy are those of when it was set


async def define(rig: CommandRig, slug: str, area: Any) -> None:
    await rig.commands.define_place(key(), PlaceBody(slug=slug, name={"en": slug}, area=area))


def policy_set_at(rig: CommandRig) -> int:
    found = rig.log.state(POLICY_SET_AT, source_id("met"))
    assert found is not None and found.position is not None
    return found.position


@on_both
async def test_redrawn_place_does_not_widen_a_policy(rig: CommandRig) -> None:
    await define(rig, "kentish-town", NEAR)
    policy = {"rules": [{"areas": {"place": "kentish-town"}, "then": "issue"}]}
    source = await rig.source(policy)
    mine = Actor(kind="key", id="k", policy=source.policy, policy_at=policy_set_at(rig))
    await define(rig, "kentish-town", WIDE)
    drafted = await rig.commands.draft_notice(mine, but(ALERT, area=WIDE))
    with pytest.raises(Conflict):
        await rig.commands.issue(mine, drafted.id)
    assert (await rig.commands.issue(mine, (await rig.commands.draft_notice(mine, ALERT)).id)).state == "live"


async def test_policy_set_again_means_the_present_place(rig: CommandRig) -> None:
    await define(rig, "kentish-town", NEAR)
    policy = {"rules": [{"areas": {"place": "kentish-town"}, "then": "issue"}]}
    await rig.source(policy)
    before = policy_set_at(rig)
    await define(rig, "kentish-town", WIDE)
    await rig.commands.rotate_source_secret(key(), "met")
    assert policy_set_at(rig) == before
    await rig.commands.revise_source(key(), "met", policy)
    assert policy_set_at(rig) > before


async def test_issued_notice_is_judged_by_its_area_at_issue(rig: CommandRig) -> None:
    await define(rig, "region", WIDE)
    first = await live(rig, key("issue", "desk"), but(ALERT, area={"place": "region"}))
    await define(rig, "region", SMALL)
    with pytest.raises(Forbidden):
        await rig.commands.cancel(key(LOCAL, "local"), first, CancelBody(reason="no"))


# --- whose incident it is


@pytest.mark.parametrize("policy", ["record", "draft", LOCAL], ids=["record", "draft", "elsewhere"])
async def test_incident_of_another_source_is_not_resolved(rig: CommandRig, policy: Any) -> None:
    reported = await rig.commands.report_incident(key("issue", "fire"), but(BURST, area=WIDE))
    with pytest.raises(Forbidden):
        await rig.commands.resolve_incident(key(policy, "other"), reported.id, ResolveBody())
    assert rig.incident(reported.id).status == "open"
    worse = await rig.commands.report_incident(key("issue", "fire"), but(BURST, area=WIDE, severity="Severe"))
    assert worse.notice is not None and rig.notice(worse.notice).phase == "live"


@pytest.mark.parametrize("who", ["approver", "issuing policy"])
async def test_whoever_may_end_its_thread_resolves_an_incident(rig: CommandRig, who: str) -> None:
    reported = await rig.commands.report_incident(key("issue", "fire"), BURST)
    actor = await rig.person("bob") if who == "approver" else key("issue", "desk")
    await rig.commands.resolve_incident(actor, reported.id, ResolveBody())
    assert rig.incident(reported.id).status == "resolved"
    assert reported.notice is not None and rig.notice(reported.notice).phase == "cleared"


async def test_record_policy_ends_nothing(rig: CommandRig) -> None:
    reported = await rig.commands.report_incident(key("issue", "fire"), BURST)
    await rig.commands.resolve_incident(key("record", "fire"), reported.id, ResolveBody())
    assert rig.incident(reported.id).status == "open"
    assert reported.notice is not None and rig.notice(reported.notice).phase == "live"


async def test_record_policy_resolves_what_was_told_to_nobody(rig: CommandRig) -> None:
    reported = await rig.commands.report_incident(key("record", "fire"), BURST)
    await rig.commands.resolve_incident(key("record", "fire"), reported.id, ResolveBody())
    assert rig.incident(reported.id).status == "resolved"


async def test_changed_report_reopens_and_rejects_the_pending_all_clear(rig: CommandRig) -> None:
    fire = key("issue", "fire")
    reported = await rig.commands.report_incident(fire, BURST)
    cautious = key("draft", "fire")
    over = await rig.commands.resolve_incident(cautious, reported.id, ResolveBody())
    assert over.notice is not None and rig.notice(over.notice).phase == "pending-approval"
    again = await rig.commands.report_incident(fire, but(BURST, severity="Severe"))
    assert rig.incident(reported.id).status == "open"
    assert again.notice is not None and rig.notice(again.notice).phase == "live"
    assert rig.notice(over.notice).phase == "rejected"


@pytest.mark.parametrize(("by", "phase"), [("desk", "pending-approval"), ("local", "live")])
async def test_scheduled_update_is_judged_by_the_thread_at_its_issue(rig: CommandRig, by: str, phase: str) -> None:
    local, desk = key(LOCAL, "local"), key("issue", "desk")
    first = await live(rig, local)
    later = await rig.commands.update(local, first, but(ALERT, severity="Minor"))
    await rig.commands.schedule(local, later.id, START + timedelta(hours=1))
    actor, area = (desk, WIDE) if by == "desk" else (local, SMALL)
    between = await rig.commands.update(actor, first, but(ALERT, area=area, severity="Severe"))
    await rig.commands.issue(actor, between.id)
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(later.id).phase == phase
