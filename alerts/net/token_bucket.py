"""Token bucket: an average rate per second with a small burst."""

from __future__ import annotations

_ROUNDING = 1e-9
"""Tokens that may be missing: what accrues in steps adds up to less than the sum by rounding."""


class TokenBucket:
    """Token bucket. Times are monotonic seconds; `rate` may change at any time."""

    def __init__(self, rate: float, now: float, *, burst_seconds: float = 0.25) -> None:
        """`rate` > 0 per second; the burst is what accrues in `burst_seconds`, at least one token."""
        self.rate, self._burst_seconds = rate, burst_seconds
        self._tokens, self._at = self._most, now

    @property
    def _most(self) -> float:
        return max(1.0, self.rate * self._burst_seconds)

    def take(self, now: float) -> bool:
        """Take a token. Returns False if none is available."""
        self._fill(now)
        if self._tokens < 1.0 - _ROUNDING:
            return False
        self._tokens = max(0.0, self._tokens - 1.0)
        return True

    def refund(self) -> None:
        """Return a token that was not used."""
        self._tokens = min(self._most, self._tokens + 1.0)

    def delay(self, now: float) -> float:
        """Seconds until a token is available; 0.0 if one is."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    def is_full(self, now: float) -> bool:
        """True if the whole burst is available."""
        self._fill(now)
        return self._tokens >= self._most

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
