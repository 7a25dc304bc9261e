"""Due items: fired once, at their time, by any of several schedulers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from alerts.app.periodic_jobs import periodic_jobs
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.scheduler.due_items import DuePoll, cancel_due, plan_due, take_due
from tests.support.rig import Rig, now


def test_due_items_fire_once_unless_cancelled(rig: Rig) -> None:
    fired: list[tuple[str, UUID]] = []
    wanted, withdrawn, failing = new_id(), new_id(), new_id()
    at = now() + timedelta(seconds=0.4)

    async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
        def work(unit: UnitOfWork) -> bool:
            if subject == failing:
                raise ValueError("a fault of one item")
            return take_due(unit, kind, subject, due_at)

        if (await rig.writer.run(work, by="system")).result:
            assert now() >= due_at
            fired.append((kind, subject))

    def plan(unit: UnitOfWork) -> None:
        for subject in (failing, wanted, wanted, withdrawn):
            plan_due(unit, "notice", subject, at)

    rig.writer.submit(plan, by="system").result(5)
    rig.writer.submit(lambda unit: cancel_due(unit, "notice", withdrawn), by="system").result(5)

    async def run() -> None:
        one, two = (periodic_jobs(due=DuePoll(rig.main, fire, clock=now, every=0.2)) for _ in range(2))
        one.start()
        two.start()
        await asyncio.sleep(1.2)
        await asyncio.gather(one.stop(), two.stop())

    asyncio.run(run())
    assert fired == [("notice", wanted)]


def test_poll_goes_on_when_the_clock_is_set_back(rig: Rig, set_clock_back: Callable[[], None]) -> None:
    fired: list[UUID] = []
    subject = new_id()

    async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
        await rig.writer.run(lambda unit: take_due(unit, kind, subject, due_at), by="system")
        fired.append(subject)

    async def run() -> None:
        poll = periodic_jobs(due=DuePoll(rig.main, fire, clock=now, every=0.1))
        poll.start()
        await asyncio.sleep(0.3)
        set_clock_back()
        await rig.writer.run(lambda unit: plan_due(unit, "notice", subject, now()), by="system")
        await rig.until(lambda: bool(fired), 5)
        await poll.stop()

    asyncio.run(run())
    assert fired == [subject]
