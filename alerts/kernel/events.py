"""What an event is: a frozen struct with a stable topic, a version, and a list of the fields that are personal.

Events are the product's memory: a topic is never renamed, a field never changes its meaning; a new meaning is a
new version with an upcaster (`alerts.eventlog.codec`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact in the past tense. The class name is its topic.

    `personal` names fields that are sealed under the key of the stream's subject (the stream id); after an erasure
    they are read back as None, so their types allow it.
    """

    version: ClassVar[int] = 1
    personal: ClassVar[tuple[str, ...]] = ()
    private: ClassVar[tuple[str, ...]] = ()
    """Fields that are kept in clear but never shown to programs (a hash of a secret, a body not yet judged)."""

    @classmethod
    def topic(cls) -> str:
        """The stable name under which this event is kept."""
        return cls.__name__

    def without_personal(self) -> Self:
        """The same fact with every personal field None, as it reads after an erasure."""
        present = {name: None for name in self.personal if getattr(self, name) is not None}
        return msgspec.structs.replace(self, **present) if present else self


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in a stream and, once kept, in the log."""

    originator_id: UUID
    originator_version: int
    """1 for a stream's first event."""
    event: Event
    at: datetime
    by: str
    """The actor: `person:{id}`, `key:{id}`, `source:{name}`, `resident`, `system`, `policy:{name}@{version}`."""
    command: UUID | None = None
    """The request behind it, by the id that its answer and the log lines have; None where there was none."""
    cause: int | None = None
    """Position of the event that led to this one, where there is one."""
    position: int = 0
    """Position in the log; 0 while not kept yet."""
    sealed: bytes | None = None
    """The personal fields as the log keeps them (sealed under `originator_id`), or None if the event has none.

    Read models keep these bytes as they stand, so that no clear personal datum ever reaches a view, and a rebuild gives
    the very same rows, whatever has been erased since."""

    def without_personal(self) -> Recorded:
        """The same with every personal field of its event None."""
        bare = self.event.without_personal()
        return self if bare is self.event else msgspec.structs.replace(self, event=bare)


S = TypeVar("S")


@dataclass(frozen=True)
class Stream(Generic[S]):
    """A kind of stream: its name and how its state is folded.

    `evolve(state, recorded) -> state` is pure and total: `state` is None before the first event, and an event that
    means nothing to it returns the state unchanged.
    """

    name: str
    evolve: Callable[[S | None, Recorded], S]


@dataclass(frozen=True)
class Catalogue:
    """The events a codec can read: topic → class, and upcasters (topic, from version) → function over the raw fields.

    `unguarded` names the topics whose failure to be read may be parked; all others stop the reader.
    """

    events: Mapping[str, type[Event]]
    upcasters: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, *classes: type[Event]) -> Catalogue:
        """A catalogue of these classes, without upcasters."""
        return cls({c.topic(): c for c in classes})

    def joined(self, other: Catalogue) -> Catalogue:
        """Both catalogues as one; a topic named twice is an error."""
        twice = set(self.events) & set(other.events)
        if twice:
            raise ValueError(f"topics named twice: {sorted(twice)}")
        return Catalogue({**self.events, **other.events}, {**self.upcasters, **other.upcasters})
