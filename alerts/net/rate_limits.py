"""Rate limits in requests per second for each API key and source: a token bucket each, in process memory.

Protects the product from a runaway client; each process counts only what it serves. One second's worth may come as a
burst, and refused requests use no tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from alerts.kernel.errors import TooManyRequests
from alerts.net.token_bucket import TokenBucket

_MOST = 10_000
"""Number of buckets at which full ones are discarded."""
_BURST_SECONDS = 1.0


class RateLimits:
    """Token buckets by key or source. `tick` is a monotonic clock in seconds."""

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, who: str, rate: float, *, burst_seconds: float = _BURST_SECONDS) -> None:
        """Take a token for one request of `who`, limited to `rate` per second; `burst_seconds` of it may come at once.

        Raises `TooManyRequests`.
        """
        now = self._tick()
        bucket = self._buckets.get(who) or self._add(who, rate, now, burst_seconds)
        bucket.rate = rate
        if not bucket.take(now):
            seconds = math.ceil(bucket.delay(now))
            raise TooManyRequests(
                f"more than {rate:g} requests a second; wait {seconds} s, then send fewer", retry_after=seconds
            )

    def _add(self, who: str, rate: float, now: float, burst_seconds: float) -> TokenBucket:
        if len(self._buckets) >= _MOST:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)}
        bucket = self._buckets[who] = TokenBucket(rate, now, burst_seconds=burst_seconds)
        return bucket
