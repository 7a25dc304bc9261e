"""Rate limits of one key."""

from __future__ import annotations

import pytest

from alerts.kernel.errors import TooManyRequests
from alerts.net.rate_limits import RateLimits


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(limits: RateLimits, who: str, rate: float, times: int) -> int:
    """Number of requests let in, out of `times`."""
    let = 0
    for _ in range(times):
        try:
            limits.take(who, rate)
            let += 1
        except TooManyRequests:
            pass
    return let


def test_a_second_of_it_may_come_at_once_and_no_more() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    assert taken(limits, "a", 10, 50) == 10
    assert taken(limits, "b", 10, 50) == 10, "another key has its own"
    clock.now += 0.5
    assert taken(limits, "a", 10, 50) == 5
    clock.now += 100
    assert taken(limits, "a", 10, 50) == 10, "what was not used is not saved up"


def test_whoever_keeps_on_trying_is_let_in_at_the_rate() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    let = 0
    for _ in range(1000):
        let += taken(limits, "a", 5, 1)
        clock.now += 0.01
    assert let == 5 + 50 - 1, "refusals cost nothing of it"


def test_less_than_one_a_second_says_how_long_to_wait() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.take("a", 0.1)
    with pytest.raises(TooManyRequests) as refused:
        limits.take("a", 0.1)
    assert refused.value.retry_after == 10
    clock.now += 9.9
    assert taken(limits, "a", 0.1, 1) == 0
    clock.now += 0.2
    assert taken(limits, "a", 0.1, 1) == 1


def test_full_buckets_are_not_kept() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    for number in range(10_000):
        limits.take(str(number), 100)
    clock.now += 1
    limits.take("one more", 100)
    assert len(limits._buckets) == 1
