"""Events of exports of subscribers: who took the register out, and how much of it."""

from __future__ import annotations

from alerts.kernel.events import Event


class ExportStarted(Event, frozen=True, kw_only=True):
    """An export of subscribers with their addresses began; it may have been broken off."""


class ExportFinished(Event, frozen=True, kw_only=True):
    """The export was handed over as a whole."""

    people: int


EVENTS: tuple[type[Event], ...] = (
    ExportStarted,
    ExportFinished,
)
