"""From an issued notice to messages and outcomes, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from alerts.channels.message import SendResult
from alerts.domain import events as e
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.rig import Scripted, Stack, now


def test_everyone_due_gets_one_and_nobody_else(stack: Stack) -> None:
    near = stack.people(120)
    stack.people(30, at=(52.5, 1.0))

    async def run() -> None:
        async with stack.working():
            _, number = stack.issue()
            progress = await stack.complete(number)
            assert (progress.people, progress.deliveries, progress.late) == (120, 120, 0)
            assert progress.by_channel == {"email": {"sent": 120}}
            assert progress.p95_s is not None and progress.first_attempt_s is not None
            assert stack.states(number) == dict.fromkeys(near, "sent")

    asyncio.run(run())
    assert sorted(item.to for item in stack.inbox.items(limit=1000)) == sorted(f"p{n}@example.org" for n in near)


def test_permanent_and_temporary_failures(stack: Stack) -> None:
    [one, two, three] = stack.people(3)
    tries: dict[str, int] = {}

    def answer(message: object) -> SendResult:
        to = message.to  # type: ignore[attr-defined]
        tries[to] = tries.get(to, 0) + 1
        if to == f"p{one}@example.org":
            return SendResult(result="permanent", reason="550 5.1.1 no such mailbox")
        if to == f"p{two}@example.org" and tries[to] == 1:
            return SendResult(result="temporary", reason="451 4.2.0 busy")
        return SendResult(result="sent")

    async def run() -> None:
        async with stack.working({"email": Scripted("email", answer)}):
            _, number = stack.issue()
            await stack.complete(number)
            assert stack.states(number) == {one: "failed-permanent", two: "sent", three: "sent"}
            refused, second = stack.reads.delivery(number, one), stack.reads.delivery(number, two)
            assert refused is not None and refused.reason.startswith("550") and refused.tries == 1
            assert second is not None and [a.outcome for a in second.attempts] == ["deferred", "sent"]

    asyncio.run(run())


def test_no_provider_is_parked_with_words(stack: Stack) -> None:
    [one] = stack.people(1)

    async def run() -> None:
        async with stack.working({}):
            _, number = stack.issue()
            await stack.complete(number)
            row = stack.reads.delivery(number, one)
            assert row is not None and (row.state, row.reason) == ("failed-technical", "no provider")

    asyncio.run(run())


def test_nothing_starts_after_a_stop(stack: Stack) -> None:
    stack.people(400)
    slow = Scripted("email", delay=0.05)

    async def run() -> None:
        async with stack.working({"email": slow}, concurrency={"email": 10}, reserve=1):
            notice, number = stack.issue()
            await stack.until(lambda: len(slow.handed) > 30)
            stopped_at = now()
            await asyncio.to_thread(stack.stop_dispatch, notice, number)
            progress = await stack.complete(number)
            assert max(at for at, _ in slow.handed) < stopped_at + timedelta(seconds=1)
            sent = progress.by_channel["email"]["sent"]
            assert progress.by_channel["email"] == {"sent": sent, "cancelled": 400 - sent}
            assert 30 < sent == len(slow.handed) < 400

    asyncio.run(run())


def test_nothing_starts_after_the_expiry(stack: Stack) -> None:
    stack.people(300)
    slow = Scripted("email", delay=0.05)

    async def run() -> None:
        async with stack.working({"email": slow}, concurrency={"email": 5}, reserve=1):
            ends = now() + timedelta(seconds=1)
            _, number = stack.issue(expires=timedelta(seconds=1))
            progress = await stack.complete(number)
            assert max(at for at, _ in slow.handed) < ends + timedelta(seconds=1)
            assert set(progress.by_channel["email"]) == {"sent", "expired"}

    asyncio.run(run())


def test_quiet_hours_hold_what_may_wait_and_danger_wakes(stack: Stack) -> None:
    here = now()
    quiet = s.QuietHours((here - timedelta(hours=2)).strftime("%H:%M"), (here + timedelta(hours=2)).strftime("%H:%M"))
    [one] = stack.people(1, quiet_hours=quiet, timezone="UTC")

    async def run() -> None:
        async with stack.working():
            _, calm = stack.issue(expires=timedelta(seconds=2))
            await stack.until(lambda: stack.states(calm) == {one: "held"})
            _, danger = stack.issue(urgency="Immediate", certainty="Observed")
            await stack.complete(danger)
            assert stack.states(danger) == {one: "sent"}
            await stack.complete(calm)
            row = stack.reads.delivery(calm, one)
            assert row is not None and (row.state, row.reason) == ("expired", "quiet hours")

    asyncio.run(run())


def test_whoever_pauses_ends_or_is_suppressed_in_time_gets_nothing(stack: Stack) -> None:
    paused, ended, suppressed, other = stack.people(4)
    _, number = stack.issue()
    stack.tell(SUBSCRIBER, stack.subscriber_of[paused], s.SubscriptionPaused(until=now() + timedelta(days=1)))
    stack.tell(SUBSCRIBER, stack.subscriber_of[ended], s.SubscriptionEnded(reason="asked"))
    of = stack.subscriber_of[suppressed]
    stack.tell(SUBSCRIBER, of, s.ContactPointSuppressed(number=suppressed, reason="complaint"))

    async def run() -> None:
        async with stack.working():
            progress = await stack.complete(number)
            assert progress.people == 4  # they were due at the issue's position
            assert stack.states(number) == {
                paused: "cancelled",
                ended: "suppressed",
                suppressed: "suppressed",
                other: "sent",
            }

    asyncio.run(run())


def test_late_comers_of_a_live_emergency(stack: Stack) -> None:
    stack.people(2)

    async def run() -> None:
        async with stack.working():
            _, number = stack.issue(urgency="Immediate", certainty="Observed")
            await stack.complete(number)
            [late] = await asyncio.to_thread(stack.people, 1)
            await stack.until(lambda: stack.states(number).get(late) == "sent")
            progress = await stack.complete(number)
            assert (progress.people, progress.late, progress.deliveries) == (2, 1, 3)

    asyncio.run(run())


def test_a_confirmation_once_a_day(stack: Stack) -> None:
    [number] = stack.people(1, at=(10.0, 10.0))
    of = stack.subscriber_of[number]
    asked = s.SubscriptionRequested(
        how="test",
        contacts=(s.ContactRef(number, "email"),),
        addresses={number: "new@example.org"},
        preferences=s.Preferences(channels=("email",)),
    )
    stack.tell(SUBSCRIBER, of, s.SubscriptionEnded(reason="asked"), asked)
    stack.tell(SUBSCRIBER, of, asked)

    async def run() -> None:
        async with stack.working():
            await stack.until(lambda: stack.inbox.count() == 1)
            await asyncio.sleep(0.5)
            [item] = stack.inbox.items()
            assert item.to == "new@example.org" and b"/confirm/" in item.data
            assert b"List-Unsubscribe" not in item.data

    asyncio.run(run())


def test_a_notice_that_cannot_be_written_holds_up_no_other(stack: Stack) -> None:
    stack.people(5)

    async def run() -> None:
        async with stack.working():
            _, poisoned = stack.issue(content={})
            _, healthy = stack.issue()
            assert (await stack.complete(poisoned)).by_channel == {"email": {"failed-technical": 5}}
            assert (await stack.complete(healthy)).by_channel == {"email": {"sent": 5}}
            _, unreadable = stack.issue(audience={"no-such-operator": 1})
            await stack.until(lambda: bool(stack.reads.parked()))
            assert stack.reads.parked()[0].notice == unreadable
            _, after = stack.issue()
            assert (await stack.complete(after)).by_channel == {"email": {"sent": 5}}

    asyncio.run(run())


def test_completion_is_on_record(stack: Stack) -> None:
    stack.people(3)

    async def run() -> None:
        async with stack.working():
            notice, number = stack.issue()
            await stack.complete(number)
            await stack.until(lambda: any(isinstance(r.event, e.DispatchCompleted) for r in stack.log.read(0, 1000)))
            outcomes = [r.event for r in stack.log.read(0, 1000) if isinstance(r.event, e.DispatchChunkFinished)]
            assert sum(len(event.outcomes) for event in outcomes) == 3
            assert {event.notice for event in outcomes} == {notice}

    asyncio.run(run())
