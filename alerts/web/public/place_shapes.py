"""Outlines and names of registered places for the pages; outlines are parsed once per version."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from alerts.channels.i18n import Translator
from alerts.domain import place_names
from alerts.domain.events import AreaJson
from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import EMPTY, Area, area_of, resolve_area


class PlaceSource(Protocol):
    """Port: source of registered places."""

    def places(self) -> list[PlaceState]:
        """Return all places that are not retired."""

    def place(self, slug: str) -> PlaceState | None:
        """Return a place, retired or not."""


class PlaceShapes:
    """Outlines and names of places. Safe to share between threads."""

    def __init__(self, places: PlaceSource, default_language: str) -> None:
        self._places, self._default = places, default_language
        self._areas: dict[str, tuple[int, Area]] = {}
        self._lock = Lock()

    def outlines(self) -> list[Area]:
        """Return the outlines of all registered places, to be drawn as land."""
        return [self._outline(place) for place in self._places.places()]

    def area(self, parts: AreaJson | None) -> Area:
        """Convert an AREA to a shape; a place that is no longer registered adds nothing."""
        return area_of(parts, self.outline) if parts else EMPTY

    def outline(self, slug: str) -> Area | None:
        """Return a place's shape, retired or not."""
        place = self._places.place(slug)
        return None if place is None else self._outline(place)

    def where(self, parts: AreaJson | None, t: Translator) -> str:
        """Describe an AREA; see `alerts.domain.place_names`."""
        if not parts:
            return ""
        return place_names.where(self.area(parts), self._places.places(), self.outline, t.tag, self._default, t.comma)

    def _outline(self, place: PlaceState) -> Area:
        with self._lock:
            cached = self._areas.get(place.slug)
        if cached is None or cached[0] != place.version:
            cached = place.version, resolve_area(place.geometry, _no_place)
            with self._lock:
                self._areas[place.slug] = cached
        return cached[1]


def _no_place(_: str) -> None:
    """Resolve no place: a place's own geometry names no other."""
