"""Failures between a claim and its record: no row stays claimed, none is counted twice, nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from alerts.channels.message import Message, SendResult
from alerts.eventlog.ports import Committed, UnitOfWork, Writer
from alerts.kernel.errors import Unavailable
from tests.support.rig import WALWORTH, Rig, Scripted


class Held(Scripted):
    """Keeps the first so many messages until it is told to let them go."""

    def __init__(self, hold: int) -> None:
        super().__init__("email")
        self.hold, self.free = hold, asyncio.Event()

    async def send(self, message: Message) -> SendResult:
        held = len(self.handed) < self.hold
        handed = await super().send(message)
        if held:
            await self.free.wait()
        return handed


def test_outcome_of_a_reassigned_claim_is_not_counted(rig: Rig, dialect: str) -> None:
    if dialect == "sqlite":
        pytest.skip("one process owns the queue")
    due = rig.people(20)

    async def play() -> None:
        provider = Held(20)
        async with rig.working({"email": provider}) as worker:
            _, number = rig.issue(area=[WALWORTH])
            await rig.until(lambda: len(provider.handed) == 20)
            with rig.main.write() as tx:  # another process takes this one for dead
                tx.execute("DELETE FROM workers")
            worker.queue.lease._beaten = 0.0
            await rig.until(lambda: len(provider.handed) == 40)
            provider.free.set()
            await rig.complete(number)
            await asyncio.sleep(0.7)  # longer than outcomes wait for each other
            assert rig.tallied(number) == {3: len(due)}
            assert {row.tries for row in rig.reads.deliveries(notice=number, limit=100).items} == {2}

    asyncio.run(play())


def test_claims_are_released_when_composing_fails(rig: Rig) -> None:
    due = rig.people(30)

    async def play() -> None:
        provider = Scripted("email")
        async with rig.working({"email": provider}) as worker:
            composer = worker.delivery._composer
            cards, failures = composer._directory.cards, [OSError("disk I/O error"), Unavailable("no views")]

            class Failing:
                def cards(self, numbers: Any) -> Any:
                    if failures:
                        raise failures.pop()
                    return cards(numbers)

            composer._directory = Failing()
            _, number = rig.issue(area=[WALWORTH])
            await rig.complete(number)
            assert rig.tallied(number) == {3: len(due)}
            assert len(provider.handed) == len(due)

    asyncio.run(play())


def test_unstorable_provider_words_lose_no_outcome(rig: Rig) -> None:
    due = rig.people(12)
    answers = ["550 Empf\udce4nger unbekannt", "550 no\x00body", "550 plain"]

    def answer(message: Message) -> SendResult:
        at = due.index(int(message.to[1:].split("@")[0]))
        if at < 3:
            return SendResult(result="permanent", reason=answers[at])
        return SendResult(result="sent", reference="ok\udcff\x00")

    async def play() -> None:
        async with rig.working({"email": Scripted("email", answer)}):
            _, number = rig.issue(area=[WALWORTH])
            await rig.complete(number, 10)
            assert rig.tallied(number) == {3: 9, 6: 3}

    asyncio.run(play())


class Forgetful:
    """A writer whose answer to the first claims is lost with the connection, after the commit."""

    def __init__(self, writer: Writer, losses: int) -> None:
        self._writer, self._losses = writer, losses

    async def run(self, work: Callable[[UnitOfWork], Any], **options: Any) -> Committed[Any]:
        done = await self._writer.run(work, **options)
        if getattr(done.result, "rows", None) and self._losses:
            self._losses -= 1
            raise Unavailable("the connection was lost")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


def test_claim_with_a_lost_commit_reply_is_recovered(rig: Rig) -> None:
    due = rig.people(200)

    async def play() -> None:
        provider = Scripted("email")
        async with rig.working({"email": provider}) as worker:
            worker.queue.writer = Forgetful(rig.writer, 2)
            _, number = rig.issue(area=[WALWORTH])
            await rig.complete(number)
            assert rig.tallied(number) == {3: len(due)}
            assert len(provider.handed) == len(due), "a claim that was never served is sent once"

    asyncio.run(play())


def test_outcome_with_a_lost_commit_reply_is_counted_once(rig: Rig) -> None:
    due = rig.people(40)

    class LosesRecords:
        def __init__(self, writer: Writer) -> None:
            self._writer, self.losses = writer, 3

        async def run(self, work: Callable[[UnitOfWork], Any], **options: Any) -> Committed[Any]:
            done = await self._writer.run(work, **options)
            if self.losses:
                self.losses -= 1
                raise Unavailable("the connection was lost")
            return done

    async def play() -> None:
        provider = Scripted("email")
        async with rig.working({"email": provider}) as worker:
            worker.delivery._writer = LosesRecords(rig.writer)  # type: ignore[assignment]
            _, number = rig.issue(area=[WALWORTH])
            await rig.complete(number)
            assert rig.tallied(number) == {3: len(due)}
            assert len(provider.handed) == len(due)

    asyncio.run(play())


def test_stalled_destination_delays_no_other(rig: Rig) -> None:
    due = rig.people(1500)
    slow = {f"p{contact}@example.org" for contact in due[::100]}

    class Stalling(Scripted):
        async def send(self, message: Message) -> SendResult:
            handed = await super().send(message)
            if message.to in slow:
                await free.wait()
            return handed

    free = asyncio.Event()

    async def play() -> None:
        async with rig.working({"email": Stalling("email")}, senders=1):
            _, number = rig.issue(area=[WALWORTH])
            await rig.until(lambda: sent(number) == len(due) - len(slow))
            free.set()
            await rig.complete(number)
            assert rig.tallied(number) == {3: len(due)}

    def sent(number: int) -> int:
        progress = rig.reads.progress(number)
        return progress.by_channel.get("email", {}).get("sent", 0) if progress is not None else 0

    asyncio.run(play())


def test_destroyed_key_suppresses_before_the_erasure_event(rig: Rig) -> None:
    first, *others = rig.people(5)

    async def play() -> None:
        provider = Scripted("email")
        assert rig.projector.wait_for(rig.log.position(), 10)
        rig.vault.destroy(rig.subscriber_of[first])
        async with rig.working({"email": provider}):
            _, number = rig.issue(area=[WALWORTH])
            await rig.complete(number)
            row = rig.reads.delivery(number, first)
            assert row is not None and (row.state, row.reason) == ("suppressed", "erased")
            assert sorted(provider.recipients()) == sorted(f"p{contact}@example.org" for contact in others)

    asyncio.run(play())
