"""Follow-ups: an update, a cancel, an all-clear reach whom the thread was handed to (RULES 13, 14)."""

from __future__ import annotations

import asyncio

from alerts.channels.message import SendResult
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.domain import events as e
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.rig import Rig, Scripted, now


def test_all_clear_reaches_exactly_those_who_were_told(rig: Rig) -> None:
    had, left, refused = rig.people(3)

    def answer(message: object) -> SendResult:
        permanent = message.to == f"p{refused}@example.org"  # type: ignore[attr-defined]
        return SendResult(result="permanent", reason="550 no") if permanent else SendResult(result="sent")

    async def run() -> None:
        async with rig.working({"email": Scripted("email", answer)}):
            notice, number = rig.issue(urgency="Immediate", certainty="Observed")
            await rig.complete(number)
            gone = s.ContactPointRemoved(number=left, reason="one-click")
            moved = s.Preferences(
                channels=("email",), places=(s.SubscriberPlace(lat=10.0, lon=10.0),), topics=("health",)
            )
            await asyncio.to_thread(rig.tell, SUBSCRIBER, rig.subscriber_of[left], gone)
            of = rig.subscriber_of[had]
            await asyncio.to_thread(rig.tell, SUBSCRIBER, of, s.PreferencesChanged(preferences=moved))
            await asyncio.to_thread(rig.people, 1)  # a late comer gets the alert, and so the all-clear
            await rig.until(lambda: len(rig.states(number)) == 4)
            await rig.complete(number)
            ends = e.NoticeCleared(replaced_by=notice)
            _, clear = rig.issue(msg_type="AllClear", follows=notice, ends=ends)
            progress = await rig.complete(clear)
            newcomer = max(rig.subscriber_of)
            late = next(n for n in rig.states(number) if n not in (had, left, refused))
            assert newcomer in rig.subscriber_of
            assert rig.states(clear) == {had: "sent", late: "sent"}
            assert progress.people == 2

    asyncio.run(run())


def test_cancel_in_mid_dispatch_follows_each_copy(rig: Rig) -> None:
    rig.people(300)
    slow = Scripted("email", delay=0.03)

    async def run() -> None:
        async with rig.working({"email": slow}, concurrency={"email": 10}, reserve=1):
            notice, number = rig.issue()
            await rig.until(lambda: len(slow.handed) > 60)
            ends = e.NoticeCancelled(replaced_by=notice, reason="false alarm")
            _, cancel = rig.issue(msg_type="Cancel", follows=notice, ends=ends)
            first = await rig.complete(number)
            assert first.by_channel["email"]["cancelled"] > 0
            had = {contact for contact, state in rig.states(number).items() if state == "sent"}
            await rig.until(lambda: set(rig.states(cancel)) == had)
            progress = await rig.complete(cancel)
            assert set(rig.states(cancel).values()) == {"sent"}
            assert progress.people == len(had) == progress.deliveries
            copies = [message.delivery for _, message in slow.handed]
            assert len(copies) == len(set(copies)) == 2 * len(had)

    asyncio.run(run())


def test_update_reaches_those_told_and_those_due(rig: Rig) -> None:
    here = rig.people(2)
    there = rig.people(2, at=(51.60, -0.20))

    async def run() -> None:
        async with rig.working():
            notice, number = rig.issue()
            await rig.complete(number)
            paused = s.SubscriptionPaused(until=now().replace(year=now().year + 1))
            await asyncio.to_thread(rig.tell, SUBSCRIBER, rig.subscriber_of[here[0]], paused)
            moved = {"circle": {"lat": 51.60, "lon": -0.20, "radius_km": 1.0}}
            ends = e.NoticeSuperseded(replaced_by=notice)
            _, update = rig.issue(msg_type="Update", follows=notice, ends=ends, area=[moved])
            progress = await rig.complete(update)
            assert rig.states(update) == dict.fromkeys(here + there, "sent")
            assert progress.people == 4

    asyncio.run(run())


def test_in_doubt_is_resent_under_one_identity_and_cancelled(rig: Rig) -> None:
    [one] = rig.people(1)
    answers = iter([SendResult(result="in-doubt", reason="lost after the body"), *[SendResult(result="sent")] * 9])
    provider = Scripted("email", lambda _: next(answers))

    async def run() -> None:
        async with rig.working({"email": provider}):
            notice, number = rig.issue()
            await rig.complete(number)
            assert [m.delivery for _, m in provider.handed[:2]] == [provider.handed[0][1].delivery] * 2
            row = rig.reads.delivery(number, one)
            assert row is not None and [a.outcome for a in row.attempts] == ["in-doubt", "sent"]
            ends = e.NoticeCancelled(replaced_by=notice)
            _, cancel = rig.issue(msg_type="Cancel", follows=notice, ends=ends)
            await rig.complete(cancel)
            assert rig.states(cancel) == {one: "sent"}

    asyncio.run(run())


def test_attempt_in_doubt_is_shown_after_a_cancel(rig: Rig) -> None:
    [one] = rig.people(1)
    slow = RetryPolicy({"email": (60.0,)})
    provider = Scripted("email", lambda _: SendResult(result="in-doubt", reason="lost after the body"))

    async def run() -> None:
        async with rig.working({"email": provider}, retries=slow):
            notice, number = rig.issue()
            await rig.until(lambda: rig.states(number) == {one: "deferred"})
            rig.issue(msg_type="Cancel", follows=notice, ends=e.NoticeCancelled(replaced_by=notice))
            await rig.until(lambda: rig.states(number) == {one: "cancelled"})
            row = rig.reads.delivery(number, one)
            assert row is not None and [a.outcome for a in row.attempts] == ["in-doubt"]

    asyncio.run(run())


def test_exercise_reaches_testers_and_the_team_alone(rig: Rig) -> None:
    from alerts.domain.streams import MEMBER
    from alerts.kernel.ids import contact_number, new_id

    rig.people(2)
    [tester] = rig.people(1, tester=True)
    member = new_id()
    contact = contact_number(10_000, member)
    invited = e.TeamMemberInvited(email="duty@example.org", name="Duty", contact=contact)
    rig.tell(MEMBER, member, invited, e.RoleGranted(role="viewer"))

    async def run() -> None:
        async with rig.working():
            _, number = rig.issue(status="Exercise")
            progress = await rig.complete(number)
            assert rig.states(number) == {tester: "sent", contact: "sent"}
            assert progress.people == 2
            [drill] = rig.inbox.items(to="duty@example.org")
            assert b"List-Unsubscribe" not in drill.data

    asyncio.run(run())
