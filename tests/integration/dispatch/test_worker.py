"""What waits for a time: digests, due items, a second worker that takes over."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from alerts.app.periodic_jobs import periodic_jobs
from alerts.domain import events as e
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.scheduler.due_items import DuePoll, cancel_due, plan_due, take_due
from tests.support.databases import Databases
from tests.support.rig import CONTENT, Scripted, Stack, now


class Clock:
    """A clock that a test moves on."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def test_a_digest_carries_what_waited_and_lists_what_is_past(databases: Databases, tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 11, 23, 14, 0, tzinfo=UTC))
    stack = Stack(databases, tmp_path, clock)
    [daily] = stack.people(1, frequency="daily")
    [at_once] = stack.people(1)

    def announced(title: str, hours: int) -> int:
        content = {"en": e.Content(title=title, body="Words.")}
        return stack.issue(kind="announcement", content=content, expires=timedelta(hours=hours))[1]

    async def run() -> None:
        async with stack.working():
            long, short = announced("A long one", 48), announced("A short one", 2)
            _, alarm = stack.issue(urgency="Immediate", certainty="Observed")
            await stack.complete(alarm)
            await stack.until(lambda: stack.states(short) == {daily: "held", at_once: "sent"})
            await stack.until(lambda: stack.states(long) == {daily: "held", at_once: "sent"})
            clock.at += timedelta(hours=3)
            await asyncio.sleep(0.6)
            assert stack.states(short)[daily] == "held", "an item that expires first is listed in the digest"
            clock.at = datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)
            await stack.complete(long)
            await stack.complete(short)
            assert (stack.states(long)[daily], stack.states(short)[daily]) == ("sent", "expired")

    try:
        asyncio.run(run())
        mine = [item for item in stack.inbox.items(to=f"p{daily}@example.org") if b"A long one" in item.data]
        assert len(mine) == 1 and b"A short one" in mine[0].data
    finally:
        stack.close()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_two_processes_share_the_work(databases: Databases, tmp_path: Path) -> None:
    one, two = Stack(databases, tmp_path / "1"), Stack(databases, tmp_path / "2")
    provider = Scripted("email", delay=0.005)

    async def run() -> None:
        async with one.working({"email": provider}), two.working({"email": provider}):
            due = await asyncio.to_thread(one.people, 1500)
            _, number = one.issue()
            await two.complete(number, 40)
            assert one.states(number) == dict.fromkeys(due, "sent")
            assert set(Counter(provider.recipients()).values()) == {1}

    try:
        asyncio.run(run())
    finally:
        one.close()
        two.close()


def test_due_items_fire_once_and_only_if_they_stand(stack: Stack) -> None:
    fired: list[tuple[str, UUID]] = []
    wanted, withdrawn, failing = new_id(), new_id(), new_id()
    at = now() + timedelta(seconds=0.4)

    async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
        def work(unit: UnitOfWork) -> bool:
            if subject == failing:
                raise ValueError("a fault of one item")
            return take_due(unit, kind, subject, due_at)

        if (await stack.writer.run(work, by="system")).result:
            assert now() >= due_at
            fired.append((kind, subject))

    def plan(unit: UnitOfWork) -> None:
        for subject in (failing, wanted, wanted, withdrawn):
            plan_due(unit, "notice", subject, at)

    stack.writer.submit(plan, by="system").result(5)
    stack.writer.submit(lambda unit: cancel_due(unit, "notice", withdrawn), by="system").result(5)

    async def run() -> None:
        one, two = (periodic_jobs(due=DuePoll(stack.main, fire, clock=now, every=0.2)) for _ in range(2))
        one.start()
        two.start()
        await asyncio.sleep(1.2)
        await asyncio.gather(one.stop(), two.stop())

    asyncio.run(run())
    assert fired == [("notice", wanted)]


def test_a_clock_that_is_set_back_stops_no_poll(stack: Stack) -> None:
    fired: list[UUID] = []
    subject = new_id()
    stack.writer.submit(lambda unit: plan_due(unit, "notice", subject, now()), by="system").result(5)

    async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
        await stack.writer.run(lambda unit: take_due(unit, kind, subject, due_at), by="system")
        fired.append(subject)

    async def run() -> None:
        poll = periodic_jobs(due=DuePoll(stack.main, fire, clock=now, every=0.1))
        poll.start()
        assert poll._scheduler is not None
        poll._scheduler.pause()  # as it is while it waits for the hour to come again
        await stack.until(lambda: bool(fired), 5)
        await poll.stop()

    asyncio.run(run())
    assert fired == [subject]


def test_a_restart_goes_on_where_the_effects_ended(databases: Databases, tmp_path: Path) -> None:
    first = Stack(databases, tmp_path)
    due = first.people(50)
    first.follower.wait(first.log.position(), 10)
    first.follower.stop()  # this process dies before its fan-out sees the notice
    _, number = first.issue(content=CONTENT)
    first.close()
    second = Stack(databases, tmp_path)

    async def run() -> None:
        async with second.working():
            await second.complete(number)
            assert second.states(number) == dict.fromkeys(due, "sent")

    try:
        asyncio.run(run())
        assert second.inbox.count() == 50
    finally:
        second.close()
