"""Events of segments."""

from __future__ import annotations

from alerts.domain.events.types import Json
from alerts.kernel.events import Event


class SegmentDefined(Event, frozen=True, kw_only=True):
    """A named, saved audience rule, version 1."""

    slug: str
    name: str
    rule: Json


class SegmentRevised(Event, frozen=True, kw_only=True):
    """A new version of a segment."""

    slug: str
    name: str
    rule: Json


class SegmentRetired(Event, frozen=True, kw_only=True):
    """The segment can no longer be used."""

    slug: str


EVENTS: tuple[type[Event], ...] = (
    SegmentDefined,
    SegmentRevised,
    SegmentRetired,
)
