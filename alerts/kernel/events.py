"""Events: frozen structs with a stable topic, a version and a list of their personal fields.

Events are stored for ever: a topic is never renamed and a field never changes its meaning. A new meaning is a new
version with an upcaster (`alerts.eventlog.codec`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact in the past tense; the class name is its topic.

    `personal` names the fields that are sealed under the key of the stream's subject (the stream id). After an erasure
    they are read back as None, so their types allow None.
    """

    version: ClassVar[int] = 1
    personal: ClassVar[tuple[str, ...]] = ()
    private: ClassVar[tuple[str, ...]] = ()
    """Fields that are stored in clear but never shown to programs (a hash of a secret, a body not yet judged)."""

    @classmethod
    def topic(cls) -> str:
        """The stable name under which this event is stored."""
        return cls.__name__

    def without_personal(self) -> Self:
        """Return the event with every personal field set to None, as it reads after an erasure."""
        present = {name: None for name in self.personal if getattr(self, name) is not None}
        return msgspec.structs.replace(self, **present) if present else self


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its position in a stream and, once stored, in the log."""

    originator_id: UUID
    originator_version: int
    """1 for a stream's first event."""
    event: Event
    at: datetime
    by: str
    """The actor: `person:{id}`, `key:{id}`, `source:{name}`, `resident`, `system`, `policy:{name}@{version}`."""
    command: UUID | None = None
    """Id of the request that caused it, as in the response and the log lines; None if there was none."""
    cause: int | None = None
    """Log position of the event that led to this one, if any."""
    position: int = 0
    """Position in the log; 0 until the event is stored."""
    sealed: bytes | None = None
    """The personal fields as stored in the log (sealed under `originator_id`), or None if the event has none.

    Read models store these bytes unchanged, so that no personal data in clear reaches a view and a rebuild gives
    identical rows, whatever has been erased since.
    """

    def without_personal(self) -> Recorded:
        """Return the same record with every personal field of its event set to None."""
        bare = self.event.without_personal()
        return self if bare is self.event else msgspec.structs.replace(self, event=bare)


S = TypeVar("S")


@dataclass(frozen=True)
class Stream(Generic[S]):
    """A kind of stream: its name and the function that folds its events into state.

    `evolve(state, recorded) -> state` is pure and total: `state` is None before the first event, and an event of no
    effect returns the state unchanged.
    """

    name: str
    evolve: Callable[[S | None, Recorded], S]
    events: tuple[type[Event], ...] = ()
    """Event types of the catalogue; every list of topics is derived from these."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics of its events."""
        return frozenset(event.topic() for event in self.events)


@dataclass(frozen=True)
class Catalogue:
    """The events that a codec can read: topic → class, and (topic, from version) → upcaster over the raw fields."""

    events: Mapping[str, type[Event]]
    upcasters: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, *classes: type[Event]) -> Catalogue:
        """Build a catalogue of these classes, without upcasters."""
        return cls({c.topic(): c for c in classes})

    def joined(self, other: Catalogue) -> Catalogue:
        """Merge two catalogues. Raises ValueError if both name a topic."""
        twice = set(self.events) & set(other.events)
        if twice:
            raise ValueError(f"topics named twice: {sorted(twice)}")
        return Catalogue({**self.events, **other.events}, {**self.upcasters, **other.upcasters})
