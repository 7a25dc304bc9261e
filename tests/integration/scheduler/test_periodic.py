"""Periodic jobs: independent of each other and of the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from time import monotonic

import pytest

from alerts.scheduler.periodic import PeriodicJob, PeriodicJobs


async def test_slow_job_delays_no_other_when_the_clock_is_set_back(set_clock_back: Callable[[], None]) -> None:
    """A worker lease must be renewed beside a canary that takes its time."""
    renewed: list[float] = []
    slow = 0

    async def renew() -> None:
        renewed.append(monotonic())

    async def wait() -> None:
        nonlocal slow
        slow += 1
        await asyncio.sleep(4.0)

    jobs = PeriodicJobs([PeriodicJob("canary", 0.5, wait), PeriodicJob("lease", 0.5, renew)])
    jobs.start()
    await asyncio.sleep(0.2)
    set_clock_back()
    await asyncio.sleep(6.0)
    await jobs.stop()
    assert max(later - earlier for earlier, later in pairwise(renewed)) < 3.5
    assert len(renewed) >= 6, "every half second again after the first delay"
    assert slow == 2, "never twice at a time"


async def test_stop_ends_a_running_job_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    begun, ended = asyncio.Event(), False

    async def hang() -> None:
        nonlocal ended
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended = True

    jobs = PeriodicJobs([PeriodicJob("canary", 60, hang), PeriodicJob("lease", 0.01, asyncio.Event().wait)])
    jobs.start()
    await begun.wait()
    await jobs.stop()
    assert ended
    await asyncio.sleep(0.05)
    assert caplog.records == []
