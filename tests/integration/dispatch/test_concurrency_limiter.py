"""Peers that take messages and never answer: they keep neither other destinations nor other channels waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alerts.channels.message import Message, SendResult
from alerts.dispatch.concurrency_limiter import ConcurrencyLimiter, NoSlot
from alerts.providers.webpush.service_health import PushServices
from tests.support.rig import WALWORTH, Rig, Scripted


class Services(Scripted):
    """Two destinations, by the contact point's number; the odd one never answers."""

    def __init__(self) -> None:
        super().__init__("email")
        self.free = asyncio.Event()

    def destination(self, message: Message) -> str:
        return "odd" if int(message.to[1:].split("@")[0]) % 512 >= 256 else "even"

    async def send(self, message: Message) -> SendResult:
        handed = await super().send(message)
        if self.destination(message) == "odd":
            await self.free.wait()
        return handed


def test_stalled_destination_leaves_slots_and_senders(rig: Rig) -> None:
    due = rig.people(2000)
    good = [contact for contact in due if contact % 512 < 256]
    assert 500 < len(good) < 1500

    async def play() -> None:
        provider = Services()
        async with rig.working({"email": provider}, concurrency={"email": 16}, senders=1):
            _, number = rig.issue(area=[WALWORTH])

            def arrived() -> bool:
                return sum(provider.destination(m) == "even" for _, m in provider.handed) == len(good)

            await rig.until(arrived, 15)
            assert len(provider.handed) - len(good) <= 9, "three quarters of the places that are open to all"
            provider.free.set()
            assert number

    asyncio.run(play())


def test_stalled_limiter_turns_waiters_away() -> None:
    async def run() -> tuple[list[Any], bool, bool]:
        gate, free = ConcurrencyLimiter(3, 1), asyncio.Event()

        async def one(emergency: bool) -> str:
            async with gate.slot(emergency=emergency):
                await free.wait()
                return "passed"

        tasks = [asyncio.create_task(one(False)) for _ in range(4)]
        await asyncio.sleep(1.6)
        assert [task.done() for task in tasks] == [False, False, True, True]
        before = gate.is_stalled(emergency=False), gate.is_stalled(emergency=True)
        with pytest.raises(NoSlot) as full:
            await one(False)
        assert 0 < full.value.retry_after < 2
        free.set()
        return await asyncio.gather(*tasks, return_exceptions=True), *before

    results, ordinary, urgent = asyncio.run(run())
    assert results[:2] == ["passed", "passed"] and all(isinstance(one, NoSlot) for one in results[2:])
    assert (ordinary, urgent) == (True, False)


def test_closed_limiter_gives_no_slot() -> None:
    async def run() -> None:
        gate = ConcurrencyLimiter(1, 1)
        async with gate.slot(emergency=True):
            waits = asyncio.create_task(gate.slot(emergency=True).__aenter__())
            await asyncio.sleep(0)
            gate.close()
            with pytest.raises(NoSlot) as full:
                await waits
            assert full.value.retry_after == 0.0
        assert gate.inside == 0

    asyncio.run(run())


def test_failing_push_service_is_paused() -> None:
    services, lost = PushServices(), SendResult(result="in-doubt", reason="no answer in time")
    for _ in range(3):
        assert services.try_start("https://a.example", 0.0) is None
        services.ended("https://a.example", lost, 0.0, status=None)
    refused = services.try_start("https://a.example", 0.5)
    assert refused is not None and refused.result == "not-begun" and refused.retry_after == 0.5
    assert services.try_start("https://b.example", 0.5) is None
    assert services.health("webpush", 0.5).state == "limping"
    assert services.try_start("https://a.example", 1.5) is None, "one finds out"
    probed = services.try_start("https://a.example", 1.5)
    assert probed is not None and probed.result == "not-begun"
    services.ended("https://a.example", SendResult(result="sent"), 1.6, status=201)
    assert services.try_start("https://a.example", 1.7) is None
