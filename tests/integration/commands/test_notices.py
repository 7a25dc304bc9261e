"""The life of notices by hand: drafts, approvals, threads, endings (RULES 1, 4, 13, 15–17)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import Actor, Idempotency, NoticeSaved
from alerts.contract.bodies import AllClearBody, CancelBody, ContentBody, IncidentBody, NoticeBody, SegmentBody
from alerts.domain.events import DispatchPaused, DispatchResumed
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from tests.support.command_rig import CAMDEN, START, CommandRig, key, on_both

WORDS = {"en": ContentBody(title="Market on Sunday", body="Come early.")}
MARKET = NoticeBody(kind="announcement", topic="community", content=WORDS)
DANGER = NoticeBody(
    kind="alert", area=CAMDEN, content=WORDS, severity="Extreme", urgency="Immediate", certainty="Observed"
)
EVERYONE: dict[str, Any] = {"all": []}


def but(body: NoticeBody, **changes: Any) -> NoticeBody:
    return msgspec.structs.replace(body, **changes)


async def pending(rig: CommandRig, body: NoticeBody = MARKET) -> NoticeSaved:
    """Drafted and submitted by Ann, with one resident whom it may reach."""
    ann = await rig.person("ann")
    await rig.resident()
    drafted = await rig.commands.draft_notice(ann, body)
    submitted = await rig.commands.submit(ann, drafted.id)
    await rig.settled()
    return submitted


async def approved(rig: CommandRig, body: NoticeBody = MARKET) -> NoticeSaved:
    """The same, approved by Bob, who saw that it reaches one person."""
    waiting = await pending(rig, body)
    return await rig.commands.approve(await rig.person("bob"), waiting.id, waiting.version, 1)


async def live(rig: CommandRig, body: NoticeBody = MARKET) -> NoticeSaved:
    """The same, issued by Bob."""
    done = await approved(rig, body)
    return await rig.commands.issue(await rig.person("bob"), done.id)


@on_both
async def test_notice_goes_out_after_another_persons_approval(rig: CommandRig) -> None:
    issued = await live(rig)

    assert (issued.state, issued.dispatch) == ("live", True)
    notice = rig.notice(issued.id)
    bob = await rig.person("bob")
    assert (notice.approved_by, notice.approved_people) == (bob.by, 1)
    assert notice.expires == START + timedelta(days=30)
    assert notice.thread == notice.id and notice.number == 1


@pytest.mark.parametrize("who", ["author", "editor", "submitter"])
async def test_authors_and_editors_cannot_approve(rig: CommandRig, who: str) -> None:
    author, editor, submitter = [await rig.person(name) for name in ("author", "editor", "submitter")]
    drafted = await rig.commands.draft_notice(author, but(MARKET, audience=EVERYONE))
    await rig.commands.revise_notice(editor, drafted.id, {"content": {"en": {"body": "Come late."}}})
    waiting = await rig.commands.submit(submitter, drafted.id)
    with pytest.raises(Forbidden):
        await rig.commands.approve(rig.people[who], waiting.id, waiting.version, 0)


async def test_api_key_approves_only_as_its_owner(rig: CommandRig) -> None:
    waiting = await pending(rig)
    with pytest.raises(Forbidden):
        await rig.commands.approve(key("issue"), waiting.id, waiting.version, 1)
    ann, carol = await rig.person("ann"), await rig.person("carol")
    hers = Actor(kind="key", id="k9", policy=key().policy, person=ann.person, scopes=frozenset(("notices:approve",)))
    with pytest.raises(Forbidden):
        await rig.commands.approve(hers, waiting.id, waiting.version, 1)
    carols = Actor(kind="key", id="k8", policy=key().policy, person=carol.person)
    assert (await rig.commands.approve(carols, waiting.id, waiting.version, 1)).state == "approved"


async def test_approval_is_for_one_version_and_count(rig: CommandRig) -> None:
    waiting, bob = await pending(rig), await rig.person("bob")
    with pytest.raises(Conflict) as stale:
        await rig.commands.approve(bob, waiting.id, waiting.version - 1, 1)
    assert stale.value.extra["version"] == waiting.version
    with pytest.raises(Conflict) as wrong:
        await rig.commands.approve(bob, waiting.id, waiting.version, 52)
    assert wrong.value.extra["people"] == 1
    assert (await rig.commands.approve(bob, waiting.id, waiting.version, 51)).state == "approved"


async def test_edit_revokes_the_approval(rig: CommandRig) -> None:
    done, bob = await approved(rig), await rig.person("bob")
    edited = await rig.commands.revise_notice(bob, done.id, {"content": {"en": {"title": "Fair on Sunday"}}})
    assert edited.state == "pending-approval"
    notice = rig.notice(done.id)
    assert notice.approved_by is None and notice.plan.content["en"].body == "Come early."
    with pytest.raises(Forbidden):
        await rig.commands.approve(bob, done.id, edited.version, 1)


async def test_edit_without_change_keeps_the_approval(rig: CommandRig) -> None:
    done = await approved(rig)
    same = await rig.commands.revise_notice(await rig.person("ann"), done.id, {"topic": "community"})
    assert (same.state, same.version) == ("approved", done.version)


async def test_returned_notice_can_be_edited_and_resubmitted(rig: CommandRig) -> None:
    waiting, ann, bob = await pending(rig), await rig.person("ann"), await rig.person("bob")
    assert (await rig.commands.return_(bob, waiting.id, "Say where.")).state == "returned"
    assert rig.notice(waiting.id).reason == "Say where."
    assert (await rig.commands.revise_notice(ann, waiting.id, {"area": CAMDEN})).state == "draft"
    assert (await rig.commands.submit(ann, waiting.id)).state == "pending-approval"


@on_both
async def test_who_returned_it_edits_after_another_did(rig: CommandRig) -> None:
    waiting, ann, bob = await pending(rig), await rig.person("ann"), await rig.person("bob")
    returned = await rig.commands.return_(bob, waiting.id, "Say where.")
    bobs_key = Actor(kind="key", id="k9", person=bob.person, scopes=frozenset(("notices:write",)))
    for his in (bob, bobs_key):
        with pytest.raises(Forbidden, match="You returned this for changes"):
            await rig.commands.revise_notice(his, waiting.id, {"area": CAMDEN})
    same = await rig.commands.revise_notice(bob, waiting.id, {"topic": "community"})
    assert (same.state, same.version) == ("returned", returned.version)
    await rig.commands.submit(bob, waiting.id)
    with pytest.raises(Forbidden, match="You returned this"):
        await rig.commands.revise_notice(bob, waiting.id, {"area": CAMDEN})
    await rig.commands.revise_notice(ann, waiting.id, {"area": CAMDEN})
    assert (await rig.commands.revise_notice(bob, waiting.id, {"topic": "health"})).state == "pending-approval"


async def test_rejection_is_final(rig: CommandRig) -> None:
    waiting, ann, bob = await pending(rig), await rig.person("ann"), await rig.person("bob")
    await rig.commands.reject(bob, waiting.id, "No.")
    for move in (
        rig.commands.submit(ann, waiting.id),
        rig.commands.revise_notice(ann, waiting.id, {"topic": "health"}),
        rig.commands.approve(bob, waiting.id, 3, 1),
        rig.commands.issue(bob, waiting.id),
        rig.commands.return_(bob, waiting.id, "x"),
    ):
        with pytest.raises(Conflict):
            await move


async def test_changed_segment_revokes_the_approval_at_issue(rig: CommandRig) -> None:
    segment = SegmentBody(slug="readers", name="Readers", rule={"language": "en"})
    await rig.commands.define_segment(key(), segment)
    outer = SegmentBody(slug="outer", name="Outer", rule={"any": [{"segment": "readers"}]})
    await rig.commands.define_segment(key(), outer)
    done = await approved(rig, but(MARKET, audience={"segment": "outer"}))
    await rig.commands.define_segment(key(), msgspec.structs.replace(segment, rule={"not": {"language": "pl"}}))

    bob = await rig.person("bob")
    idem = Idempotency(caller="k", path="p", key="1", digest=b"x")
    with pytest.raises(Conflict, match="approved again"):
        await rig.commands.issue(bob, done.id, idem=idem)
    assert rig.notice(done.id).phase == "pending-approval"
    with pytest.raises(Conflict, match="approved again"):
        await rig.commands.issue(bob, done.id, idem=idem)


# --- what a plan must hold


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (NoticeBody(kind="announcement", content=WORDS), "audience"),
        (NoticeBody(kind="alert", topic="weather", content=WORDS), "area"),
        (NoticeBody(kind="announcement", topic="community"), "content"),
        (NoticeBody(kind="service-change", topic="community", content=WORDS), "service_change"),
    ],
)
async def test_unfinished_draft_is_saved_but_not_submitted(rig: CommandRig, body: NoticeBody, field: str) -> None:
    drafted = await rig.commands.draft_notice(key("issue"), body)
    assert drafted.state == "draft"
    for move in (rig.commands.submit, rig.commands.issue):
        with pytest.raises(Invalid) as refused:
            await move(key("issue"), drafted.id)
        assert field in [error.field for error in refused.value.errors]


async def test_empty_all_addresses_everyone(rig: CommandRig) -> None:
    body = NoticeBody(kind="announcement", content=WORDS, audience=EVERYONE)
    drafted = await rig.commands.draft_notice(key("issue"), body)
    assert (await rig.commands.issue(key("issue"), drafted.id)).state == "live"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (but(DANGER, priority="notice"), "priority"),
        (but(MARKET, topic="nonsense"), "topic"),
        (but(MARKET, topic="newsletter/weekly"), "topic"),
        (but(MARKET, incident=UUID(int=1)), "incident"),
        (but(MARKET, service_change=UUID(int=1)), "service_change"),
        (but(MARKET, channels=()), "channels"),
        (but(MARKET, expires=START), "expires"),
        (but(MARKET, send_at=START), "send_at"),
        (but(MARKET, send_at=START + timedelta(days=2), expires=START + timedelta(days=1)), "expires"),
        (but(MARKET, send_at=(START + timedelta(days=2)).replace(tzinfo=None)), "send_at"),
        (but(MARKET, content={"en": ContentBody(title="")}), "content.en.title"),
        (but(MARKET, content={"en": ContentBody(title="x" * 201)}), "content.en.title"),
        (but(MARKET, content={"en": ContentBody(title="x", sms="y" * 613)}), "content.en.sms"),
        (but(MARKET, content={"en": ContentBody(title="x", body="y" * 20_001)}), "content.en.body"),
        (but(MARKET, content={"e!": ContentBody(title="x")}), "content"),
        (but(MARKET, audience={"segment": "nobody"}), "audience.segment"),
        (but(MARKET, audience={"some": []}), "audience.some"),
        (but(MARKET, kind="service-change", area=CAMDEN), "area"),
    ],
)
async def test_bad_draft_is_refused_by_field(rig: CommandRig, body: NoticeBody, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await rig.commands.draft_notice(key(), body)
    assert [error.field for error in refused.value.errors] == [field]


async def test_absent_fields_come_from_the_incident(rig: CommandRig) -> None:
    facts = IncidentBody(
        headline="Gas", description="Leak", category="Infra", severity="Severe", area=CAMDEN, source_ref="g"
    )
    incident = await rig.commands.report_incident(key("record"), facts)
    drafted = await rig.commands.draft_notice(key(), NoticeBody(kind="alert", incident=incident.id, severity="Minor"))
    plan = rig.notice(drafted.id).plan
    assert (plan.topic, plan.severity, plan.category) == ("utilities", "Minor", "Infra")
    assert plan.content["en"].title == "Gas" and plan.area == [CAMDEN]


async def test_patch_moves_priority_with_severity_and_null_removes(rig: CommandRig) -> None:
    drafted = await rig.commands.draft_notice(key(), but(DANGER, severity="Minor", topic="weather"))
    assert rig.notice(drafted.id).plan.priority == "notice"
    await rig.commands.revise_notice(key(), drafted.id, {"severity": "Severe", "topic": None})
    plan = rig.notice(drafted.id).plan
    assert (plan.priority, plan.topic) == ("emergency", None)


async def test_patch_is_validated_like_a_body(rig: CommandRig) -> None:
    drafted = await rig.commands.draft_notice(key(), MARKET)
    with pytest.raises(Invalid, match="colour"):
        await rig.commands.revise_notice(key(), drafted.id, {"colour": "red"})
    with pytest.raises(Stale):
        await rig.commands.revise_notice(key(), drafted.id, {"topic": "health"}, version=7)
    with pytest.raises(NotFound):
        await rig.commands.revise_notice(key(), UUID(int=3), {})


async def test_count_stores_nothing_and_needs_no_content(rig: CommandRig) -> None:
    await rig.resident()
    await rig.settled()
    end = rig.log.position()
    counted = await rig.commands.count_audience(key(), NoticeBody(kind="alert", area=CAMDEN, topic="weather"))
    assert (counted.people, counted.position) == (1, end)
    with pytest.raises(Invalid):
        await rig.commands.count_audience(key(), NoticeBody(kind="announcement"))
    assert rig.log.position() == end


# --- policies of keys


@pytest.mark.parametrize(
    ("policy", "error"), [("record", Forbidden), ("draft", Conflict)], ids=["record: never", "draft: not yet"]
)
async def test_api_key_issues_only_what_its_policy_allows(rig: CommandRig, policy: str, error: type[Exception]) -> None:
    drafted = await rig.commands.draft_notice(key(policy), MARKET)
    with pytest.raises(error):
        await rig.commands.issue(key(policy), drafted.id)


async def test_draft_key_issues_what_a_person_approved(rig: CommandRig) -> None:
    done = await approved(rig)
    assert (await rig.commands.issue(key("draft"), done.id)).state == "live"


async def test_policy_does_not_override_a_persons_return(rig: CommandRig) -> None:
    waiting = await pending(rig)
    await rig.commands.return_(await rig.person("bob"), waiting.id, "No.")
    with pytest.raises(Conflict):
        await rig.commands.issue(key("issue"), waiting.id)


# --- threads


async def test_update_becomes_the_head_of_the_thread(rig: CommandRig) -> None:
    first = await live(rig, but(MARKET, area=CAMDEN))
    drafted = await rig.commands.update(key("issue"), first.id, but(MARKET, content={"en": ContentBody(title="At 9")}))
    assert (drafted.state, drafted.thread) == ("draft", first.id)
    assert rig.notice(first.id).phase == "live"
    await rig.commands.issue(key("issue"), drafted.id)
    again = await rig.commands.update(key("issue"), first.id, but(MARKET, content={"en": ContentBody(title="At 8")}))
    await rig.commands.issue(key("issue"), again.id)

    a, b, c = (rig.notice(n.id) for n in (first, drafted, again))
    assert (a.phase, a.replaced_by) == ("superseded", b.id)
    assert (b.phase, b.replaced_by) == ("superseded", c.id)
    assert (c.phase, c.references, c.plan.area) == ("live", (a.id, b.id), [CAMDEN])


async def test_two_drafted_updates_replace_the_head_in_turn(rig: CommandRig) -> None:
    first = await live(rig)
    one = await rig.commands.update(key("issue"), first.id, MARKET)
    two = await rig.commands.update(key("issue"), first.id, MARKET)
    await rig.commands.issue(key("issue"), two.id)
    await rig.commands.issue(key("issue"), one.id)
    assert rig.notice(two.id).replaced_by == one.id
    assert rig.notice(one.id).references == (first.id, two.id)


async def test_expired_thread_can_be_extended(rig: CommandRig) -> None:
    first = await live(rig)
    rig.pass_time(days=31)
    assert await rig.due() == ["notice-expiry"]
    assert rig.notice(first.id).phase == "expired"
    update = await rig.commands.update(key("issue"), first.id, MARKET)
    await rig.commands.issue(key("issue"), update.id)
    assert rig.notice(first.id).phase == "superseded"


async def test_update_of_a_drill_is_a_drill(rig: CommandRig) -> None:
    first = await live(rig, but(MARKET, audience=EVERYONE, status="Actual"))
    drill = await rig.commands.draft_notice(key("issue"), but(DANGER, status="Exercise"))
    await rig.commands.issue(key("issue"), drill.id)
    assert not rig.notice(drill.id).danger_to_life
    update = await rig.commands.update(key("issue"), drill.id, DANGER)
    assert rig.notice(update.id).plan.status == "Exercise"
    with pytest.raises(Invalid):
        await rig.commands.update(key("issue"), first.id, but(MARKET, status="Test"))
    with pytest.raises(Invalid):
        await rig.commands.update(key("issue"), first.id, DANGER)


@pytest.mark.parametrize("ending", ["cancel", "all-clear"])
async def test_cancel_and_all_clear_close_the_thread_at_once(rig: CommandRig, ending: str) -> None:
    first = await live(rig, but(DANGER, topic="weather"))
    bob = await rig.person("bob")
    if ending == "cancel":
        done = await rig.commands.cancel(bob, first.id, CancelBody(reason="False alarm"))
    else:
        done = await rig.commands.all_clear(bob, first.id, AllClearBody(content={"en": ContentBody(title="Over")}))

    old, new = rig.notice(first.id), rig.notice(done.id)
    assert (done.state, done.dispatch, done.thread) == ("live", True, first.id)
    assert (old.phase, old.replaced_by) == ("cancelled" if ending == "cancel" else "cleared", new.id)
    assert (new.danger_to_life, new.priority, new.plan.area) == (False, "emergency", [CAMDEN])
    assert new.plan.content["en"].body == ""
    assert rig.topics()[-2:] == ["NoticeCancelled" if ending == "cancel" else "NoticeCleared", "NoticeIssued"]
    with pytest.raises(Conflict, match="ended"):
        await rig.commands.update(key("issue"), first.id, DANGER)
    with pytest.raises(Conflict, match="ended"):
        await rig.commands.cancel(bob, first.id, CancelBody(reason="again"))


async def test_update_cannot_go_out_after_its_thread_ended(rig: CommandRig) -> None:
    first = await live(rig)
    update = await rig.commands.update(key("issue"), first.id, MARKET)
    await rig.commands.cancel(await rig.person("bob"), first.id, CancelBody(reason="Wrong day"))
    with pytest.raises(Conflict, match="ended"):
        await rig.commands.issue(key("issue"), update.id)
    assert rig.notice(update.id).phase == "draft"


@pytest.mark.parametrize("actor", [key("draft"), key("record"), Actor(kind="person", id="p", person=UUID(int=4))])
async def test_ending_a_thread_needs_approval_or_issue_rights(rig: CommandRig, actor: Actor) -> None:
    first = await live(rig)
    for move in (
        rig.commands.cancel(actor, first.id, CancelBody(reason="x")),
        rig.commands.all_clear(actor, first.id, AllClearBody()),
        rig.commands.stop(actor, first.id, "x"),
    ):
        with pytest.raises(Forbidden):
            await move
    assert (await rig.commands.cancel(key("issue"), first.id, CancelBody(reason="x"))).state == "live"


async def test_unissued_notice_cannot_be_followed_up(rig: CommandRig) -> None:
    waiting, bob = await pending(rig), await rig.person("bob")
    for move in (
        rig.commands.update(key("issue"), waiting.id, MARKET),
        rig.commands.cancel(bob, waiting.id, CancelBody(reason="x")),
        rig.commands.stop(bob, waiting.id, "x"),
    ):
        with pytest.raises(Conflict):
            await move


async def test_stop_leaves_the_thread_live_and_is_idempotent(rig: CommandRig) -> None:
    first, bob = await live(rig), await rig.person("bob")
    assert (await rig.commands.stop(bob, first.id, "Wrong list")).state == "live"
    await rig.commands.stop(bob, first.id, "again")
    assert len(rig.events("DispatchStopped")) == 1


# --- schedule


@on_both
async def test_approved_notice_with_a_time_is_sent_by_the_poll(rig: CommandRig) -> None:
    at = START + timedelta(seconds=5)
    done = await approved(rig, but(MARKET, send_at=at))
    assert done.state == "scheduled"
    assert await rig.due() == []
    rig.pass_time(seconds=5)
    assert await rig.due() == ["notice-send"]
    assert rig.notice(done.id).phase == "live"
    assert await rig.due() == []
    assert len(rig.events("NoticeIssued")) == 1


async def test_rescheduled_notice_is_sent_at_its_last_time_only(rig: CommandRig) -> None:
    done, bob = await approved(rig), await rig.person("bob")
    await rig.commands.schedule(bob, done.id, START + timedelta(hours=1))
    await rig.commands.schedule(bob, done.id, START + timedelta(hours=2))
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(done.id).phase == "scheduled"
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(done.id).phase == "live"


async def test_send_time_must_be_ahead_and_before_the_expiry(rig: CommandRig) -> None:
    done = await approved(rig, but(MARKET, expires=START + timedelta(hours=1)))
    bob = await rig.person("bob")
    for at in (START, START + timedelta(hours=1)):
        with pytest.raises(Invalid):
            await rig.commands.schedule(bob, done.id, at)
    with pytest.raises(Invalid):
        await rig.commands.schedule(bob, done.id, (START + timedelta(minutes=1)).replace(tzinfo=None))


@pytest.mark.parametrize(("more", "phase"), [(50, "live"), (51, "pending-approval")])
async def test_changed_count_returns_a_scheduled_notice(rig: CommandRig, more: int, phase: str) -> None:
    done = await approved(rig, but(MARKET, send_at=START + timedelta(hours=1)))
    for number in range(more):
        await rig.resident(f"r{number}@example.org")
    await rig.settled()
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(done.id).phase == phase


async def test_emergency_is_sent_whatever_its_count(rig: CommandRig) -> None:
    done = await approved(rig, but(DANGER, send_at=START + timedelta(hours=1)))
    for number in range(60):
        await rig.resident(f"r{number}@example.org")
    await rig.settled()
    rig.pass_time(hours=1)
    await rig.due()
    assert rig.notice(done.id).phase == "live"


async def test_scheduled_notice_that_cannot_be_sent_is_returned(rig: CommandRig) -> None:
    first = await live(rig)
    update = await rig.commands.update(key("issue"), first.id, but(MARKET, send_at=START + timedelta(hours=1)))
    await rig.commands.schedule(key("issue"), update.id, START + timedelta(hours=1))
    await rig.commands.cancel(await rig.person("bob"), first.id, CancelBody(reason="x"))
    rig.pass_time(hours=1)
    await rig.due()
    notice = rig.notice(update.id)
    assert notice.phase == "pending-approval" and "ended" in notice.reason


async def test_early_issue_removes_the_due_item(rig: CommandRig) -> None:
    done = await approved(rig, but(MARKET, send_at=START + timedelta(hours=1)))
    await rig.commands.issue(await rig.person("bob"), done.id)
    rig.pass_time(hours=1)
    await rig.due()
    assert len(rig.events("NoticeIssued")) == 1


async def test_poll_ignores_due_items_that_were_fired(rig: CommandRig) -> None:
    issued = await live(rig)
    notice = rig.notice(issued.id)
    assert notice.expires is not None
    assert await rig.commands.fire("notice-expiry", notice.id, notice.expires)
    assert not await rig.commands.fire("notice-expiry", notice.id, notice.expires)
    with pytest.raises(ValueError, match="tea-time"):
        await rig.commands.fire("tea-time", notice.id, notice.expires)


async def test_id_of_another_aggregate_is_not_found(rig: CommandRig) -> None:
    incident = await rig.commands.report_incident(key(), IncidentBody(headline="Gas", source_ref="g"))
    with pytest.raises(NotFound):
        await rig.commands.submit(key(), incident.id)
    with pytest.raises(NotFound):
        await rig.commands.revise_notice(key(), incident.id, {})
    with pytest.raises(Invalid) as refused:
        await rig.commands.draft_notice(key(), but(MARKET, service_change=incident.id))
    assert refused.value.errors[0].field == "service_change"


# --- a paused dispatch


async def test_paused_dispatch_is_resumed_once_with_approval_rights(rig: CommandRig) -> None:
    first, bob = await live(rig), await rig.person("bob")
    with pytest.raises(Conflict, match="not paused"):
        await rig.commands.resume(bob, first.id, "")
    stream = dispatch_id(first.id)

    def pause(unit: UnitOfWork) -> None:
        unit.get(DISPATCH, stream)
        unit.append(DISPATCH, stream, DispatchPaused(notice=first.id, number=1, bounced=60, outcomes=1000))

    await rig.writer.run(pause, by="system")
    with pytest.raises(Forbidden):
        await rig.commands.resume(key("draft"), first.id, "")
    assert (await rig.commands.resume(bob, first.id, "A new list")).state == "live"
    await rig.commands.resume(bob, first.id, "again")
    [resumed] = rig.events("DispatchResumed")
    assert isinstance(resumed.event, DispatchResumed) and resumed.event.reason == "A new list"
    await rig.commands.stop(bob, first.id, "After all")
    with pytest.raises(Conflict, match="stopped"):
        await rig.commands.resume(bob, first.id, "")
