"""Follow-ups: an update, a cancel, an all-clear reach whom the thread was handed to (RULES 13, 14)."""

from __future__ import annotations

import asyncio

from alerts.channels.message import SendResult
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.domain import events as e
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.rig import Scripted, Stack, now


def test_an_all_clear_reaches_whoever_had_it_and_nobody_else(stack: Stack) -> None:
    had, left, refused = stack.people(3)

    def answer(message: object) -> SendResult:
        permanent = message.to == f"p{refused}@example.org"  # type: ignore[attr-defined]
        return SendResult(result="permanent", reason="550 no") if permanent else SendResult(result="sent")

    async def run() -> None:
        async with stack.working({"email": Scripted("email", answer)}):
            notice, number = stack.issue(urgency="Immediate", certainty="Observed")
            await stack.complete(number)
            gone = s.ContactPointRemoved(number=left, reason="one-click")
            moved = s.Preferences(channels=("email",), places=(s.Place(lat=10.0, lon=10.0),), topics=("health",))
            await asyncio.to_thread(stack.tell, SUBSCRIBER, stack.subscriber_of[left], gone)
            of = stack.subscriber_of[had]
            await asyncio.to_thread(stack.tell, SUBSCRIBER, of, s.PreferencesChanged(preferences=moved))
            await asyncio.to_thread(stack.people, 1)  # a late comer gets the alert, and so the all-clear
            await stack.until(lambda: len(stack.states(number)) == 4)
            await stack.complete(number)
            ends = e.NoticeCleared(replaced_by=notice)
            _, clear = stack.issue(msg_type="AllClear", follows=notice, ends=ends)
            progress = await stack.complete(clear)
            newcomer = max(stack.subscriber_of)
            late = next(n for n in stack.states(number) if n not in (had, left, refused))
            assert newcomer in stack.subscriber_of
            assert stack.states(clear) == {had: "sent", late: "sent"}
            assert progress.people == 2

    asyncio.run(run())


def test_a_cancel_in_mid_dispatch_follows_each_copy_and_nothing_else(stack: Stack) -> None:
    stack.people(300)
    slow = Scripted("email", delay=0.03)

    async def run() -> None:
        async with stack.working({"email": slow}, concurrency={"email": 10}, reserve=1):
            notice, number = stack.issue()
            await stack.until(lambda: len(slow.handed) > 60)
            ends = e.NoticeCancelled(replaced_by=notice, reason="false alarm")
            _, cancel = stack.issue(msg_type="Cancel", follows=notice, ends=ends)
            first = await stack.complete(number)
            assert first.by_channel["email"]["cancelled"] > 0
            had = {contact for contact, state in stack.states(number).items() if state == "sent"}
            await stack.until(lambda: set(stack.states(cancel)) == had)
            progress = await stack.complete(cancel)
            assert set(stack.states(cancel).values()) == {"sent"}
            assert progress.people == len(had) == progress.deliveries
            copies = [message.delivery for _, message in slow.handed]
            assert len(copies) == len(set(copies)) == 2 * len(had)

    asyncio.run(run())


def test_an_update_reaches_them_and_whoever_is_due(stack: Stack) -> None:
    here = stack.people(2)
    there = stack.people(2, at=(51.60, -0.20))

    async def run() -> None:
        async with stack.working():
            notice, number = stack.issue()
            await stack.complete(number)
            paused = s.SubscriptionPaused(until=now().replace(year=now().year + 1))
            await asyncio.to_thread(stack.tell, SUBSCRIBER, stack.subscriber_of[here[0]], paused)
            moved = {"circle": {"lat": 51.60, "lon": -0.20, "radius_km": 1.0}}
            ends = e.NoticeSuperseded(replaced_by=notice)
            _, update = stack.issue(msg_type="Update", follows=notice, ends=ends, area=[moved])
            progress = await stack.complete(update)
            assert stack.states(update) == dict.fromkeys(here + there, "sent")
            assert progress.people == 4

    asyncio.run(run())


def test_in_doubt_is_sent_again_under_the_same_identity_and_gets_the_cancel(stack: Stack) -> None:
    [one] = stack.people(1)
    answers = iter([SendResult(result="in-doubt", reason="lost after the body"), *[SendResult(result="sent")] * 9])
    provider = Scripted("email", lambda _: next(answers))

    async def run() -> None:
        async with stack.working({"email": provider}):
            notice, number = stack.issue()
            await stack.complete(number)
            assert [m.delivery for _, m in provider.handed[:2]] == [provider.handed[0][1].delivery] * 2
            row = stack.reads.delivery(number, one)
            assert row is not None and [a.outcome for a in row.attempts] == ["in-doubt", "sent"]
            ends = e.NoticeCancelled(replaced_by=notice)
            _, cancel = stack.issue(msg_type="Cancel", follows=notice, ends=ends)
            await stack.complete(cancel)
            assert stack.states(cancel) == {one: "sent"}

    asyncio.run(run())


def test_an_attempt_in_doubt_is_shown_though_the_rest_was_cancelled(stack: Stack) -> None:
    [one] = stack.people(1)
    slow = RetryPolicy({"email": (60.0,)})
    provider = Scripted("email", lambda _: SendResult(result="in-doubt", reason="lost after the body"))

    async def run() -> None:
        async with stack.working({"email": provider}, retries=slow):
            notice, number = stack.issue()
            await stack.until(lambda: stack.states(number) == {one: "deferred"})
            stack.issue(msg_type="Cancel", follows=notice, ends=e.NoticeCancelled(replaced_by=notice))
            await stack.until(lambda: stack.states(number) == {one: "cancelled"})
            row = stack.reads.delivery(number, one)
            assert row is not None and [a.outcome for a in row.attempts] == ["in-doubt"]

    asyncio.run(run())


def test_an_exercise_reaches_testers_and_the_team_alone(stack: Stack) -> None:
    from alerts.domain.streams import MEMBER
    from alerts.kernel.ids import contact_number, new_id

    stack.people(2)
    [tester] = stack.people(1, tester=True)
    member = new_id()
    contact = contact_number(10_000, member)
    invited = e.TeamMemberInvited(email="duty@example.org", name="Duty", contact=contact)
    stack.tell(MEMBER, member, invited, e.RoleGranted(role="viewer"))

    async def run() -> None:
        async with stack.working():
            _, number = stack.issue(status="Exercise")
            progress = await stack.complete(number)
            assert stack.states(number) == {tester: "sent", contact: "sent"}
            assert progress.people == 2
            [drill] = stack.inbox.items(to="duty@example.org")
            assert b"List-Unsubscribe" not in drill.data

    asyncio.run(run())
