"""Leader election with failover, for work that one process at a time should do.

A lock names the leader, and is free as soon as its holder dies. A stopped holder keeps it: when the work makes no
progress for a few seconds, another process takes over. Two may then work at once, safely: their writes are fenced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Literal, Protocol

from alerts.storage.stall_detector import StallDetector

_log = logging.getLogger(__name__)

Turn = Literal["ours", "theirs", "done"]


class LeaderElection(Protocol):
    """`alerts.storage.leader_election.AdvisoryLockLeader`."""

    def is_leader(self) -> bool:
        """True if this process holds the lock."""

    def release(self) -> None:
        """Release the lock for another process."""


class LeaderWithFailover:
    """Leader of one kind of work whose steps have increasing numbers. Thread-safe."""

    def __init__(
        self, leader: LeaderElection, reached: Callable[[], int], *, what: str, tick: Callable[[], float] = monotonic
    ) -> None:
        """`reached` reads the step that is on disk; `what` is for log lines."""
        self._leader, self._read, self._what = leader, reached, what
        self._lock = Lock()
        self._stall = StallDetector(tick=tick)
        self._taken_over = False
        self.done = 0
        """Last step on disk, as far as this process knows; all before it are too."""

    def is_leader(self) -> bool:
        """True if this process holds the lock, or has taken over from its holder."""
        if self._taken_over:
            return True
        with self._lock:
            return self._leader.is_leader()

    def whose_step(self, step: int) -> Turn:
        """Decide which process has to do that step. Raises the errors of the database and of `reached`."""
        if self.is_leader():
            return "ours"
        if self.done < step:
            self.done = max(self.done, self._read())
        if self.done >= step:
            self._stall.reset()
            return "done"
        if self._stall.is_stalled(self.done):
            self._taken_over = True
            _log.warning("the process that does %s stands still at %d: this one stands in", self._what, self.done)
            return "ours"
        return "theirs"

    def step_done(self, step: int, *, ours: bool) -> None:
        """Record that the step is on disk, by this process (`ours`) or another one."""
        self.done = max(self.done, step)
        if not ours:
            self._taken_over = False

    def release(self) -> None:
        """Release the lock for another process."""
        with self._lock:
            self._leader.release()
