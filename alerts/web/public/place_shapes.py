"""Outlines and names of registered places for the pages; outlines are parsed once per version."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from alerts.channels.i18n import Translator
from alerts.domain import place_names
from alerts.domain.events import AreaJson
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import PlaceState
from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import EMPTY, Area, area_of, resolve_area
from alerts.web.public.fragments import FragmentCache


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
        self._fragments, self._overlaps = FragmentCache(2_000), FragmentCache(100_000)

    def outlines(self) -> list[Area]:
        """Return the outlines of all registered places, to be drawn as land."""
        return [self._outline(place) for place in self._places.places()]

    def area(self, parts: AreaJson | None) -> Area:
        """Convert an AREA to a shape; a place that is no longer registered adds nothing."""
        try:
            return area_of(parts, self.outline) if parts else EMPTY
        except Invalid:  # of before the limit on crossings: the page must not fail for its map
            return EMPTY

    def version(self) -> int:
        """Return a fingerprint of the registered places: names of areas depend on all of them."""
        return hash(tuple((place.slug, place.version) for place in self._places.places()))

    def of_notice(self, notice: NoticeState) -> Area:
        """Return a notice's area; made once per version of the notice."""
        parts = notice.plan.area
        if not parts:
            return EMPTY
        named = tuple((part["place"], self._version_of(part["place"])) for part in parts if "place" in part)
        return self._fragments.get((notice.id, notice.version, named), lambda: self.area(parts))

    def overlap(self, notice: NoticeState, slug: str) -> bool:
        """True if a notice's area overlaps a registered place; asked once per version of both."""
        area, outline = self.of_notice(notice), self.outline(slug)
        key = (notice.id, notice.version, slug, self._version_of(slug), id(area))
        # The area is part of the value: its identity stays its own as long as the key is known.
        return self._overlaps.get(key, lambda: (outline is not None and area.overlaps(outline), area))[0]

    def _version_of(self, slug: str) -> int:
        place = self._places.place(slug)
        return 0 if place is None else place.version

    def outline(self, slug: str) -> Area | None:
        """Return a place's shape, retired or not."""
        place = self._places.place(slug)
        return None if place is None else self._outline(place)

    def where(self, parts: AreaJson | None, t: Translator) -> str:
        """Describe an AREA; see `alerts.domain.place_names`."""
        if not parts:
            return ""
        return place_names.where(self.area(parts), self._places.places(), self.outline, t.tag, self._default, t.comma)

    def where_for(
        self, notice: NoticeState, t: Translator, slug: str = "", at: tuple[float, float] | None = None
    ) -> str:
        """Describe a notice's area to the reader of a place or position: `Camden and 24 others`, the own place first.

        "" for no area, or one outside every registered place.
        """
        slugs = self._slugs(notice)
        own = slug if slug in slugs else next((one for one in slugs if at is not None and self._contains(one, at)), "")
        ordered = [own, *(one for one in slugs if one != own)] if own else slugs
        most = len(ordered) if len(ordered) <= place_names.MOST + 1 else 1 if own else place_names.MOST
        shown = ordered[:most]
        names = t.comma.join(self._name(one, t) for one in shown)
        more = len(ordered) - len(shown)
        return t.text("near", "and_others", places=names, count=t.number(more)) if more else names

    def _slugs(self, notice: NoticeState) -> list[str]:
        """Registered places that a notice overlaps, largest share first; made once per version."""
        area = self.of_notice(notice)
        if area.empty:
            return []
        places = self._places.places()
        key = ("slugs", notice.id, notice.version, self.version())
        return self._fragments.get(
            key, lambda: [place.slug for _, place in place_names.overlapped(area, places, self.outline)]
        )

    def _contains(self, slug: str, at: tuple[float, float]) -> bool:
        outline = self.outline(slug)
        return outline is not None and outline.contains_point(*at)

    def _name(self, slug: str, t: Translator) -> str:
        place = self._places.place(slug)
        return slug if place is None else place_names.place_name(place, t.tag, self._default)

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
