"""RULES 17, 18: what an incident becomes, by policy; the same again; what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from alerts.commands import Idempotency
from alerts.contract.bodies import ContentBody, IncidentBody, NoticeBody, PlaceBody, ResolveBody
from alerts.domain.events import NoticeIssued, PolicyRule
from alerts.domain.streams import INCIDENT
from alerts.kernel.errors import Conflict, Invalid, NotFound
from tests.support.command_rig import CAMDEN, START, CommandRig, key, on_both, rules

FLOOD = IncidentBody(
    headline="Flood in Camden",
    description="The lock has burst.",
    category="Met",
    severity="Severe",
    urgency="Immediate",
    certainty="Observed",
    area=CAMDEN,
    source_ref="f-1",
)


def revised(**changes: object) -> IncidentBody:
    return msgspec.structs.replace(FLOOD, **changes)


async def test_record_policy_sends_nothing(rig: CommandRig) -> None:
    answer = await rig.commands.report_incident(key("record"), FLOOD)

    assert answer.created and answer.notice is None
    assert answer.position == rig.log.position()
    assert rig.topics()[-1] == "IncidentReported"


async def test_draft_policy_leaves_a_notice_to_approve(rig: CommandRig) -> None:
    answer = await rig.commands.report_incident(key("draft"), FLOOD)

    assert answer.notice is not None
    notice = rig.notice(answer.notice)
    assert notice.phase == "pending-approval"
    assert notice.drafted_by == "key:k-city"
    assert notice.plan.topic == "weather"
    assert notice.plan.content["en"].title == "Flood in Camden"
    assert notice.plan.priority == "emergency"


async def test_issue_policy_sends_at_once_and_names_its_authority(rig: CommandRig) -> None:
    answer = await rig.commands.report_incident(key("issue"), FLOOD)

    assert answer.notice is not None
    notice = rig.notice(answer.notice)
    assert (notice.phase, notice.danger_to_life, notice.priority) == ("live", True, "emergency")
    assert notice.approved_by == "policy:city@1"
    assert notice.expires == START + timedelta(hours=24)


async def test_repeated_report_changes_nothing(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("issue"), FLOOD)
    end = rig.log.position()
    second = await rig.commands.report_incident(key("issue"), FLOOD)

    assert not second.created
    assert (second.id, second.notice, second.version) == (first.id, first.notice, first.version)
    assert rig.log.position() == end


@on_both
async def test_changed_report_revises_and_updates_the_notice(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("issue"), FLOOD)
    second = await rig.commands.report_incident(key("issue"), revised(severity="Extreme"))

    assert second.id == first.id and second.version == first.version + 1
    assert first.notice is not None and second.notice is not None
    old, new = rig.notice(first.notice), rig.notice(second.notice)
    assert (old.phase, old.replaced_by) == ("superseded", new.id)
    assert (new.msg_type, new.thread, new.references, new.phase) == ("Update", old.id, (old.id,), "live")
    assert new.plan.severity == "Extreme"


async def test_changed_area_alone_is_an_area_revision(rig: CommandRig) -> None:
    await rig.commands.report_incident(key("record"), FLOOD)
    circle = {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1}}
    await rig.commands.report_incident(key("record"), revised(area=circle))
    assert rig.topics()[-1] == "IncidentAreaRevised"


async def test_unsent_notice_is_revised_in_place(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("draft"), FLOOD)
    second = await rig.commands.report_incident(key("draft"), revised(severity="Moderate"))

    assert second.notice == first.notice and second.notice is not None
    notice = rig.notice(second.notice)
    assert (notice.phase, notice.plan.severity, notice.plan.priority) == ("pending-approval", "Moderate", "notice")


async def test_worse_revision_is_judged_by_the_policy_again(rig: CommandRig) -> None:
    policy = rules(PolicyRule(then="issue", severities=("Extreme",)), default="draft")
    first = await rig.commands.report_incident(key(policy), FLOOD)
    assert first.notice is not None and rig.notice(first.notice).phase == "pending-approval"
    second = await rig.commands.report_incident(key(policy), revised(severity="Extreme"))
    assert second.notice == first.notice
    assert rig.notice(first.notice).phase == "live"
    assert rig.notice(first.notice).approved_by == "policy:city@3"


async def test_source_does_not_overwrite_a_persons_edit(rig: CommandRig) -> None:
    ann = await rig.person("ann")
    first = await rig.commands.report_incident(key("record"), FLOOD)
    mine = await rig.commands.draft_notice(ann, NoticeBody(kind="alert", incident=first.id))
    second = await rig.commands.report_incident(key("draft"), revised(severity="Moderate"))
    assert second.notice not in (None, mine.id)
    assert rig.notice(mine.id).plan.severity == "Severe"


@pytest.mark.parametrize(("areas", "phase"), [("camden", "live"), ("hackney", "pending-approval")])
@on_both
async def test_policy_area_must_contain_the_whole_notice(rig: CommandRig, areas: str, phase: str) -> None:
    await rig.places()
    policy = rules(PolicyRule(then="issue", areas=[{"place": areas}]))
    answer = await rig.commands.report_incident(key(policy), revised(area={"place": "camden"}))
    assert answer.notice is not None and rig.notice(answer.notice).phase == phase


async def test_incident_without_area_stays_an_unfinished_draft(rig: CommandRig) -> None:
    answer = await rig.commands.report_incident(key("draft"), IncidentBody(headline="Something burns"))
    assert answer.notice is not None and rig.notice(answer.notice).phase == "draft"


async def test_issue_policy_refuses_an_alert_without_area(rig: CommandRig) -> None:
    end = rig.log.position()
    with pytest.raises(Invalid) as refused:
        await rig.commands.report_incident(key("issue"), IncidentBody(headline="Something burns"))
    assert refused.value.errors[0].field == "area"
    assert rig.log.position() == end


async def test_resolving_sends_an_all_clear(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("issue"), FLOOD)
    words = {"en": ContentBody(title="The water is gone")}
    answer = await rig.commands.resolve_incident(key("issue"), None, ResolveBody(source_ref="f-1", all_clear=words))

    assert first.notice is not None and answer.notice is not None
    old, new = rig.notice(first.notice), rig.notice(answer.notice)
    assert (old.phase, new.msg_type, new.phase) == ("cleared", "AllClear", "live")
    assert new.plan.content["en"].title == "The water is gone"
    assert (new.danger_to_life, new.priority) == (False, "emergency")


async def test_resolving_twice_changes_nothing(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("issue"), FLOOD)
    await rig.commands.resolve_incident(key("issue"), first.id, ResolveBody())
    end = rig.log.position()
    await rig.commands.resolve_incident(key("issue"), first.id, ResolveBody())
    await rig.commands.report_incident(key("issue"), FLOOD)
    assert rig.log.position() == end


async def test_changed_report_reopens_a_resolved_incident(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("issue"), FLOOD)
    await rig.commands.resolve_incident(key("issue"), first.id, ResolveBody())
    again = await rig.commands.report_incident(key("issue"), revised(severity="Minor"))
    state = rig.log.state(INCIDENT, first.id)
    assert again.id == first.id and state is not None and (state.status, state.ended_at) == ("open", None)
    assert first.notice is not None and again.notice is not None
    new = rig.notice(again.notice)
    assert (rig.notice(first.notice).phase, new.phase, new.msg_type) == ("cleared", "live", "Alert")
    over = await rig.commands.resolve_incident(key("issue"), first.id, ResolveBody())
    assert over.notice is not None and rig.notice(over.notice).thread == new.thread


async def test_resolving_withdraws_an_unsent_notice(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("draft"), FLOOD)
    await rig.commands.resolve_incident(key("draft"), first.id, ResolveBody())
    assert first.notice is not None and rig.notice(first.notice).phase == "rejected"


async def test_resolving_leaves_a_persons_draft_alone(rig: CommandRig) -> None:
    first = await rig.commands.report_incident(key("record"), FLOOD)
    body = NoticeBody(kind="alert", incident=first.id)
    mine = await rig.commands.draft_notice(await rig.person("ann"), body)
    await rig.commands.resolve_incident(key("draft"), first.id, ResolveBody())
    assert rig.notice(mine.id).phase == "draft"


async def test_resolving_an_unknown_incident_is_refused(rig: CommandRig) -> None:
    with pytest.raises(NotFound):
        await rig.commands.resolve_incident(key(), UUID(int=5), ResolveBody())
    with pytest.raises(Invalid):
        await rig.commands.resolve_incident(key(), None, ResolveBody())


async def test_source_references_are_scoped_to_the_source(rig: CommandRig) -> None:
    one = await rig.commands.report_incident(key(name="one"), FLOOD)
    two = await rig.commands.report_incident(key(name="two"), FLOOD)
    assert one.id != two.id and two.created


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (revised(topic="floods"), "topic"),
        (revised(expires=START - timedelta(seconds=1)), "expires"),
        (revised(onset=START + timedelta(hours=2), expires=START + timedelta(hours=1)), "expires"),
        (revised(onset=START.replace(tzinfo=None)), "onset"),
        (revised(headline="x" * 201), "headline"),
        (revised(headline="  "), "headline"),
        (revised(description="x" * 20_001), "description"),
        (revised(language="english!"), "language"),
        (revised(area={"place": "atlantis"}), "area.place"),
        (revised(area={"type": "Point", "coordinates": [0, 0]}), "area"),
    ],
)
async def test_bad_incident_is_refused_by_field(rig: CommandRig, body: IncidentBody, field: str) -> None:
    end = rig.log.position()
    with pytest.raises(Invalid) as refused:
        await rig.commands.report_incident(key(), body)
    assert [error.field for error in refused.value.errors] == [field]
    assert rig.log.position() == end


async def test_swapped_coordinates_are_named_in_the_refusal(rig: CommandRig) -> None:
    await rig.places()
    swapped = {"circle": {"lat": -0.15, "lon": 51.55, "radius_km": 1}}
    with pytest.raises(Invalid, match="swapped"):
        await rig.commands.report_incident(key(), revised(area=swapped))


async def test_place_registered_just_now_is_known(rig: CommandRig) -> None:
    with pytest.raises(Invalid):
        await rig.commands.report_incident(key(), revised(area={"place": "camden"}))
    await rig.commands.define_place(key(), PlaceBody(slug="camden", name={"en": "Camden"}, area=CAMDEN))
    assert (await rig.commands.report_incident(key(), revised(area={"place": "camden"}))).created


# --- Idempotency-Key


def idem(body: bytes = b"a", name: str = "k1", path: str = "/incidents") -> Idempotency:
    return Idempotency(caller="key-1", path=path, key=name, digest=body.ljust(32, b"\0"))


@on_both
async def test_idempotency_key_returns_the_first_answer(rig: CommandRig) -> None:
    body = revised(source_ref=None)
    first = await rig.commands.report_incident(key("issue"), body, idem=idem())
    await rig.resident()
    second = await rig.commands.report_incident(key("issue"), body, idem=idem())
    assert second == first and second.created
    assert len(rig.events("IncidentReported")) == 1


@on_both
async def test_idempotency_key_holds_for_concurrent_requests(rig: CommandRig) -> None:
    body = revised(source_ref=None)
    answers = await asyncio.gather(*(rig.commands.report_incident(key("issue"), body, idem=idem()) for _ in range(20)))
    assert len({answer.id for answer in answers}) == 1
    assert len(set(answers)) == 1
    assert len(rig.events(NoticeIssued.topic())) == 1


@on_both
async def test_idempotency_key_with_another_body_conflicts(rig: CommandRig) -> None:
    await rig.commands.report_incident(key(), revised(source_ref=None), idem=idem(b"a"))
    with pytest.raises(Conflict, match="Idempotency-Key"):
        await rig.commands.report_incident(key(), revised(source_ref=None), idem=idem(b"b"))


@on_both
async def test_idempotency_key_is_per_path_and_lasts_a_day(rig: CommandRig) -> None:
    body = revised(source_ref=None)
    first = await rig.commands.report_incident(key(), body, idem=idem())
    other = await rig.commands.report_incident(key(), body, idem=idem(path="/other"))
    rig.pass_time(hours=24, seconds=1)
    later = await rig.commands.report_incident(key(), body, idem=idem())
    assert len({first.id, other.id, later.id}) == 3


async def test_refusal_does_not_consume_the_idempotency_key(rig: CommandRig) -> None:
    with pytest.raises(Invalid):
        await rig.commands.report_incident(key("issue"), IncidentBody(headline="x"), idem=idem())
    assert (await rig.commands.report_incident(key("issue"), FLOOD, idem=idem())).created
