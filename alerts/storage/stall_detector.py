"""Stall detection: work of another process that is awaited and makes no progress."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic

STALL_TIMEOUT_S = 3.0
"""Seconds without progress after which another process takes over."""


class StallDetector:
    """Watches the point to which the work has come. A stopped process keeps its lock, so that only this shows it."""

    def __init__(self, timeout: float = STALL_TIMEOUT_S, tick: Callable[[], float] = monotonic) -> None:
        self._timeout, self._tick = timeout, tick
        self._seen: tuple[Hashable, float] | None = None

    def is_stalled(self, progress: Hashable) -> bool:
        """True if the work has stood at `progress` for longer than the timeout; to be asked while more is awaited."""
        now = self._tick()
        if self._seen is None or self._seen[0] != progress:
            self._seen = (progress, now)
        return now - self._seen[1] > self._timeout

    def reset(self) -> None:
        """Begin anew: nothing is awaited."""
        self._seen = None
