"""Several workers on one queue: who lives is judged by the database's clock, and nobody is buried alive."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import pytest

from alerts.channels.message import Message, SendResult
from alerts.delivery_queue.state import read_snapshot
from alerts.delivery_queue.worker_lease import LIFE, WorkerLease, expire_worker, workers
from alerts.storage.server_clock import shared_now
from tests.support.rig import WALWORTH, Rig, Scripted, now, running

_LIFE = LIFE.total_seconds()


@pytest.fixture
def dialect() -> str:
    """On SQLite one process owns the queue."""
    return "postgresql"


@contextmanager
def beside(rig: Rig, **options: Any) -> Iterator[Rig]:
    """A second process on the same databases."""
    other = Rig(rig.databases, **options)
    try:
        yield other
    finally:
        other.close()


class Ticking:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def lease_of(rig: Rig, tick: Callable[[], float]) -> WorkerLease:
    return WorkerLease(rig.main, rig.writer, clock=rig.clock, tick=tick)


def expire(rig: Rig, worker: int) -> None:
    """As if it had been silent for a lease's life."""
    with rig.main.write() as tx:
        tx.execute("UPDATE workers SET alive_until = 1 WHERE worker = ?", (worker,))


@pytest.mark.parametrize("off", [timedelta(hours=-2), timedelta(hours=2)])
def test_lease_is_judged_by_the_database_clock(rig: Rig, off: timedelta) -> None:
    with beside(rig, clock=lambda: now() + off) as other:
        right, wrong = lease_of(rig, Ticking()), lease_of(other, Ticking())

        async def play() -> None:
            await right.acquire()
            await wrong.acquire()
            for who, mine in ((rig, right), (other, wrong)):
                picture = read_snapshot(who.main, mine.number, who.clock(), alone=False)
                assert (picture.silent, picture.workers) == ((), 2)
            expire(rig, right.number)
            assert read_snapshot(other.main, wrong.number, other.clock(), alone=False).silent == (right.number,)
            await right.renew()
            assert read_snapshot(other.main, wrong.number, other.clock(), alone=False).silent == ()

        asyncio.run(play())


def test_renewed_lease_is_not_expired(rig: Rig) -> None:
    lease = lease_of(rig, Ticking())

    async def play() -> None:
        await lease.acquire()
        expire(rig, lease.number)
        with rig.main.read() as tx:
            seen = shared_now(tx.execute, tx.dialect, now())
            assert workers(tx, now()) == {lease.number: False}
        await lease.renew()
        dead = await rig.writer.run(lambda unit: expire_worker(unit, lease.number, seen), by="system")
        assert not dead.result
        number = lease.number
        expire(rig, number)
        assert (await rig.writer.run(lambda unit: expire_worker(unit, number, seen), by="system")).result
        await lease.renew()
        assert lease.number > number, "it begins anew"

    asyncio.run(play())


def test_release_waits_for_a_renewal_that_lost_the_lease(rig: Rig) -> None:
    lease = lease_of(rig, Ticking())

    async def play() -> None:
        await lease.acquire()
        with rig.main.write() as tx:
            tx.execute("DELETE FROM workers")
        renewal = asyncio.create_task(lease.renew())
        await asyncio.sleep(0)
        await lease.release()
        await renewal
        for _ in range(2):
            with rig.main.read() as tx:
                assert workers(tx, now()) == {}
            await lease.renew()

    asyncio.run(play())


def test_silent_worker_may_not_expire_others_at_once(rig: Rig) -> None:
    tick = Ticking()
    lease = lease_of(rig, tick)

    async def play() -> None:
        await lease.acquire()
        assert not lease.may_expire_others, "just come"
        for _ in range(int(_LIFE) // 2):
            tick.at += 2.0
            await lease.renew()
        assert lease.may_expire_others
        tick.at += _LIFE
        assert not lease.may_expire_others and not lease.is_valid(lease.number), "the database was away"
        await lease.renew()
        assert lease.is_valid(lease.number) and not lease.may_expire_others
        for _ in range(int(_LIFE) // 2):
            tick.at += 2.0
            await lease.renew()
        assert lease.may_expire_others

    asyncio.run(play())


def test_silent_workers_are_judged_only_when_asked(rig: Rig) -> None:
    lease = lease_of(rig, Ticking())

    async def play() -> None:
        await lease.acquire()
        other = await rig.writer.run(lambda unit: unit.number("worker"), by="system")
        expire(rig, lease.number)
        looked = partial(read_snapshot, rig.main, other.result, now(), alone=False)
        assert looked(judging=True).silent == (lease.number,)
        assert looked(judging=False).silent == ()

    asyncio.run(play())


class Stuck(Scripted):
    """Takes messages and never says what became of them."""

    async def send(self, message: Message) -> SendResult:
        await super().send(message)
        await asyncio.Event().wait()
        raise AssertionError


def test_stopped_worker_leaves_no_claim(rig: Rig) -> None:
    """Deliveries it cannot finish in time are in doubt at once, not when a lease runs out; the rest has not left."""
    due = rig.people(120)

    async def play() -> None:
        stuck, well = Stuck("email"), Scripted("email")
        with beside(rig) as other:
            worker = rig.worker({"email": stuck}, concurrency={"email": 24})
            async with running(worker):
                _, number = rig.issue(area=[WALWORTH])
                await rig.until(lambda: len(stuck.handed) == 20)  # four places are kept for emergencies
                async with other.working({"email": well}):
                    begun = monotonic()
                    await worker.stop(patience=0.5)
                    await other.complete(number, 4.0)
                    assert monotonic() - begun < 4.0
            assert other.tallied(number) == {3: len(due)}
            doubtful = Counter(stuck.recipients())
            assert Counter(well.recipients()) == Counter(f"p{contact}@example.org" for contact in due)
            tries = {
                f"p{row.contact}@example.org": row.tries
                for row in other.reads.deliveries(notice=number, limit=500).items
            }
            assert tries == {to: 1 + doubtful[to] for to in tries}
            with rig.main.read() as tx:
                assert workers(tx, now()) == {}

    asyncio.run(play())


class Slow(Scripted):
    """Provider with a rate of one message a second."""

    def rate(self) -> float:
        return 1.0

    def share_among(self, processes: int) -> None:
        """All the same."""


def test_stop_does_not_wait_for_a_rate_limiter(rig: Rig) -> None:
    rig.people(5)

    async def play() -> None:
        slow = Slow("email")
        worker = rig.worker({"email": slow})
        await worker.start()
        _, number = rig.issue(area=[WALWORTH], priority="emergency")
        await rig.until(lambda: len(slow.handed) == 1)
        begun = monotonic()
        await worker.stop()
        assert monotonic() - begun < 2.5, "the four that wait would take four seconds"
        assert Counter(rig.states(number).values()) == {"sent": len(slow.handed), "queued": 5 - len(slow.handed)}

    asyncio.run(play())


def test_fan_out_moves_to_another_process(rig: Rig) -> None:
    """Effects are computed once, by whoever has the lock; a released lock is taken by who stands by."""
    due = rig.people(30)
    with beside(rig) as other:
        computed: list[str] = []
        for name, one in (("first", rig), ("second", other)):
            reactor: Any = one.projector._reactor
            works = reactor._works
            reactor._works = lambda recorded, name=name, works=works: (computed.append(name), works(recorded))[1]
        _, before = rig.issue(area=[WALWORTH])
        end = rig.log.position()
        assert rig.projector.wait_for(end, 10) and other.projector.wait_for(end, 10)
        [leader] = computed
        standing_by = other if leader == "first" else rig
        gone = rig if leader == "first" else other
        gone.projector.stop()
        gone.app._fan_out_leader.release()
        _, after = rig.issue(area=[WALWORTH])
        assert standing_by.projector.wait_for(rig.log.position(), 10)
        assert computed == [leader, {"first": "second", "second": "first"}[leader]]

        async def play() -> None:
            async with standing_by.working():
                for number in (before, after):
                    await standing_by.complete(number)
                    assert standing_by.tallied(number) == {3: len(due)}

        asyncio.run(play())


def test_standby_takes_over_a_stalled_fan_out(rig: Rig) -> None:
    due = rig.people(30)
    with beside(rig) as other:
        rig.projector.stop()  # it keeps the lock, as a process that is stopped does
        assert rig.projector.runs_effects()
        _, number = rig.issue(area=[WALWORTH])
        begun = monotonic()

        async def play() -> None:
            async with other.working():
                await other.complete(number)
                assert other.tallied(number) == {3: len(due)}

        asyncio.run(play())
        assert monotonic() - begun < 10
