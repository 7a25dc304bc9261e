"""What the follower asks of the one who has effects (`alerts.dispatch.fanout`)."""

from __future__ import annotations

from typing import Protocol

from alerts.kernel.events import Recorded


class Reactor(Protocol):
    """What has effects. It is never rebuilt; it keeps its position in the transaction of its effects."""

    def position(self) -> int:
        """How far its effects have come; events up to there are applied without effects."""

    def wants(self, recorded: Recorded) -> bool:
        """Whether this event may have effects, as the registers now stand (it is not applied yet)."""

    def prepare(self, recorded: Recorded) -> None:
        """A look at how things stand right before an event with effects is applied."""

    def react(self, recorded: Recorded) -> bool:
        """Effects of one event, after it has been applied: whether they are on disk. False, or Unavailable raised:
        ask again; another process is at it, or the database is away."""

    def is_leader(self) -> bool:
        """Whether it is this process that has effects; the others stand by."""

    def advance_clock(self, position: int) -> None:
        """Everything up to here has been seen, without effects since the last."""
