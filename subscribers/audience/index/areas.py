"""Places of the audience index: points with radii as columns, registered and drawn areas by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from alerts.kernel.geometry import Area, Circle, area_of
from alerts.kernel.geometry.geodesy import ECCENTRICITY, ECCENTRICITY_2, EQUATOR_M, POLAR_M
from subscribers.audience.index.column_store import ColumnStore
from subscribers.domain.events import SubscriberPlace

MAX_PLANE_LAT = 80.0
MAX_PLANE_RADIUS_M = 100_000.0
"""Beyond these limits the Mercator plane is not valid, and a place is always measured on the ellipsoid."""
LOOK_MARGIN = 3e-5
"""Rounding error of a longitude up to 180 in single precision: in degrees, some three metres."""


class PointPlaces(ColumnStore):
    """Points with radii.

    `x`, `y`, `r` are the disc in the Mercator plane in degrees (`geodesy.mercator_discs`), in single precision for a
    first test. `r` is slightly too large: never less than the true one with all errors; infinite where the plane is not
    valid. NaN in a free row.
    """

    columns: ClassVar = {
        "lat": (np.float64, np.nan),
        "lon": (np.float64, np.nan),
        "radius_m": (np.float32, np.nan),
        "x": (np.float32, np.nan),
        "y": (np.float32, np.nan),
        "r": (np.float32, np.nan),
        "person": (np.int32, -1),
        "next": (np.int32, -1),
    }
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    radius_m: NDArray[np.float32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    r: NDArray[np.float32]
    person: NDArray[np.int32]
    next: NDArray[np.int32]


class AreaPlaces(ColumnStore):
    """Places that are areas: `code` is the area's number in `Areas`; -1 in a free row."""

    columns: ClassVar = {"code": (np.int32, -1), "person": (np.int32, -1), "next": (np.int32, -1)}
    code: NDArray[np.int32]
    person: NDArray[np.int32]
    next: NDArray[np.int32]


class AreasImage(msgspec.Struct, frozen=True, array_like=True):
    """`Areas` as plain values: each shape is its polygon in WKB and its circles."""

    shapes: list[tuple[bytes, tuple[Circle, ...]] | None]
    slugs: dict[str, int]
    drawn: list[int]
    free: list[int]


class Areas:
    """Areas by number: one for each registered slug, one for each drawn area."""

    def __init__(self) -> None:
        self.areas: list[Area | None] = []
        self._slugs: dict[str, int] = {}
        self._drawn: set[int] = set()
        self._free: list[int] = []

    def of_slug(self, slug: str) -> int:
        """Return the slug's number, even if it is not defined yet."""
        found = self._slugs.get(slug)
        if found is None:
            found = self._slugs[slug] = self._add(None)
        return found

    def define(self, slug: str, area: Area | None) -> None:
        """Set the slug's area; None removes it."""
        self.areas[self.of_slug(slug)] = area

    def get(self, slug: str) -> Area | None:
        """Return the area of a slug, None if it is not defined."""
        code = self._slugs.get(slug)
        return None if code is None else self.areas[code]

    def draw(self, area: Area) -> int:
        """Add a drawn area; return its number."""
        code = self._add(area)
        self._drawn.add(code)
        return code

    def wipe(self, code: int) -> None:
        """Delete a drawn area; slugs stay."""
        if code in self._drawn:
            self._drawn.remove(code)
            self.areas[code] = None
            self._free.append(code)

    def view(self) -> Areas:
        """Return a copy for a reader; the areas themselves are immutable and shared."""
        made = Areas()
        made.areas, made._slugs = list(self.areas), dict(self._slugs)
        return made

    def image(self) -> AreasImage:
        """Export all areas as plain values."""
        return AreasImage(
            shapes=[None if area is None else (shapely.to_wkb(area.polygon), area.circles) for area in self.areas],
            slugs=self._slugs,
            drawn=sorted(self._drawn),
            free=self._free,
        )

    def refill(self, image: AreasImage) -> None:
        """Replace all areas by those of `image`."""
        self.areas = [None if one is None else Area(shapely.from_wkb(one[0]), one[1]) for one in image.shapes]
        self._slugs, self._drawn, self._free = dict(image.slugs), set(image.drawn), list(image.free)

    def touched_by(self, area: Area) -> NDArray[np.bool_]:
        """By number, True for areas whose interior overlaps `area`; one more entry, False, for no number."""
        hit = np.zeros(len(self.areas) + 1, dtype=np.bool_)
        near = _near(area)
        for code, other in enumerate(self.areas):
            hit[code] = other is not None and near(other) and area.overlaps(other)
        return hit

    def where(self, holds: Callable[[Area], bool]) -> NDArray[np.bool_]:
        """By number, True for areas that satisfy a predicate; one more entry, False, for no number."""
        hit = np.zeros(len(self.areas) + 1, dtype=np.bool_)
        for code, other in enumerate(self.areas):
            hit[code] = other is not None and holds(other)
        return hit

    def _add(self, area: Area | None) -> int:
        if self._free:
            code = self._free.pop()
            self.areas[code] = area
            return code
        self.areas.append(area)
        return len(self.areas) - 1


class Places:
    """All places of all people, and the linked chains from a person's first place to the next."""

    def __init__(self) -> None:
        self.points = PointPlaces()
        self.named = AreaPlaces()
        self.areas = Areas()

    def view(self) -> Places:
        """Return a reader's view; see `ColumnStore.view`."""
        made = Places()
        made.points, made.named, made.areas = self.points.view(), self.named.view(), self.areas.view()
        return made

    def add_point(self, person: int, place: SubscriberPlace, following: int) -> int:
        """Prepend a point or circle to a person's chain of points; return its row."""
        assert place.lat is not None and place.lon is not None
        points, row = self.points, self.points.add()
        lat, lon, radius_m = place.lat, place.lon, place.radius_km * 1000.0
        points.lat[row], points.lon[row], points.radius_m[row] = lat, lon, radius_m
        points.x[row], points.y[row], points.r[row] = _disc(lat, lon, radius_m)
        points.person[row], points.next[row] = person, following
        return row

    def add_area(self, person: int, place: SubscriberPlace, following: int) -> int:
        """Prepend a registered or drawn area to a person's chain of areas; return its row."""
        if place.slug is not None:
            code = self.areas.of_slug(place.slug)
        else:
            code = self.areas.draw(area_of([place.area or {}], self.areas.get))
        named, row = self.named, self.named.add()
        named.code[row], named.person[row], named.next[row] = code, person, following
        return row

    def clear(self, first_point: int, first_area: int) -> None:
        """Delete both of a person's chains."""
        while first_point >= 0:
            row, first_point = first_point, int(self.points.next[first_point])
            self.points.release(row)
        while first_area >= 0:
            row, first_area = first_area, int(self.named.next[first_area])
            self.areas.wipe(int(self.named.code[row]))
            self.named.release(row)


def _disc(lat: float, lon: float, radius_m: float) -> tuple[float, float, float]:
    """Scalar version of `geodesy.mercator_discs`: it runs once for each event."""
    if abs(lat) > MAX_PLANE_LAT or radius_m > MAX_PLANE_RADIUS_M:
        return 0.0, 0.0, math.inf
    phi = math.radians(lat)
    sine = math.sin(phi)
    y = math.degrees(math.asinh(math.tan(phi)) - ECCENTRICITY * math.atanh(ECCENTRICITY * sine))
    normal = EQUATOR_M / math.sqrt(1 - ECCENTRICITY_2 * sine * sine)
    scale = math.degrees(1 / (normal * math.cos(phi)))
    tangent = math.tan(phi)
    error = (radius_m / POLAR_M) ** 2 * (1 + 2 * tangent * tangent) / 3
    radius = scale * radius_m
    return lon, y + tangent * radius * radius_m / (2 * normal), radius * (1 + error) + LOOK_MARGIN


def _near(area: Area) -> Callable[[Area], bool]:
    """Cheap test for intersecting bounding boxes; True whenever one of them crosses the antimeridian."""
    west, south, east, north = area.bounds
    if not west <= east:
        return lambda _: west == west
    margin = 1e-3 * max(east - west, north - south) + 1e-6

    def look(other: Area) -> bool:
        w, s, e, n = other.bounds
        if w > e:
            return True
        return w <= east + margin and e >= west - margin and s <= north + margin and n >= south - margin

    return look
