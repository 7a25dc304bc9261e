"""The life of notices by hand: drafts, approvals, threads, endings (RULES 1, 4, 13, 15–17)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from alerts.commands import Actor, Idempotency, NoticeSaved
from alerts.contract.bodies import AllClearBody, CancelBody, ContentBody, IncidentBody, NoticeBody, SegmentBody
from alerts.domain.events import DispatchPaused, DispatchResumed
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from tests.integration.commands.conftest import CAMDEN, START, key, on_both

if TYPE_CHECKING:
    from tests.integration.commands.conftest import House

WORDS = {"en": ContentBody(title="Market on Sunday", body="Come early.")}
MARKET = NoticeBody(kind="announcement", topic="community", content=WORDS)
DANGER = NoticeBody(
    kind="alert", area=CAMDEN, content=WORDS, severity="Extreme", urgency="Immediate", certainty="Observed"
)
EVERYONE: dict[str, Any] = {"all": []}


def but(body: NoticeBody, **changes: Any) -> NoticeBody:
    return msgspec.structs.replace(body, **changes)


async def pending(house: House, body: NoticeBody = MARKET) -> NoticeSaved:
    """Drafted and submitted by Ann, with one resident whom it may reach."""
    ann = await house.person("ann")
    await house.resident()
    drafted = await house.commands.draft_notice(ann, body)
    submitted = await house.commands.submit(ann, drafted.id)
    await house.settled()
    return submitted


async def approved(house: House, body: NoticeBody = MARKET) -> NoticeSaved:
    """The same, approved by Bob, who saw that it reaches one person."""
    waiting = await pending(house, body)
    return await house.commands.approve(await house.person("bob"), waiting.id, waiting.version, 1)


async def live(house: House, body: NoticeBody = MARKET) -> NoticeSaved:
    """The same, issued by Bob."""
    done = await approved(house, body)
    return await house.commands.issue(await house.person("bob"), done.id)


@on_both
async def test_one_writes_another_approves_and_it_goes_out(house: House) -> None:
    issued = await live(house)

    assert (issued.state, issued.dispatch) == ("live", True)
    notice = house.notice(issued.id)
    bob = await house.person("bob")
    assert (notice.approved_by, notice.approved_people) == (bob.by, 1)
    assert notice.expires == START + timedelta(days=30)
    assert notice.thread == notice.id and notice.number == 1


@pytest.mark.parametrize("who", ["author", "editor", "submitter"])
async def test_whoever_had_a_hand_in_it_cannot_approve(house: House, who: str) -> None:
    author, editor, submitter = [await house.person(name) for name in ("author", "editor", "submitter")]
    drafted = await house.commands.draft_notice(author, but(MARKET, audience=EVERYONE))
    await house.commands.revise_notice(editor, drafted.id, {"content": {"en": {"body": "Come late."}}})
    waiting = await house.commands.submit(submitter, drafted.id)
    with pytest.raises(Forbidden):
        await house.commands.approve(house.people[who], waiting.id, waiting.version, 0)


async def test_a_key_approves_only_as_the_person_it_was_issued_for(house: House) -> None:
    waiting = await pending(house)
    with pytest.raises(Forbidden):
        await house.commands.approve(key("issue"), waiting.id, waiting.version, 1)
    ann, carol = await house.person("ann"), await house.person("carol")
    hers = Actor(kind="key", id="k9", policy=key().policy, person=ann.person, scopes=frozenset(("notices:approve",)))
    with pytest.raises(Forbidden):
        await house.commands.approve(hers, waiting.id, waiting.version, 1)
    carols = Actor(kind="key", id="k8", policy=key().policy, person=carol.person)
    assert (await house.commands.approve(carols, waiting.id, waiting.version, 1)).state == "approved"


async def test_an_approval_binds_the_version_and_the_count(house: House) -> None:
    waiting, bob = await pending(house), await house.person("bob")
    with pytest.raises(Conflict) as stale:
        await house.commands.approve(bob, waiting.id, waiting.version - 1, 1)
    assert stale.value.extra["version"] == waiting.version
    with pytest.raises(Conflict) as wrong:
        await house.commands.approve(bob, waiting.id, waiting.version, 2)
    assert wrong.value.extra["people"] == 1


async def test_an_edit_voids_an_approval(house: House) -> None:
    done, bob = await approved(house), await house.person("bob")
    edited = await house.commands.revise_notice(bob, done.id, {"content": {"en": {"title": "Fair on Sunday"}}})
    assert edited.state == "pending-approval"
    notice = house.notice(done.id)
    assert notice.approved_by is None and notice.plan.content["en"].body == "Come early."
    with pytest.raises(Forbidden):
        await house.commands.approve(bob, done.id, edited.version, 1)


async def test_an_edit_that_changes_nothing_keeps_the_approval(house: House) -> None:
    done = await approved(house)
    same = await house.commands.revise_notice(await house.person("ann"), done.id, {"topic": "community"})
    assert (same.state, same.version) == ("approved", done.version)


async def test_returned_edited_submitted_again(house: House) -> None:
    waiting, ann, bob = await pending(house), await house.person("ann"), await house.person("bob")
    assert (await house.commands.return_(bob, waiting.id, "Say where.")).state == "returned"
    assert house.notice(waiting.id).reason == "Say where."
    assert (await house.commands.revise_notice(ann, waiting.id, {"area": CAMDEN})).state == "draft"
    assert (await house.commands.submit(ann, waiting.id)).state == "pending-approval"


async def test_rejected_is_final(house: House) -> None:
    waiting, ann, bob = await pending(house), await house.person("ann"), await house.person("bob")
    await house.commands.reject(bob, waiting.id, "No.")
    for move in (
        house.commands.submit(ann, waiting.id),
        house.commands.revise_notice(ann, waiting.id, {"topic": "health"}),
        house.commands.approve(bob, waiting.id, 3, 1),
        house.commands.issue(bob, waiting.id),
        house.commands.return_(bob, waiting.id, "x"),
    ):
        with pytest.raises(Conflict):
            await move


async def test_a_segment_that_changed_since_the_approval_voids_it_at_issue(house: House) -> None:
    segment = SegmentBody(slug="readers", name="Readers", rule={"language": "en"})
    await house.commands.define_segment(key(), segment)
    outer = SegmentBody(slug="outer", name="Outer", rule={"any": [{"segment": "readers"}]})
    await house.commands.define_segment(key(), outer)
    done = await approved(house, but(MARKET, audience={"segment": "outer"}))
    await house.commands.define_segment(key(), msgspec.structs.replace(segment, rule={"not": {"language": "pl"}}))

    bob = await house.person("bob")
    idem = Idempotency(caller="k", path="p", key="1", digest=b"x")
    with pytest.raises(Conflict, match="approved again"):
        await house.commands.issue(bob, done.id, idem=idem)
    assert house.notice(done.id).phase == "pending-approval"
    with pytest.raises(Conflict, match="approved again"):
        await house.commands.issue(bob, done.id, idem=idem)


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
async def test_a_draft_may_be_unfinished_but_cannot_be_submitted(house: House, body: NoticeBody, field: str) -> None:
    drafted = await house.commands.draft_notice(key("issue"), body)
    assert drafted.state == "draft"
    for move in (house.commands.submit, house.commands.issue):
        with pytest.raises(Invalid) as refused:
            await move(key("issue"), drafted.id)
        assert field in [error.field for error in refused.value.errors]


async def test_everyone_is_said_by_an_empty_all(house: House) -> None:
    body = NoticeBody(kind="announcement", content=WORDS, audience=EVERYONE)
    drafted = await house.commands.draft_notice(key("issue"), body)
    assert (await house.commands.issue(key("issue"), drafted.id)).state == "live"


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
async def test_a_bad_draft_is_refused_by_field(house: House, body: NoticeBody, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await house.commands.draft_notice(key(), body)
    assert [error.field for error in refused.value.errors] == [field]


async def test_what_is_absent_comes_from_the_incident(house: House) -> None:
    facts = IncidentBody(
        headline="Gas", description="Leak", category="Infra", severity="Severe", area=CAMDEN, source_ref="g"
    )
    incident = await house.commands.report_incident(key("record"), facts)
    drafted = await house.commands.draft_notice(key(), NoticeBody(kind="alert", incident=incident.id, severity="Minor"))
    plan = house.notice(drafted.id).plan
    assert (plan.topic, plan.severity, plan.category) == ("utilities", "Minor", "Infra")
    assert plan.content["en"].title == "Gas" and plan.area == [CAMDEN]


async def test_a_patch_moves_the_priority_with_the_severity_and_null_takes_away(house: House) -> None:
    drafted = await house.commands.draft_notice(key(), but(DANGER, severity="Minor", topic="weather"))
    assert house.notice(drafted.id).plan.priority == "notice"
    await house.commands.revise_notice(key(), drafted.id, {"severity": "Severe", "topic": None})
    plan = house.notice(drafted.id).plan
    assert (plan.priority, plan.topic) == ("emergency", None)


async def test_patches_are_checked_like_bodies(house: House) -> None:
    drafted = await house.commands.draft_notice(key(), MARKET)
    with pytest.raises(Invalid, match="colour"):
        await house.commands.revise_notice(key(), drafted.id, {"colour": "red"})
    with pytest.raises(Stale):
        await house.commands.revise_notice(key(), drafted.id, {"topic": "health"}, version=7)
    with pytest.raises(NotFound):
        await house.commands.revise_notice(key(), UUID(int=3), {})


async def test_counting_keeps_nothing_and_needs_no_words(house: House) -> None:
    await house.resident()
    await house.settled()
    end = house.log.position()
    counted = await house.commands.count_audience(key(), NoticeBody(kind="alert", area=CAMDEN, topic="weather"))
    assert (counted.people, counted.position) == (1, end)
    with pytest.raises(Invalid):
        await house.commands.count_audience(key(), NoticeBody(kind="announcement"))
    assert house.log.position() == end


# --- policies of keys


@pytest.mark.parametrize(
    ("policy", "error"), [("record", Forbidden), ("draft", Conflict)], ids=["record: never", "draft: not yet"]
)
async def test_a_key_issues_only_what_its_policy_allows(house: House, policy: str, error: type[Exception]) -> None:
    drafted = await house.commands.draft_notice(key(policy), MARKET)
    with pytest.raises(error):
        await house.commands.issue(key(policy), drafted.id)


async def test_a_key_of_draft_issues_what_a_person_approved(house: House) -> None:
    done = await approved(house)
    assert (await house.commands.issue(key("draft"), done.id)).state == "live"


async def test_a_policy_does_not_override_a_persons_return(house: House) -> None:
    waiting = await pending(house)
    await house.commands.return_(await house.person("bob"), waiting.id, "No.")
    with pytest.raises(Conflict):
        await house.commands.issue(key("issue"), waiting.id)


# --- threads


async def test_an_update_takes_its_place_at_the_head_of_the_thread(house: House) -> None:
    first = await live(house, but(MARKET, area=CAMDEN))
    drafted = await house.commands.update(
        key("issue"), first.id, but(MARKET, content={"en": ContentBody(title="At 9")})
    )
    assert (drafted.state, drafted.thread) == ("draft", first.id)
    assert house.notice(first.id).phase == "live"
    await house.commands.issue(key("issue"), drafted.id)
    again = await house.commands.update(key("issue"), first.id, but(MARKET, content={"en": ContentBody(title="At 8")}))
    await house.commands.issue(key("issue"), again.id)

    a, b, c = (house.notice(n.id) for n in (first, drafted, again))
    assert (a.phase, a.replaced_by) == ("superseded", b.id)
    assert (b.phase, b.replaced_by) == ("superseded", c.id)
    assert (c.phase, c.references, c.plan.area) == ("live", (a.id, b.id), [CAMDEN])


async def test_of_two_updates_at_once_each_replaces_the_head_it_finds(house: House) -> None:
    first = await live(house)
    one = await house.commands.update(key("issue"), first.id, MARKET)
    two = await house.commands.update(key("issue"), first.id, MARKET)
    await house.commands.issue(key("issue"), two.id)
    await house.commands.issue(key("issue"), one.id)
    assert house.notice(two.id).replaced_by == one.id
    assert house.notice(one.id).references == (first.id, two.id)


async def test_an_expired_thread_may_still_be_extended(house: House) -> None:
    first = await live(house)
    house.pass_time(days=31)
    assert await house.due() == ["notice-expiry"]
    assert house.notice(first.id).phase == "expired"
    update = await house.commands.update(key("issue"), first.id, MARKET)
    await house.commands.issue(key("issue"), update.id)
    assert house.notice(first.id).phase == "superseded"


async def test_an_update_of_a_drill_is_a_drill(house: House) -> None:
    first = await live(house, but(MARKET, audience=EVERYONE, status="Actual"))
    drill = await house.commands.draft_notice(key("issue"), but(DANGER, status="Exercise"))
    await house.commands.issue(key("issue"), drill.id)
    assert not house.notice(drill.id).danger_to_life
    update = await house.commands.update(key("issue"), drill.id, DANGER)
    assert house.notice(update.id).plan.status == "Exercise"
    with pytest.raises(Invalid):
        await house.commands.update(key("issue"), first.id, but(MARKET, status="Test"))
    with pytest.raises(Invalid):
        await house.commands.update(key("issue"), first.id, DANGER)


@pytest.mark.parametrize("ending", ["cancel", "all-clear"])
async def test_an_ending_goes_out_at_once_and_closes_the_thread(house: House, ending: str) -> None:
    first = await live(house, but(DANGER, topic="weather"))
    bob = await house.person("bob")
    if ending == "cancel":
        done = await house.commands.cancel(bob, first.id, CancelBody(reason="False alarm"))
    else:
        done = await house.commands.all_clear(bob, first.id, AllClearBody(content={"en": ContentBody(title="Over")}))

    old, new = house.notice(first.id), house.notice(done.id)
    assert (done.state, done.dispatch, done.thread) == ("live", True, first.id)
    assert (old.phase, old.replaced_by) == ("cancelled" if ending == "cancel" else "cleared", new.id)
    assert (new.danger_to_life, new.priority, new.plan.area) == (False, "emergency", [CAMDEN])
    assert new.plan.content["en"].body == ""
    assert house.topics()[-2:] == ["NoticeCancelled" if ending == "cancel" else "NoticeCleared", "NoticeIssued"]
    with pytest.raises(Conflict, match="ended"):
        await house.commands.update(key("issue"), first.id, DANGER)
    with pytest.raises(Conflict, match="ended"):
        await house.commands.cancel(bob, first.id, CancelBody(reason="again"))


async def test_an_update_overtaken_by_the_end_of_its_thread_cannot_go_out(house: House) -> None:
    first = await live(house)
    update = await house.commands.update(key("issue"), first.id, MARKET)
    await house.commands.cancel(await house.person("bob"), first.id, CancelBody(reason="Wrong day"))
    with pytest.raises(Conflict, match="ended"):
        await house.commands.issue(key("issue"), update.id)
    assert house.notice(update.id).phase == "draft"


@pytest.mark.parametrize("actor", [key("draft"), key("record"), Actor(kind="person", id="p", person=UUID(int=4))])
async def test_an_ending_takes_one_who_may_approve_or_whose_policy_issues(house: House, actor: Actor) -> None:
    first = await live(house)
    for move in (
        house.commands.cancel(actor, first.id, CancelBody(reason="x")),
        house.commands.all_clear(actor, first.id, AllClearBody()),
        house.commands.stop(actor, first.id, "x"),
    ):
        with pytest.raises(Forbidden):
            await move
    assert (await house.commands.cancel(key("issue"), first.id, CancelBody(reason="x"))).state == "live"


async def test_there_is_nothing_to_follow_before_the_issue(house: House) -> None:
    waiting, bob = await pending(house), await house.person("bob")
    for move in (
        house.commands.update(key("issue"), waiting.id, MARKET),
        house.commands.cancel(bob, waiting.id, CancelBody(reason="x")),
        house.commands.stop(bob, waiting.id, "x"),
    ):
        with pytest.raises(Conflict):
            await move


async def test_a_stop_leaves_the_thread_live_and_counts_once(house: House) -> None:
    first, bob = await live(house), await house.person("bob")
    assert (await house.commands.stop(bob, first.id, "Wrong list")).state == "live"
    await house.commands.stop(bob, first.id, "again")
    assert len(house.events("DispatchStopped")) == 1


# --- schedule


@on_both
async def test_an_approval_schedules_what_has_a_time_and_the_poll_sends_it(house: House) -> None:
    at = START + timedelta(seconds=5)
    done = await approved(house, but(MARKET, send_at=at))
    assert done.state == "scheduled"
    assert await house.due() == []
    house.pass_time(seconds=5)
    assert await house.due() == ["notice-send"]
    assert house.notice(done.id).phase == "live"
    assert await house.due() == []
    assert len(house.events("NoticeIssued")) == 1


async def test_a_moved_schedule_is_sent_at_its_last_time_only(house: House) -> None:
    done, bob = await approved(house), await house.person("bob")
    await house.commands.schedule(bob, done.id, START + timedelta(hours=1))
    await house.commands.schedule(bob, done.id, START + timedelta(hours=2))
    house.pass_time(hours=1)
    await house.due()
    assert house.notice(done.id).phase == "scheduled"
    house.pass_time(hours=1)
    await house.due()
    assert house.notice(done.id).phase == "live"


async def test_a_time_that_has_passed_or_lies_behind_the_expiry_is_refused(house: House) -> None:
    done = await approved(house, but(MARKET, expires=START + timedelta(hours=1)))
    bob = await house.person("bob")
    for at in (START, START + timedelta(hours=1)):
        with pytest.raises(Invalid):
            await house.commands.schedule(bob, done.id, at)
    with pytest.raises(Invalid):
        await house.commands.schedule(bob, done.id, (START + timedelta(minutes=1)).replace(tzinfo=None))


@pytest.mark.parametrize(("more", "phase"), [(50, "live"), (51, "pending-approval")])
async def test_a_count_that_moved_sends_a_scheduled_notice_back(house: House, more: int, phase: str) -> None:
    done = await approved(house, but(MARKET, send_at=START + timedelta(hours=1)))
    for number in range(more):
        await house.resident(f"r{number}@example.org")
    await house.settled()
    house.pass_time(hours=1)
    await house.due()
    assert house.notice(done.id).phase == phase


async def test_an_emergency_never_waits_for_a_count(house: House) -> None:
    done = await approved(house, but(DANGER, send_at=START + timedelta(hours=1)))
    for number in range(60):
        await house.resident(f"r{number}@example.org")
    await house.settled()
    house.pass_time(hours=1)
    await house.due()
    assert house.notice(done.id).phase == "live"


async def test_a_scheduled_notice_that_cannot_go_out_any_more_goes_back(house: House) -> None:
    first = await live(house)
    update = await house.commands.update(key("issue"), first.id, but(MARKET, send_at=START + timedelta(hours=1)))
    await house.commands.schedule(key("issue"), update.id, START + timedelta(hours=1))
    await house.commands.cancel(await house.person("bob"), first.id, CancelBody(reason="x"))
    house.pass_time(hours=1)
    await house.due()
    notice = house.notice(update.id)
    assert notice.phase == "pending-approval" and "ended" in notice.reason


async def test_an_issue_before_its_time_leaves_nothing_for_the_poll(house: House) -> None:
    done = await approved(house, but(MARKET, send_at=START + timedelta(hours=1)))
    await house.commands.issue(await house.person("bob"), done.id)
    house.pass_time(hours=1)
    await house.due()
    assert len(house.events("NoticeIssued")) == 1


async def test_the_poll_may_be_asked_for_nothing_twice(house: House) -> None:
    issued = await live(house)
    notice = house.notice(issued.id)
    assert notice.expires is not None
    assert await house.commands.fire("notice-expiry", notice.id, notice.expires)
    assert not await house.commands.fire("notice-expiry", notice.id, notice.expires)
    with pytest.raises(ValueError, match="tea-time"):
        await house.commands.fire("tea-time", notice.id, notice.expires)


async def test_an_id_of_another_kind_of_thing_is_not_found(house: House) -> None:
    incident = await house.commands.report_incident(key(), IncidentBody(headline="Gas", source_ref="g"))
    with pytest.raises(NotFound):
        await house.commands.submit(key(), incident.id)
    with pytest.raises(NotFound):
        await house.commands.revise_notice(key(), incident.id, {})
    with pytest.raises(Invalid) as refused:
        await house.commands.draft_notice(key(), but(MARKET, service_change=incident.id))
    assert refused.value.errors[0].field == "service_change"


# --- a paused dispatch


async def test_a_paused_dispatch_is_resumed_once_by_one_who_may(house: House) -> None:
    first, bob = await live(house), await house.person("bob")
    with pytest.raises(Conflict, match="not paused"):
        await house.commands.resume(bob, first.id, "")
    stream = dispatch_id(first.id)

    def pause(unit: UnitOfWork) -> None:
        unit.get(DISPATCH, stream)
        unit.append(DISPATCH, stream, DispatchPaused(notice=first.id, number=1, bounced=60, outcomes=1000))

    await house.writer.run(pause, by="system")
    with pytest.raises(Forbidden):
        await house.commands.resume(key("approve"), first.id, "")
    assert (await house.commands.resume(bob, first.id, "A new list")).state == "live"
    await house.commands.resume(bob, first.id, "again")
    [resumed] = house.events("DispatchResumed")
    assert isinstance(resumed.event, DispatchResumed) and resumed.event.reason == "A new list"
    await house.commands.stop(bob, first.id, "After all")
    with pytest.raises(Conflict, match="stopped"):
        await house.commands.resume(bob, first.id, "")
