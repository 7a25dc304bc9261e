"""Events of read models: what a person decided about an event that one of them could not apply."""

from __future__ import annotations

from typing import Literal

from alerts.kernel.events import Event


class ParkedEventDecided(Event, frozen=True, kw_only=True):
    """A parked event was applied to its read model after all, or dropped from it until the next rebuild."""

    projection: str
    position: int
    """Log position of the parked event."""
    decision: Literal["retried", "dropped"]
    reason: str = ""


EVENTS: tuple[type[Event], ...] = (ParkedEventDecided,)
