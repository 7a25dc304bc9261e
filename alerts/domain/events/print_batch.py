"""Events of print batches: who printed or called, and when they said that it has left."""

from __future__ import annotations

from typing import Literal

from alerts.kernel.events import Event
from alerts.kernel.terms import Channel


class PrintBatchMade(Event, frozen=True, kw_only=True):
    """Pages that lay ready were put together, to be printed or called."""

    channel: Channel
    pages: int


class PrintPagesMarked(Event, frozen=True, kw_only=True):
    """A person said what became of pages of a batch."""

    pages: int
    outcome: Literal["sent", "failed"]
    reason: str = ""


EVENTS: tuple[type[Event], ...] = (PrintBatchMade, PrintPagesMarked)
