"""Events of imports of subscribers."""

from __future__ import annotations

from alerts.kernel.events import Event


class ImportStarted(Event, frozen=True, kw_only=True):
    """An import of a file of subscribers began; `digest` is its SHA-256, by which a resumed import is recognised."""

    digest: str
    rows: int


class ImportRowRefused(Event, frozen=True, kw_only=True):
    """A row was refused. Only its line, field and reason are stored, no address."""

    line: int
    field: str
    reason: str


class ImportFinished(Event, frozen=True, kw_only=True):
    """The import ended."""

    taken: int
    refused: int
    known: int = 0
    """Subscribers that existed already and were left unchanged."""


EVENTS: tuple[type[Event], ...] = (
    ImportStarted,
    ImportRowRefused,
    ImportFinished,
)
