"""Reactor port: side effects of events (`alerts.dispatch.fanout`)."""

from __future__ import annotations

from typing import Protocol

from alerts.kernel.events import Recorded


class Reactor(Protocol):
    """Side effects of events, never replayed; the position is stored in the transaction of the effects."""

    def position(self) -> int:
        """Position of the last effects; events up to there are applied without effects."""

    def wants(self, recorded: Recorded) -> bool:
        """True if this event, not applied yet, may have effects given the current reference data."""

    def prepare(self, recorded: Recorded) -> None:
        """Capture state right before an event with effects is applied."""

    def react(self, recorded: Recorded) -> bool:
        """Run one event's effects, after it has been applied; True if they are on disk.

        False, or Unavailable raised: retry; another process is running them, or the database is away.
        """

    def is_leader(self) -> bool:
        """True if this process runs the effects; the others stand by."""

    def advance_clock(self, position: int) -> None:
        """Save that everything up to here was seen, without effects since the last."""
