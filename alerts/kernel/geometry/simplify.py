"""Simplification of an area: fewer corners, and no position that was inside falls outside.

Outlines are thinned by the topology-preserving Douglas-Peucker algorithm, then moved outwards as far as they were cut
off. Places of the register stay as they are: other people's outlines are not ours to redraw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from alerts.kernel.geometry.area import Area, Circle, Json, _plain, _rings
from alerts.kernel.geometry.geodesy import distances
from alerts.kernel.geometry.rings import are_tangled, circle_polygon, polygon_of, polygons

MOST_CORNERS = 250
"""Corners of an outline that the United Kingdom's emergency alerts aim for; a cell broadcast centre takes 6,000."""
FINE_M = 10.0
"""Metres below which a difference is finer than people's places are known: about twice a phone's 4.9 m in the open."""

_METRES_A_DEGREE = 111_320.0
_EXTENT = 100
"""Share of the extent of the largest outline, as its divisor, by which an edge may move."""
_DIGITS = 6
_ROUNDED_M = 0.2
"""Metres that cover the rounding of positions to `_DIGITS` digits."""
_MITRE = 2.5
_WORTH = 0.9
"""Share of the corners that may be left, at most: a press that spares less is not worth a wider area."""
_SHARES = (0.25, 0.5, 1.0)
"""Shares of the tolerance by which a thinned outline is moved outwards, tried in turn: often less is enough."""
_ROUND_CORNERS = 64
_AROUND = 1.002
"""Radius of a polygon's corners around a circle, beside the circle's, so that its edges stay outside."""


class Detail(NamedTuple):
    """Corners of the outlines and circles of an area, and the least metres between neighbours (infinite if none)."""

    corners: int
    closest_m: float

    @property
    def many(self) -> bool:
        """True if there are more corners than are of use to anybody."""
        return self.corners > MOST_CORNERS

    @property
    def close(self) -> bool:
        """True if corners lie closer together than people's places are known."""
        return self.closest_m < FINE_M


class Simplified(NamedTuple):
    """Area with fewer corners. `further_m`: the most by which an edge has moved outwards."""

    parts: list[Json]
    corners: int
    further_m: float


def detail(parts: Sequence[Json]) -> Detail:
    """Measure the detail of a validated AREA; named places are not counted."""
    outlines = [polygon_of(part) for part in parts if "coordinates" in part]
    closest = min((_closest(outline) for outline in outlines), default=math.inf)
    circles = _circles(parts)
    for index, circle in enumerate(circles[:-1]):
        others = circles[index + 1 :]
        away = distances(circle.lat, circle.lon, np.array([o.lat for o in others]), np.array([o.lon for o in others]))
        closest = min(closest, float(away.min()))
    return Detail(sum(map(_corners, outlines)) + len(circles), closest)


def simplified(parts: Sequence[Json]) -> Simplified | None:
    """Return a validated AREA with fewer corners that holds all of the former one; None if there is none.

    Edges move outwards by about `FINE_M`, and by more only as long as there are too many corners: at most a hundredth
    of the extent of the largest outline.
    """
    before = detail(parts)
    named = [part for part in parts if "place" in part]
    circles = _circles(parts)
    outlines = [polygon_of(part) for part in parts if "coordinates" in part]
    if are_tangled(outlines):
        return None
    merged, further = _merged(circles)
    rounds: list[BaseGeometry] = []
    if sum(map(_corners, outlines)) + len(merged) > MOST_CORNERS and merged:
        further += max(circle.radius_m for circle in merged) * (_AROUND - 1) + 1
        rounds, merged = [_around(circle) for circle in merged], []
    whole = polygons(shapely.union_all([*outlines, *rounds])) if outlines or rounds else None
    made = _outline(whole, MOST_CORNERS - len(merged)) if whole is not None else None
    if whole is not None and made is None:
        made = whole, 0.0
    shape, moved = made if made is not None else (None, 0.0)
    corners = len(merged) + (_corners(shape) if shape is not None else 0)
    if corners > before.corners * _WORTH:
        return None
    new = [{"circle": {"lat": c.lat, "lon": c.lon, "radius_km": _up(c.radius_m / 1000)}} for c in merged]
    drawn = [_plain(mapping(shape))] if shape is not None else []
    after = Simplified([*named, *new, *drawn], corners, further + moved)
    return after if _holds(after, outlines, circles) else None


def _holds(after: Simplified, outlines: Sequence[BaseGeometry], circles: Sequence[Circle]) -> bool:
    """True if an area holds every outline and circle: what the algorithm promises, looked at before it is used."""
    shapes = [polygon_of(part) for part in after.parts if "coordinates" in part]
    whole = Area(shapes[0] if shapes else shapely.MultiPolygon(), tuple(_circles(after.parts)))
    drawn = all(shapely.covers(whole.polygon, outline) for outline in outlines)
    return drawn and all(whole.contains(Area(shapely.MultiPolygon(), (circle,))) for circle in circles)


def _outline(whole: BaseGeometry, most: int) -> tuple[BaseGeometry, float] | None:
    """Return an outline of at most `most` corners, or the fewest, and how far it reaches; None if none has fewer."""
    west, south, _, north = whole.bounds
    narrow = max(0.01, math.cos(math.radians((south + north) / 2)))
    x, y, origin = narrow * _METRES_A_DEGREE, _METRES_A_DEGREE, (west, south)
    flat = affinity.scale(whole, x, y, origin=origin)
    extent = max(math.hypot(b[2] - b[0], b[3] - b[1]) for b in shapely.bounds(shapely.get_parts(flat)))
    tolerance, best = FINE_M, None
    while tolerance <= max(FINE_M, extent / _EXTENT):
        thin = _outwards(flat, tolerance)
        if thin is not None:
            degrees = _within_world(affinity.scale(thin, 1 / x, 1 / y, origin=origin))
            made = polygons(shapely.set_precision(degrees, 10.0**-_DIGITS))
            if _corners(made) < _corners(best[0] if best else whole) and shapely.covers(made, whole):
                best = made, _furthest(affinity.scale(made, x, y, origin=origin), flat)
        if best is not None and _corners(best[0]) <= most:
            break
        tolerance *= 2
    return best


def _outwards(flat: BaseGeometry, tolerance: float) -> BaseGeometry | None:
    """Thin an outline, in metres, and move it outwards until it holds the former one; None if no corner is spared."""
    thin = shapely.simplify(flat, tolerance, preserve_topology=True)
    if _corners(thin) >= _corners(flat):
        return None
    for share in _SHARES:
        metres = tolerance * share
        wide = thin.buffer(metres + _ROUNDED_M, join_style="mitre", mitre_limit=_MITRE)
        for smooth in (metres / 2, _ROUNDED_M / 2):
            made = shapely.simplify(wide, smooth, preserve_topology=True)
            shapely.prepare(made)
            if shapely.covers(made, flat):
                return made
    return None


def _furthest(made: BaseGeometry, flat: BaseGeometry) -> float:
    """Return the greatest distance, in metres, of a corner that lies outside from the former outline."""
    corners = shapely.points(shapely.get_coordinates(made))
    _, away = shapely.STRtree(_edges(flat)).query_nearest(corners, return_distance=True, all_matches=False)
    return float(away.max(initial=0.0))


def _edges(shape: BaseGeometry) -> NDArray[np.object_]:
    pairs = [np.stack([ring[:-1], ring[1:]], axis=1) for ring in map(shapely.get_coordinates, _rings(shape))]
    lines: NDArray[np.object_] = shapely.linestrings(np.concatenate(pairs))
    return lines


def _within_world(shape: BaseGeometry) -> BaseGeometry:
    west, south, east, north = shape.bounds
    if west >= -180.0 and east <= 180.0 and south >= -90.0 and north <= 90.0:
        return shape
    return shapely.clip_by_rect(shape, -180.0, -90.0, 180.0, 90.0)


@dataclass(slots=True)
class _Growing:
    lat: float
    lon: float
    radius_m: float
    most_m: float


def _merged(circles: Sequence[Circle]) -> tuple[list[Circle], float]:
    """Leave out circles that a larger one holds, or would if it were `FINE_M` wider; and by how much one has grown."""
    kept: list[_Growing] = []
    further = 0.0
    for circle in sorted(circles, key=lambda one: -one.radius_m):
        if kept:
            lats, lons = np.array([one.lat for one in kept]), np.array([one.lon for one in kept])
            needed = distances(circle.lat, circle.lon, lats, lons) + circle.radius_m
            index = int(np.argmin(needed - np.array([one.most_m for one in kept])))
            if needed[index] <= kept[index].most_m:
                grown = max(kept[index].radius_m, float(needed[index]))
                kept[index].radius_m = grown
                further = max(further, grown - (kept[index].most_m - FINE_M))
                continue
        kept.append(_Growing(circle.lat, circle.lon, circle.radius_m, circle.radius_m + FINE_M))
    return [Circle(one.lat, one.lon, one.radius_m) for one in kept], further


def _around(circle: Circle) -> BaseGeometry:
    """Return a polygon that holds a circle."""
    return circle_polygon(circle.lat, circle.lon, max(circle.radius_m * _AROUND, circle.radius_m + 1), _ROUND_CORNERS)


def _circles(parts: Sequence[Json]) -> list[Circle]:
    found = [part["circle"] for part in parts if "circle" in part]
    return [Circle(float(c["lat"]), float(c["lon"]), float(c["radius_km"]) * 1000.0) for c in found]


def _corners(shape: BaseGeometry) -> int:
    """Count corners; the last position of a ring repeats its first."""
    return int(shapely.get_num_coordinates(shape)) - len(_rings(shape))


def _closest(shape: BaseGeometry) -> float:
    """Return the least distance in metres between neighbouring corners."""
    least = math.inf
    for ring in _rings(shape):
        step = np.diff(shapely.get_coordinates(ring), axis=0)
        lats = shapely.get_coordinates(ring)[:-1, 1]
        away = np.hypot(step[:, 0] * np.cos(np.radians(lats)), step[:, 1]) * _METRES_A_DEGREE
        least = min(least, float(away.min()))
    return least


def _up(kilometres: float) -> float:
    return math.ceil(kilometres * 1e6) / 1e6
