"""Which of several processes does work that one at a time should do; the others stand by, ready to go on at once.

A lock says whose turn it is, and is free the moment its holder dies. A holder that is stopped keeps it: when the work
stands still for a few seconds, another stands in. That two may then be at it does no harm: what they write has a fence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Literal, Protocol

_log = logging.getLogger(__name__)
STALL_TIMEOUT_S = 3.0
"""Seconds without a step after which another stands in."""

Turn = Literal["ours", "theirs", "done"]


class LeaderElection(Protocol):
    """`alerts.storage.leader_election.Leader`."""

    def is_leader(self) -> bool:
        """Whether this process holds the lock."""

    def release(self) -> None:
        """Let another process lead."""


class LeaderWithFailover:
    """Turns at one kind of work whose steps have growing numbers. From any thread."""

    def __init__(
        self, leader: LeaderElection, reached: Callable[[], int], *, what: str, tick: Callable[[], float] = monotonic
    ) -> None:
        """`reached` reads which step is on disk; `what` is for the log."""
        self._leader, self._read, self._what, self._tick = leader, reached, what, tick
        self._lock = Lock()
        self._stood = (-1, 0.0)
        """The step that is on disk while ours is waited for, and since when."""
        self._stands_in = False
        self.done = 0
        """A step that is on disk, as far as this process knows: all up to it are."""

    def is_leader(self) -> bool:
        """Whether this process has the lock, or stands in for who has it."""
        if self._stands_in:
            return True
        with self._lock:
            return self._leader.is_leader()

    def whose_step(self, step: int) -> Turn:
        """Whose turn it is to do that step. Raises what the driver raises."""
        if self.is_leader():
            return "ours"
        if self.done < step:
            self.done = max(self.done, self._read())
        if self.done >= step:
            self._stood = (-1, 0.0)
            return "done"
        if self._stood[0] != self.done:
            self._stood = (self.done, self._tick())
        elif self._tick() - self._stood[1] > STALL_TIMEOUT_S:
            self._stands_in = True
            _log.warning("the process that does %s stands still at %d: this one stands in", self._what, self.done)
            return "ours"
        return "theirs"

    def step_done(self, step: int, *, ours: bool) -> None:
        """That step is on disk now, by our doing or, while we were at it, by another's."""
        self.done = max(self.done, step)
        if not ours:
            self._stands_in = False

    def release(self) -> None:
        """Let another process lead."""
        with self._lock:
            self._leader.release()
