"""Outages of a provider: nobody is given up while a notice lives; what had failed is sent after all (RULES 23)."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from alerts.app.periodic_jobs import periodic_jobs
from alerts.channels.message import Message, SendResult
from alerts.delivery_queue.row_format import DEFERRED, SENT
from alerts.dispatch.retry_policy import RetryPolicy
from tests.support.databases import Databases
from tests.support.rig import Rig, Scripted

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SCHEDULE = RetryPolicy({"email": (30.0, 60.0, 120.0, 600.0)}, random.Random(5))
NO_SCHEDULE = RetryPolicy({"email": ()}, random.Random(5))
TROUBLE = (
    SendResult(result="temporary", reason="503 Service Unavailable"),
    SendResult(result="temporary", reason="429 Too Many Requests", retry_after=20.0),
    SendResult(result="not-begun", reason="every e-mail provider rests after failures", retry_after=60.0),
    SendResult(result="in-doubt", reason="the reply was lost"),
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Provider(Scripted):
    """A provider that fails in every way until it is well."""

    def __init__(self) -> None:
        super().__init__("email", self._answer)
        self.well = False
        self._trouble: Iterator[SendResult] = itertools.cycle(TROUBLE)

    def _answer(self, message: Message) -> SendResult:
        return SendResult(result="sent") if self.well else next(self._trouble)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(databases: Databases, clock: Clock) -> Iterator[Rig]:
    rig = Rig(databases, clock)
    yield rig
    rig.close()


@asynccontextmanager
async def killed(rig: Rig, provider: Provider) -> AsyncIterator[None]:
    """A process at work that is killed: its lease stands, and nobody lets go of what it has claimed."""
    worker = rig.worker({"email": provider}, retries=SCHEDULE)
    jobs = periodic_jobs(worker=worker)
    await worker.start()
    jobs.start()
    yield
    for task in worker._tasks:
        task.cancel()
    await asyncio.gather(*worker._tasks, return_exceptions=True)
    await jobs.stop()


def test_outage_of_half_an_hour_loses_nobody(timed: Rig, clock: Clock) -> None:
    rig, provider = timed, Provider()
    provider.delay = 0.02  # so that a kill finds messages on their way
    people = rig.people(20)

    async def run() -> None:
        issued: list[int] = []
        for process in range(4):
            last = process == 3
            at_work = rig.working({"email": provider}, retries=SCHEDULE) if last else killed(rig, provider)
            async with at_work:
                if not process:
                    issued.append(rig.issue(area=[], severity="Extreme", urgency="Immediate", certainty="Observed")[1])
                    issued.append(rig.issue()[1])
                for _ in range(5):
                    await asyncio.sleep(0.3)
                    clock.now += timedelta(minutes=2)
                provider.well = clock.now - START > timedelta(minutes=30)
                for number in issued:
                    assert "failed-technical" not in rig.states(number).values()
                if not last:
                    continue
                assert provider.well
                clock.now += timedelta(minutes=13)  # the longest wait of the schedule
                for number in issued:
                    await rig.until(lambda number=number: set(rig.states(number).values()) == {"sent"}, 40)  # type: ignore[misc]
        for number in issued:
            assert sorted(rig.states(number)) == sorted(people)

    asyncio.run(run())


def test_failed_deliveries_are_sent_once_their_channel_works(timed: Rig, clock: Clock) -> None:
    rig, provider = timed, Provider()
    rig.people(5)

    async def run() -> None:
        async with rig.working({"email": provider}, retries=NO_SCHEDULE) as worker:
            provider.answer = lambda _: TROUBLE[0]
            _, number = rig.issue()
            assert (await rig.complete(number)).by_channel == {"email": {"failed-technical": 5}}
            provider.answer = lambda _: SendResult(result="sent")
            clock.now += timedelta(minutes=11)
            await worker.requeue_recovered()  # one is tried over the idle channel
            await rig.until(lambda: rig.tallied(number).get(3) == 1)
            clock.now += timedelta(minutes=1)
            await worker.requeue_recovered()
            assert (await rig.complete(number)).by_channel == {"email": {"sent": 5}}
            assert len(provider.recipients()) == 10

    asyncio.run(run())


def test_failure_after_the_recovery_is_not_repeated(timed: Rig, clock: Clock) -> None:
    rig, provider = timed, Provider()
    bad, *_ = rig.people(4)

    async def run() -> None:
        async with rig.working({"email": provider}, retries=NO_SCHEDULE) as worker:
            provider.answer = lambda message: (
                TROUBLE[0] if message.to == f"p{bad}@example.org" else SendResult(result="sent")
            )
            _, number = rig.issue()
            await rig.complete(number)
            for _ in range(3):
                clock.now += timedelta(minutes=2)
                await worker.requeue_recovered()
                await rig.complete(number)
            assert provider.recipients().count(f"p{bad}@example.org") <= 2
            assert rig.states(number)[bad] == "failed-technical"

    asyncio.run(run())


def test_probes_take_turns(timed: Rig, clock: Clock) -> None:
    rig, provider = timed, Provider()
    bad, *_ = rig.people(4)

    async def run() -> None:
        async with rig.working({"email": provider}, retries=NO_SCHEDULE) as worker:
            provider.answer = lambda _: TROUBLE[0]
            _, number = rig.issue(expires=timedelta(hours=12))
            await rig.complete(number)
            provider.answer = lambda message: (
                TROUBLE[0] if message.to == f"p{bad}@example.org" else SendResult(result="sent")
            )
            for _ in range(6):
                clock.now += timedelta(minutes=11)
                await worker.requeue_recovered()
                await rig.complete(number)
            assert (await rig.complete(number)).by_channel == {"email": {"sent": 3, "failed-technical": 1}}

    asyncio.run(run())


def test_what_has_ended_or_could_not_be_written_stays_failed(timed: Rig, clock: Clock) -> None:
    rig, provider = timed, Provider()
    rig.people(3)

    async def run() -> None:
        async with rig.working({"email": provider}, retries=NO_SCHEDULE) as worker:
            provider.answer = lambda _: TROUBLE[0]
            _, unwritable = rig.issue(content={})
            notice, stopped = rig.issue()
            await rig.complete(unwritable)
            await rig.complete(stopped)
            rig.stop_dispatch(notice, stopped)
            provider.answer = lambda _: SendResult(result="sent")
            handed = len(provider.handed)
            for _ in range(3):
                clock.now += timedelta(minutes=11)
                await worker.requeue_recovered()
            await asyncio.sleep(0.5)
            assert len(provider.handed) == handed
            assert set(rig.states(unwritable).values()) == {"failed-technical"}

    asyncio.run(run())


def test_deferred_messages_leave_when_the_server_is_back(timed: Rig) -> None:
    rig, provider = timed, Provider()
    rig.people(30)

    async def run() -> None:
        down = SendResult(result="temporary", reason="no mail server could be reached", outage=True)
        provider.answer = lambda _: down
        async with rig.working({"email": provider}, retries=SCHEDULE) as worker:
            _, number = rig.issue()
            await rig.until(lambda: rig.tallied(number) == {DEFERRED: 30})
            tried = len(provider.handed)
            await worker.release_waiting()
            await rig.until(lambda: len(provider.handed) == tried + 1)
            await rig.until(lambda: rig.tallied(number) == {DEFERRED: 30})
            provider.answer = lambda _: SendResult(result="sent")
            await worker.release_waiting()  # one finds out that it is back
            await rig.until(lambda: rig.tallied(number).get(SENT) == 1)
            await worker.release_waiting()
            assert (await rig.complete(number)).by_channel == {"email": {"sent": 30}}

    asyncio.run(run())


def test_busy_mailbox_waits_for_its_own_time(timed: Rig) -> None:
    rig, provider = timed, Provider()
    rig.people(2)

    async def run() -> None:
        busy = iter([SendResult(result="temporary", reason="451 4.2.0 mailbox busy")])
        provider.answer = lambda _: next(busy, SendResult(result="sent"))
        async with rig.working({"email": provider}, retries=SCHEDULE) as worker:
            _, number = rig.issue()
            await rig.until(lambda: rig.tallied(number) == {SENT: 1, DEFERRED: 1})
            for _ in range(3):
                await worker.release_waiting()
                await asyncio.sleep(0.1)
            assert rig.tallied(number) == {SENT: 1, DEFERRED: 1}

    asyncio.run(run())


def test_process_tries_what_an_earlier_one_deferred(timed: Rig) -> None:
    rig, provider = timed, Provider()
    rig.people(3)

    async def run() -> None:
        provider.answer = lambda _: SendResult(result="in-doubt", reason="the reply was lost", outage=True)
        async with rig.working({"email": provider}, retries=SCHEDULE):
            _, number = rig.issue()
            await rig.until(lambda: rig.tallied(number) == {DEFERRED: 3})
        provider.answer = lambda _: SendResult(result="sent")
        async with rig.working({"email": provider}, retries=SCHEDULE) as worker:
            await worker.release_waiting()
            await rig.until(lambda: SENT in rig.tallied(number))
            await worker.release_waiting()
            assert (await rig.complete(number)).by_channel == {"email": {"sent": 3}}

    asyncio.run(run())
