"""From an issued notice to messages and outcomes, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from alerts.channels.email import EmailNotice
from alerts.channels.message import Message, Personal, SendResult
from alerts.domain import events as e
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.rig import Rig, Scripted, now


def test_dispatch_reaches_exactly_those_due(rig: Rig) -> None:
    near = rig.people(120)
    rig.people(30, at=(52.5, 1.0))

    async def run() -> None:
        async with rig.working():
            _, number = rig.issue()
            progress = await rig.complete(number)
            assert (progress.people, progress.deliveries, progress.late) == (120, 120, 0)
            assert progress.by_channel == {"email": {"sent": 120}}
            assert progress.p95_s is not None and progress.first_attempt_s is not None
            assert rig.states(number) == dict.fromkeys(near, "sent")

    asyncio.run(run())
    assert sorted(item.to for item in rig.inbox.items(limit=1000)) == sorted(f"p{n}@example.org" for n in near)


def test_temporary_failure_is_retried_permanent_is_not(rig: Rig) -> None:
    [one, two, three] = rig.people(3)
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
        async with rig.working({"email": Scripted("email", answer)}):
            _, number = rig.issue()
            await rig.complete(number)
            assert rig.states(number) == {one: "failed-permanent", two: "sent", three: "sent"}
            refused, second = rig.reads.delivery(number, one), rig.reads.delivery(number, two)
            assert refused is not None and refused.reason.startswith("550") and refused.tries == 1
            assert second is not None and [a.outcome for a in second.attempts] == ["deferred", "sent"]

    asyncio.run(run())


def test_delivery_without_provider_is_parked_with_reason(rig: Rig) -> None:
    [one] = rig.people(1)

    async def run() -> None:
        async with rig.working({}):
            _, number = rig.issue()
            await rig.complete(number)
            row = rig.reads.delivery(number, one)
            assert row is not None and (row.state, row.reason) == ("failed-technical", "no provider")

    asyncio.run(run())


def test_nothing_is_sent_after_a_stop(rig: Rig) -> None:
    rig.people(400)
    slow = Scripted("email", delay=0.05)

    async def run() -> None:
        async with rig.working({"email": slow}, concurrency={"email": 10}, reserve=1):
            notice, number = rig.issue()
            await rig.until(lambda: len(slow.handed) > 30)
            stopped_at = now()
            await asyncio.to_thread(rig.stop_dispatch, notice, number)
            progress = await rig.complete(number)
            assert max(at for at, _ in slow.handed) < stopped_at + timedelta(seconds=1)
            sent = progress.by_channel["email"]["sent"]
            assert progress.by_channel["email"] == {"sent": sent, "cancelled": 400 - sent}
            assert 30 < sent == len(slow.handed) < 400

    asyncio.run(run())


def test_nothing_is_sent_after_the_expiry(rig: Rig) -> None:
    rig.people(300)
    slow = Scripted("email", delay=0.05)

    async def run() -> None:
        async with rig.working({"email": slow}, concurrency={"email": 5}, reserve=1):
            ends = now() + timedelta(seconds=2)  # all of them would take three
            _, number = rig.issue(expires=timedelta(seconds=2))
            progress = await rig.complete(number)
            assert max(at for at, _ in slow.handed) < ends + timedelta(seconds=1)
            assert set(progress.by_channel["email"]) == {"sent", "expired"}

    asyncio.run(run())


def test_quiet_hours_defer_notices_but_not_danger_to_life(rig: Rig) -> None:
    here = now()
    quiet = s.QuietHours((here - timedelta(hours=2)).strftime("%H:%M"), (here + timedelta(hours=2)).strftime("%H:%M"))
    [one] = rig.people(1, quiet_hours=quiet, timezone="UTC")

    async def run() -> None:
        async with rig.working():
            _, calm = rig.issue(expires=timedelta(seconds=3))
            await rig.until(lambda: rig.states(calm) == {one: "held"})
            _, danger = rig.issue(urgency="Immediate", certainty="Observed")
            await rig.complete(danger)
            assert rig.states(danger) == {one: "sent"}
            await rig.complete(calm)
            row = rig.reads.delivery(calm, one)
            assert row is not None and (row.state, row.reason) == ("expired", "quiet hours")

    asyncio.run(run())


def test_paused_ended_or_suppressed_contacts_get_nothing(rig: Rig) -> None:
    paused, ended, suppressed, other = rig.people(4)
    _, number = rig.issue()
    rig.tell(SUBSCRIBER, rig.subscriber_of[paused], s.SubscriptionPaused(until=now() + timedelta(days=1)))
    rig.tell(SUBSCRIBER, rig.subscriber_of[ended], s.SubscriptionEnded(reason="asked"))
    of = rig.subscriber_of[suppressed]
    rig.tell(SUBSCRIBER, of, s.ContactPointSuppressed(number=suppressed, reason="complaint"))

    async def run() -> None:
        async with rig.working():
            progress = await rig.complete(number)
            assert progress.people == 4  # they were due at the issue's position
            assert rig.states(number) == {
                paused: "cancelled",
                ended: "suppressed",
                suppressed: "suppressed",
                other: "sent",
            }

    asyncio.run(run())


def test_late_joiners_get_a_live_emergency(rig: Rig) -> None:
    rig.people(2)

    async def run() -> None:
        async with rig.working():
            _, number = rig.issue(urgency="Immediate", certainty="Observed")
            await rig.complete(number)
            [late] = await asyncio.to_thread(rig.people, 1)
            await rig.until(lambda: rig.states(number).get(late) == "sent")
            progress = await rig.complete(number)
            assert (progress.people, progress.late, progress.deliveries) == (2, 1, 3)

    asyncio.run(run())


def test_confirmation_is_sent_once_a_day(rig: Rig) -> None:
    [number] = rig.people(1, at=(10.0, 10.0))
    of = rig.subscriber_of[number]
    asked = s.SubscriptionRequested(
        how="test",
        contacts=(s.ContactRef(number, "email"),),
        addresses={number: "new@example.org"},
        preferences=s.Preferences(channels=("email",)),
    )
    rig.tell(SUBSCRIBER, of, s.SubscriptionEnded(reason="asked"), asked)
    rig.tell(SUBSCRIBER, of, asked)

    async def run() -> None:
        async with rig.working():
            await rig.until(lambda: rig.inbox.count() == 1)
            await asyncio.sleep(0.5)
            [item] = rig.inbox.items()
            assert item.to == "new@example.org" and b"/confirm/" in item.data
            assert b"List-Unsubscribe" not in item.data

    asyncio.run(run())


def test_unrenderable_notice_delays_no_other(rig: Rig) -> None:
    rig.people(5)

    async def run() -> None:
        async with rig.working():
            _, poisoned = rig.issue(content={})
            _, healthy = rig.issue()
            assert (await rig.complete(poisoned)).by_channel == {"email": {"failed-technical": 5}}
            assert (await rig.complete(healthy)).by_channel == {"email": {"sent": 5}}
            _, unreadable = rig.issue(audience={"no-such-operator": 1})
            await rig.until(lambda: bool(rig.reads.parked()))
            assert rig.reads.parked()[0].notice == unreadable
            _, after = rig.issue()
            assert (await rig.complete(after)).by_channel == {"email": {"sent": 5}}

    asyncio.run(run())


def test_message_without_a_word_is_parked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.people(3)
    whole = EmailNotice.message

    def bare(self: EmailNotice, personal: Personal) -> Message:
        message = whole(self, personal)
        return msgspec.structs.replace(message, data=message.data.partition(b"From:")[0])

    monkeypatch.setattr(EmailNotice, "message", bare)

    email = Scripted("email")

    async def run() -> None:
        async with rig.working({"email": email}):
            _, notice = rig.issue()
            assert (await rig.complete(notice)).by_channel == {"email": {"failed-technical": 3}}
            assert email.handed == []

    asyncio.run(run())


def test_completion_is_recorded(rig: Rig) -> None:
    rig.people(3)

    async def run() -> None:
        async with rig.working():
            notice, number = rig.issue()
            await rig.complete(number)
            await rig.until(lambda: any(isinstance(r.event, e.DispatchCompleted) for r in rig.log.read(0, 1000)))
            outcomes = [r.event for r in rig.log.read(0, 1000) if isinstance(r.event, e.DispatchChunkFinished)]
            assert sum(len(event.outcomes) for event in outcomes) == 3
            assert {event.notice for event in outcomes} == {notice}

    asyncio.run(run())
