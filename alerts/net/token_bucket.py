"""A token bucket: so many a second on average, and only a few at once."""

from __future__ import annotations


class TokenBucket:
    """Times are monotonic seconds. `rate` may change at any time."""

    def __init__(self, rate: float, now: float, *, burst_seconds: float = 0.25) -> None:
        """`rate` > 0 a second; what `burst_seconds` bring, one at least, may go at once."""
        self.rate, self._burst_seconds = rate, burst_seconds
        self._tokens, self._at = self._most, now

    @property
    def _most(self) -> float:
        return max(1.0, self.rate * self._burst_seconds)

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def refund(self) -> None:
        """A token was not needed."""
        self._tokens = min(self._most, self._tokens + 1.0)

    def delay(self, now: float) -> float:
        """Seconds until there is a token; 0.0 if there is one."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
