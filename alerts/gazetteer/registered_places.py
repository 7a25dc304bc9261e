"""Look-up among the registered places, by any of their names."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from alerts.domain.place_names import place_name
from alerts.domain.reference_data import PlaceState
from alerts.gazetteer.candidate import PlaceCandidate, folded
from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import EMPTY, Area, resolve_area


class RegisterOfPlaces(Protocol):
    """Port: the registered places."""

    def places(self) -> list[PlaceState]:
        """Return all places that are not retired."""


class RegisteredPlaces:
    """Names and outlines of the registered places. Safe to share between threads; blocks."""

    def __init__(self, register: RegisterOfPlaces, default_language: str) -> None:
        self._register, self._default = register, default_language
        self._outlines: dict[str, tuple[int, Area]] = {}
        self._lock = Lock()

    def named(self, text: str, language: str) -> list[PlaceCandidate]:
        """Places with exactly this name in any language, or this slug."""
        wanted = folded(text)
        return self._candidates([p for p in self._register.places() if wanted in _names(p)], language)

    def like(self, text: str, language: str) -> list[PlaceCandidate]:
        """Places of which a word begins like this."""
        wanted = folded(text)
        found = [p for p in self._register.places() if any(f" {n}".find(f" {wanted}") >= 0 for n in _names(p))]
        return self._candidates(found, language) if wanted else []

    def around(self, lat: float, lon: float, language: str) -> str:
        """Name of the registered place that contains a position, the one listed first; "" outside them all."""
        for place in self._register.places():
            if self._outline(place).contains_point(lat, lon):
                return place_name(place, language, self._default)
        return ""

    def _candidates(self, places: Sequence[PlaceState], language: str) -> list[PlaceCandidate]:
        named = sorted((place_name(place, language, self._default), place.slug) for place in places)
        return [PlaceCandidate(kind="place", label=name, place=slug) for name, slug in named]

    def _outline(self, place: PlaceState) -> Area:
        with self._lock:
            cached = self._outlines.get(place.slug)
        if cached is None or cached[0] != place.version:
            try:
                cached = place.version, resolve_area(place.geometry, lambda _: None)
            except Invalid:  # of before the limit on crossings
                cached = place.version, EMPTY
            with self._lock:
                self._outlines[place.slug] = cached
        return cached[1]


def _names(place: PlaceState) -> set[str]:
    return {folded(name) for name in place.name.values()} | {folded(place.slug)}
