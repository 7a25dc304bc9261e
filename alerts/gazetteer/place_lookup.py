"""Place look-up: registered places by any of their names, postcodes, towns of the world, and `lat,lon`.

Local tables only: what somebody types is a place where they live, and leaves this machine for nobody.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from babel import Locale

from alerts.gazetteer.candidate import PlaceCandidate, folded
from alerts.gazetteer.postcodes import FoundPostcode, Postcodes
from alerts.gazetteer.registered_places import RegisteredPlaces
from alerts.gazetteer.world_places import Town, WorldPlaces
from alerts.kernel.geometry import Area
from alerts.kernel.texts import without_forbidden, without_hidden

LONGEST = 100
"""Characters of a question; nothing that is longer is the name of a place."""
MOST = 8
"""Candidates of one answer."""
_DEGREE_M = 110_000.0
"""Metres of a degree of latitude, or somewhat fewer."""
_POLAR = 80.0
"""Degrees of latitude from which longitudes say little."""
_MOST_TOWNS = 500
_NUMBER = r"([+-]?[0-9]{1,3}(?:\.[0-9]{1,12})?)"
_POSITION = re.compile(_NUMBER + r"\s*[,;\s]\s*" + _NUMBER)
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫،", "01234567890123456789.,")


class PlaceLookup:
    """Finds places by what people type. Safe to share between threads; methods block (files are read once)."""

    def __init__(
        self,
        registered: RegisteredPlaces,
        postcodes: Postcodes | None = None,
        world: WorldPlaces | None = None,
    ) -> None:
        self._registered = registered
        self.postcodes = postcodes or Postcodes()
        self._world = world or WorldPlaces()

    def find(self, text: str, language: str) -> list[PlaceCandidate]:
        """Return the places that a text may mean, best first, with labels in `language`; [] if none.

        One candidate is meant without doubt; of several the person chooses. An exact name hides mere beginnings.
        """
        if not (asked := _clean(text)):
            return []
        return (
            self._by_position(asked, language)
            or self._by_postcode(asked, language)
            or self._registered.named(asked, language)
            or self._towns(self._world.named(asked), language)
            or self._as_shown(asked, language)
            or self.suggest(asked, language)
        )

    def _as_shown(self, text: str, language: str) -> list[PlaceCandidate]:
        """Places whose label was taken over whole, with what they lie in: `Cardiff, United Kingdom`."""
        head = next((text[: text.index(mark)] for mark in (",", "،") if mark in text), "").strip()
        if not head:
            return []
        found = self.find(head, language)
        return [candidate for candidate in found if folded(candidate.words) == folded(text)] or found

    def suggest(self, text: str, language: str) -> list[PlaceCandidate]:
        """Return what a text may become while it is typed: names that begin like it, at most `MOST`."""
        if len(folded(asked := _clean(text))) < 2:
            return []
        exact = self._by_postcode(asked, language)
        known = self._registered.like(asked, language)
        towns = self._towns(self._world.like(asked), language) if len(known) < MOST else []
        return [*exact, *known, *towns][:MOST]

    def postcode(self, text: str) -> FoundPostcode | None:
        """Return a postcode with its position, in any case and spacing; None if unknown or not offered."""
        return self.postcodes.find(text)

    def around(self, lat: float, lon: float, language: str) -> str:
        """Name of the registered place that contains a position; "" outside them all."""
        return self._registered.around(lat, lon, language)

    def towns_near(self, area: Area, metres: float) -> list[str]:
        """Names of the towns whose centre lies in an area or within so many metres of it; [] if they are too many."""
        if area.empty:
            return []
        west, south, east, north = area.bounds
        margin = metres / _DEGREE_M
        towns = self._world.between(south - margin, north + margin)
        if max(abs(south), abs(north)) < _POLAR:
            wider = margin / math.cos(math.radians(max(abs(south), abs(north))))
            both = any if west > east else all  # an area over the antimeridian has two ends
            towns = [t for t in towns if both((west - wider <= t.lon, t.lon <= east + wider))]
        if len(towns) > _MOST_TOWNS:
            return []
        return [town.name for town in towns if area.touches(town.lat, town.lon, metres)]

    def _by_position(self, text: str, language: str) -> list[PlaceCandidate]:
        match = _POSITION.fullmatch(text.translate(_DIGITS))
        if match is None:
            return []
        lat, lon = float(match[1]), float(match[2])
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            return []
        label, within = f"{lat:.4f}, {lon:.4f}", self.around(lat, lon, language)
        return [PlaceCandidate(kind="position", label=label, within=within, lat=lat, lon=lon)]

    def _by_postcode(self, text: str, language: str) -> list[PlaceCandidate]:
        found = self.postcode(text)
        if found is None:
            return []
        within = self.around(found.lat, found.lon, language)
        kind = "district" if found.is_district else "postcode"
        return [PlaceCandidate(kind=kind, label=found.code, within=within, lat=found.lat, lon=found.lon)]  # type: ignore[arg-type]

    def _towns(self, towns: list[Town], language: str) -> list[PlaceCandidate]:
        """Towns, those inside registered places first."""
        found = [
            PlaceCandidate(
                kind="town",
                label=town.name,
                within=self.around(town.lat, town.lon, language) or _country(town.country, language),
                lat=town.lat,
                lon=town.lon,
            )
            for town in towns[:MOST]
        ]
        return list({candidate.words: candidate for candidate in found}.values())


def _clean(text: str) -> str:
    plain = " ".join(without_hidden(without_forbidden(text)).split())
    return plain if len(plain) <= LONGEST else ""


@lru_cache(maxsize=2_000)
def _country(code: str, language: str) -> str:
    return str(Locale.parse(language, sep="-").territories.get(code) or code)
