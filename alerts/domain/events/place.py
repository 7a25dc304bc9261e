"""Events of places."""

from __future__ import annotations

from alerts.domain.events.types import Json
from alerts.kernel.events import Event


class PlaceDefined(Event, frozen=True, kw_only=True):
    """A named area, version 1. `geometry` is GeoJSON Polygon or MultiPolygon."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRevised(Event, frozen=True, kw_only=True):
    """A new version of a place."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRetired(Event, frozen=True, kw_only=True):
    """The place can no longer be chosen."""

    slug: str


EVENTS: tuple[type[Event], ...] = (
    PlaceDefined,
    PlaceRevised,
    PlaceRetired,
)
