"""Events of what readers say about a notice. Words are sealed under a key of their own."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from alerts.kernel.events import Event


class FeedbackGiven(Event, frozen=True, kw_only=True):
    """A reader found a notice useful or not, or wrote something about it."""

    personal: ClassVar[tuple[str, ...]] = ("words",)

    notice: UUID
    """The thread's first notice."""
    useful: bool | None = None
    """None: words alone."""
    language: str = ""
    words: str | None = None


EVENTS: tuple[type[Event], ...] = (FeedbackGiven,)
