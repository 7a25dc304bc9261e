"""Planning beside counts, and notices whose audience costs too much: neither delays an emergency."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from alerts.domain import events as e
from alerts.domain.streams import SEGMENT, segment_id
from subscribers.audience import projector as projector_module
from subscribers.audience.matching import Count
from tests.support.rig import WALWORTH, Rig

PLAN = e.NoticePlan(kind="alert", area=[WALWORTH], channels=("email",))


def test_emergency_is_planned_while_an_audience_is_counted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is held in its middle until the emergency has gone out; it then counts those of its beginning."""
    rig.people(3)
    counting, planned, real = threading.Event(), threading.Event(), projector_module.count

    def held(*args: Any) -> Count:
        counting.set()
        assert planned.wait(20)
        return real(*args)

    monkeypatch.setattr(projector_module, "count", held)

    async def run() -> None:
        await rig.until(lambda: rig.projector.caught_up and rig.projector.position() >= rig.log.position())
        async with rig.working():
            task = asyncio.create_task(rig.projector.count(PLAN))
            assert await asyncio.to_thread(counting.wait, 10)
            await asyncio.to_thread(rig.people, 2)
            _, number = rig.issue()
            progress = await rig.complete(number)
            planned.set()
            assert (progress.people, (await task).people) == (5, 3)

    asyncio.run(run())


def test_count_waits_while_an_event_has_its_effects(rig: Rig) -> None:
    rig.people(1)

    async def run() -> None:
        await rig.until(lambda: rig.projector.caught_up and rig.projector.position() >= rig.log.position())
        rig.projector._resting.clear()
        task = asyncio.create_task(rig.projector.count(PLAN))
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done
        rig.projector._resting.set()
        assert (await task).people == 1

    asyncio.run(run())


def test_notice_with_too_large_an_audience_is_parked(rig: Rig) -> None:
    """Its segments became too large after the issue was checked: it goes to no one, and the next one goes out."""
    rig.people(2)
    for slug in ("a", "b", "c"):
        rule = {"any": [{"channel": "email"}] * 400}
        rig.tell(SEGMENT, segment_id(slug), e.SegmentDefined(slug=slug, name=slug, rule=rule))

    async def run() -> None:
        async with rig.working():
            whole = {"any": [{"segment": slug} for slug in ("a", "b", "c")]}
            _, parked = rig.issue(audience=whole, urgency="Immediate", certainty="Observed")
            _, number = rig.issue(urgency="Immediate", certainty="Observed")
            assert (await rig.complete(number)).people == 2
            await asyncio.to_thread(rig.people, 1)  # a late comer asks both emergencies
            await rig.until(lambda: len(rig.states(number)) == 3)
            assert rig.states(parked) == {}
            assert rig.projector.stalled_because == ""

    asyncio.run(run())


def test_segments_that_name_each_other_twice_are_planned(rig: Rig) -> None:
    rig.people(2)
    rig.tell(SEGMENT, segment_id("s0"), e.SegmentDefined(slug="s0", name="s0", rule={"channel": "email"}))
    for level in range(1, 41):
        slug, below = f"s{level}", {"segment": f"s{level - 1}"}
        rig.tell(SEGMENT, segment_id(slug), e.SegmentDefined(slug=slug, name=slug, rule={"any": [below, below]}))

    async def run() -> None:
        async with rig.working():
            notice, number = rig.issue(audience={"segment": "s40"})
            assert (await rig.complete(number)).people == 2
            subscriber = next(iter(rig.subscriber_of.values()))
            why = await asyncio.to_thread(rig.app.services.explainer.why_not, notice, subscriber)
            assert why is not None and why.due

    asyncio.run(run())
