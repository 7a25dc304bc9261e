"""Rate limits in requests per second for each API key and source: a token bucket each, in process memory.

Protects the product from a runaway client; each process counts only what it serves. One second's worth may come as a
burst, and refused requests use no tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from alerts.kernel.errors import TooManyRequests

_MOST = 10_000
"""Number of buckets at which full ones are discarded."""


class Limits:
    """Token buckets, each stored as the time (seconds of `tick`) at which it would be full again."""

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._full_at: dict[str, float] = {}

    def take(self, who: str, rate: float) -> None:
        """Take a token for one request of `who`, limited to `rate` per second.

        Raises `TooManyRequests`.
        """
        now = self._tick()
        full_at = max(self._full_at.get(who, 0.0), now)
        wait = full_at - now - (max(rate, 1.0) - 1) / rate
        if wait > 1e-6:
            seconds = math.ceil(wait)
            raise TooManyRequests(
                f"more than {rate:g} requests a second; wait {seconds} s, then send fewer", retry_after=seconds
            )
        if len(self._full_at) >= _MOST:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
        self._full_at[who] = full_at + 1 / rate
