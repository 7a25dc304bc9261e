"""Clocks that skip an hour, repeat one or are set wrong, and schedulers that were down: each due item once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerts.app.periodic_jobs import periodic_jobs
from alerts.domain.events import NewsletterSchedule
from alerts.domain.recurrence import next_issue
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.scheduler.due_items import DuePoll, plan_due, take_due
from tests.support.databases import Databases
from tests.support.rig import Rig

LONDON = ZoneInfo("Europe/London")
FOLD, GAP = date(2026, 10, 25), date(2027, 3, 28)
"""Nights on which 01:30 comes twice in London, and not at all."""
DAYS, STEP = 4, timedelta(minutes=7)


class Clock:
    """A wall clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def rigs(databases: Databases) -> Iterator[list[Rig]]:
    """Two processes on PostgreSQL; on SQLite one, in which two schedulers poll."""
    made = [Rig(databases)]
    if databases.dialect == "postgresql":
        made.append(Rig(databases))
    try:
        yield made
    finally:
        for rig in made:
            rig.close()


class Issues:
    """A newsletter that comes daily: each issue, once fired, plans the next one, as the commands do."""

    def __init__(self, schedule: NewsletterSchedule, since: datetime) -> None:
        self.schedule, self.since, self.subject = schedule, since, new_id()
        self.fired: list[tuple[datetime, datetime]] = []
        """(when it was due, what the clock said)."""

    def plan(self, unit: UnitOfWork, after: datetime) -> None:
        due = next_issue(self.schedule, self.since, after)
        assert due is not None
        plan_due(unit, "issue", self.subject, due)

    def poll(self, rig: Rig, clock: Clock) -> DuePoll:
        """A scheduler of its own."""

        async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
            def work(unit: UnitOfWork) -> bool:
                if not take_due(unit, kind, subject, due_at):
                    return False
                self.plan(unit, due_at)
                return True

            if (await rig.writer.run(work, by="system")).result:
                self.fired.append((due_at, clock()))

        return DuePoll(rig.main, fire, clock=clock)


@pytest.mark.crash
@pytest.mark.parametrize("night", [FOLD, GAP], ids=["fold", "gap"])
def test_daily_issue_is_due_once_a_day_across_clock_changes(rigs: list[Rig], night: date) -> None:
    rng = random.Random(night.toordinal())
    begin = datetime.combine(night - timedelta(days=2), datetime.min.time(), LONDON).astimezone(UTC)
    clock = Clock(begin)
    issues = Issues(NewsletterSchedule(rrule="FREQ=DAILY", at="01:30", timezone="Europe/London"), begin)
    rigs[0].writer.submit(lambda unit: issues.plan(unit, begin), by="system").result(5)
    polls = [issues.poll(rig, clock) for rig in (rigs * 2)[:2]]

    async def play() -> None:
        real, wrong = begin, timedelta(0)
        down = range(150, 260)
        """Steps during which neither scheduler runs: half a day, with the second day's issue in it."""
        steps = DAYS * 24 * 60 // 7
        for step in range(steps):
            real += STEP
            if rng.random() < 0.02:
                wrong = timedelta(hours=rng.choice((-2, 0, 2)))
            clock.at = real + (wrong if step < steps - 40 else timedelta(0))
            if step not in down:
                await asyncio.gather(*(poll.poll() for poll in polls))

    asyncio.run(play())
    days = [due.astimezone(LONDON).date() for due, _ in issues.fired]
    assert days == [night + timedelta(days=day - 2) for day in range(DAYS)], "one was doubled or dropped"
    assert all(due <= seen for due, seen in issues.fired), "one came before its time"
    local = {due.astimezone(LONDON).date(): due.astimezone(LONDON) for due, _ in issues.fired}
    assert (local[night].hour, local[night].minute) == ((1, 30) if night == FOLD else (2, 0))
    assert local[night].fold == 0, "the first of the two"
    assert issues.fired[1][1] - issues.fired[1][0] > timedelta(hours=2), "both schedulers were to be down over one"


@pytest.mark.crash
def test_items_due_during_downtime_fire_once_at_the_start(rigs: list[Rig]) -> None:
    clock = Clock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    subjects = [new_id() for _ in range(250)]
    fired: list[UUID] = []

    def plan(unit: UnitOfWork) -> None:
        for minutes, subject in enumerate(subjects):
            plan_due(unit, "send", subject, clock() + timedelta(minutes=minutes))

    def poll(rig: Rig) -> DuePoll:
        async def fire(kind: str, subject: UUID, due_at: datetime) -> None:
            if (await rig.writer.run(lambda unit: take_due(unit, kind, subject, due_at), by="system")).result:
                fired.append(subject)

        return DuePoll(rig.main, fire, clock=clock, every=0.05)

    async def start() -> None:
        polls = [poll(rig) for rig in (rigs * 2)[:2]]
        jobs = [periodic_jobs(due=one) for one in polls]
        for one in jobs:
            one.start()
        async with asyncio.timeout(60):
            while min(one.polls for one in polls) < 3:  # each poll fires all that is due
                await asyncio.sleep(0.01)
        await asyncio.gather(*(one.stop() for one in jobs))

    rigs[0].writer.submit(plan, by="system").result(5)
    clock.at += timedelta(minutes=99, seconds=1)
    asyncio.run(start())
    assert sorted(fired) == sorted(subjects[:100])
    clock.at -= timedelta(hours=2)  # set back: nothing comes again, nothing new
    asyncio.run(start())
    assert len(fired) == 100
    clock.at += timedelta(hours=7)
    asyncio.run(start())
    assert sorted(fired) == sorted(subjects)
