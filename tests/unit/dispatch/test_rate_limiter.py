"""The line before a provider that takes only so many messages a second."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from alerts.dispatch.rate_limiter import RateLimiter
from alerts.net.token_bucket import TokenBucket
from tests.support.virtual_time import run_in_virtual_time


def test_a_bucket_gives_its_rate_and_no_more_than_a_burst() -> None:
    bucket = TokenBucket(10.0, 0.0, burst_seconds=0.5)
    assert [bucket.take(0.0) for _ in range(6)] == [True] * 5 + [False]
    assert 0.09 < bucket.delay(0.0) <= 0.1
    assert sum(bucket.take(at / 100) for at in range(1, 101)) in (9, 10)
    assert sum(bucket.take(1000.0) for _ in range(50)) == 5


def test_a_slow_clock_brings_nothing() -> None:
    bucket = TokenBucket(10.0, 5.0)
    bucket.take(5.0), bucket.take(5.0)
    assert bucket.delay(4.0) <= 0.1


def test_the_rate_is_kept_and_emergencies_go_first() -> None:
    async def run() -> tuple[list[bool], float]:
        now = asyncio.get_running_loop().time
        pace, went = RateLimiter(lambda: 100.0, now=now), []

        async def one(emergency: bool) -> None:
            await pace.acquire(emergency=emergency)
            went.append(emergency)

        begun = now()
        tasks = [asyncio.create_task(one(False)) for _ in range(60)]
        await asyncio.sleep(0)  # they stand in line
        tasks += [asyncio.create_task(one(True)) for _ in range(10)]
        await asyncio.gather(*tasks)
        return went, now() - begun

    went, took = run_in_virtual_time(run())
    assert 0.40 < took < 0.50, "70 messages at 100 a second, of which 25 may go at once"
    last = max(place for place, emergency in enumerate(went) if emergency)
    assert last < 50, "the emergencies overtook those that were in line before them"


def test_a_turn_that_nobody_used_goes_to_the_next() -> None:
    async def run() -> float:
        now = asyncio.get_running_loop().time
        pace = RateLimiter(lambda: 2.0, now=now)
        begun = now()

        async def one() -> None:
            await pace.acquire(emergency=False)
            pace.refund()

        await asyncio.gather(*(one() for _ in range(200)))
        return now() - begun

    assert run_in_virtual_time(run()) < 0.01


def test_somebody_who_left_the_line_holds_up_nobody() -> None:
    async def run() -> None:
        pace = RateLimiter(lambda: 20.0, now=asyncio.get_running_loop().time)
        tasks = [asyncio.create_task(pace.acquire(emergency=False)) for _ in range(12)]
        await asyncio.sleep(0)
        for task in tasks[5:9]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2)

    run_in_virtual_time(run())


def test_what_would_wait_long_gets_a_time_and_the_times_keep_the_rate() -> None:
    pace = RateLimiter(lambda: 10.0, now=lambda: 100.0, rng=lambda: 0.5)
    waits = [pace.retry_after(emergency=False, again=False) for _ in range(400)]
    assert waits[:10] == [None] * 10
    booked = [wait for wait in waits[10:] if wait is not None]
    assert len(booked) == 390
    assert all(0.09 < b - a < 0.11 for a, b in pairwise(booked[:300]))
    assert max(booked) <= 60.0


def test_an_emergency_stands_in_no_line_of_others() -> None:
    pace = RateLimiter(lambda: 10.0, now=lambda: 100.0)
    for _ in range(200):
        pace.retry_after(emergency=False, again=False)
    assert pace.retry_after(emergency=True, again=False) is None


def test_whose_turn_has_come_may_wait_where_a_new_one_may_not() -> None:
    pace = RateLimiter(lambda: 10.0, now=lambda: 100.0)
    for _ in range(50):
        pace.retry_after(emergency=False, again=False)
    assert pace.retry_after(emergency=False, again=True) is None
    assert pace.retry_after(emergency=False, again=False) is not None
