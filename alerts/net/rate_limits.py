"""How many requests a second one API key or one source may make: a token bucket each, in the memory of this process.

It keeps a program gone wild from taking the product's time, so each process counts what it serves itself. A second's
worth may come at once; what is refused costs nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from alerts.kernel.errors import TooManyRequests

_MOST = 10_000
"""Buckets kept before the full ones are thrown away."""


class Limits:
    """The buckets, each kept as the moment (seconds of `tick`) at which it would be full again."""

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._full_at: dict[str, float] = {}

    def take(self, who: str, rate: float) -> None:
        """One request of `who`, who may make `rate` a second. Raises `TooManyRequests`."""
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
