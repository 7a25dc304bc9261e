"""Area: a union of polygons (edges straight in longitude/latitude) and geodesic circles, on WGS 84 (RULES 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry.geodesy import (
    EDGE_M,
    POLAR_M,
    Floats,
    distance,
    distances,
    geod,
    is_within,
    meridian_radius,
    normal_radius,
    wrapped,
)
from alerts.kernel.geometry.rings import CIRCLE_CORNERS, FINE_CIRCLE, are_tangled, circle_polygon, polygon_of

Json = dict[str, Any]
Bounds = tuple[float, float, float, float]
"""west, south, east, north; west > east when it crosses the antimeridian."""

_SAMPLES = 33
_FINE_M = 5e-5
"""Tolerance in metres of the nearest-point search: it ends once an edge could be nearer by less than this."""
_PLANE_M = 200_000.0
_LOOSE = 0.2
_SLIVER = 1e-12
"""Tolerance in square degrees (about a hundredth of a square metre) for the overlap of two shared edges by rounding."""


@dataclass(frozen=True, slots=True)
class Circle:
    """All positions within `radius_m` metres of a centre, measured along the ellipsoid."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, eq=False)
class Area:
    """A union of polygons and circles. Immutable; derived values are cached.

    `polygon` is a valid shapely Polygon or MultiPolygon in lon/lat, possibly empty, each part within [-180, 180].
    """

    polygon: BaseGeometry
    circles: tuple[Circle, ...] = ()

    @property
    def empty(self) -> bool:
        """True if the area has neither polygon nor circle."""
        return not self.circles and bool(self.polygon.is_empty)

    @cached_property
    def positions(self) -> int:
        """Number of corners of its outlines, and of its circles: the measure of what a question about it costs."""
        return int(shapely.get_num_coordinates(self.polygon)) + len(self.circles)

    def distance_m(self, lat: float, lon: float) -> float:
        """Geodesic distance in metres from a position to this area; 0 inside, infinite if the area is empty."""
        nearest = min(
            (max(0.0, distance(lat, lon, c.lat, c.lon) - c.radius_m) for c in self.circles), default=float("inf")
        )
        if nearest <= 0.0 or self.polygon.is_empty:
            return nearest
        if self._covers(lat, lon):
            return 0.0
        return min(nearest, self._to_boundary(lat, lon))

    def touches(self, lat: float, lon: float, radius_m: float = 0.0) -> bool:
        """Return True if a point, or a circle of `radius_m` around it, touches this area. An edge counts as inside."""
        limit = radius_m + EDGE_M
        if any(is_within(lat, lon, c.lat, c.lon, c.radius_m + limit) for c in self.circles):
            return True
        if self.polygon.is_empty:
            return False
        return self._covers(lat, lon) or self._to_boundary(lat, lon, limit) <= limit

    def distance_bounds_m(self, lats: Floats, lons: Floats) -> tuple[Floats, Floats]:
        """Lower and upper bounds of `distance_m` for many positions at once.

        Computed with the triangle inequality over the edges' end points: cheap, and often enough to decide which area
        is nearest.
        """
        low = high = np.full(len(lats), np.inf)
        for circle in self.circles:
            away = np.maximum(0.0, distances(circle.lat, circle.lon, lats, lons) - circle.radius_m)
            low, high = np.minimum(low, away), np.minimum(high, away)
        if not self.polygon.is_empty:
            lower, upper = self._to_ends(lats, lons)
            inside = np.array([self._covers(lat, lon) for lat, lon in zip(lats, lons, strict=True)])
            low = np.minimum(low, np.where(inside, 0.0, np.maximum(0.0, lower.min(axis=1))))
            high = np.minimum(high, np.where(inside, 0.0, upper.min(axis=1)))
        return low, high

    def contains_point(self, lat: float, lon: float) -> bool:
        """Return True if a position lies inside or on an edge."""
        return self.touches(lat, lon)

    def overlaps(self, other: Area) -> bool:
        """Return True if the interiors intersect; shared edges alone do not count (RULES 9).

        A circle and a polygon overlap if the polygon is no further from the centre than the radius; so do two circles.
        """
        return (
            _interiors_meet(self.polygon, other.polygon)
            or any(other.touches(c.lat, c.lon, c.radius_m) for c in self.circles)
            or any(self.touches(c.lat, c.lon, c.radius_m) for c in other.circles)
        )

    def contains(self, other: Area) -> bool:
        """Return True if `other` lies wholly inside (edges may touch). An empty area lies in none.

        Circles are compared exactly where one circle or the polygons alone contain the other part, else as polygons of
        `FINE_CIRCLE` corners.
        """
        if other.empty:
            return False
        whole = self._outline
        inside = bool(other.polygon.is_empty) or _covers_but_slivers(whole, other.polygon)
        return inside and all(self._holds_circle(c) for c in other.circles)

    @cached_property
    def bounds(self) -> Bounds:
        """west, south, east, north in degrees; west > east if it crosses the antimeridian. NaN if empty."""
        boxes = [p.bounds for p in shapely.get_parts(self.polygon) if not p.is_empty]
        boxes += [p.bounds for c in self.circles for p in shapely.get_parts(circle_polygon(c.lat, c.lon, c.radius_m))]
        if not boxes:
            nan = float("nan")
            return nan, nan, nan, nan
        west, east = _shortest_span([(b[0], b[2]) for b in boxes])
        return west, min(b[1] for b in boxes), east, max(b[3] for b in boxes)

    def to_geojson(self, corners: int = CIRCLE_CORNERS) -> Json:
        """GeoJSON Polygon or MultiPolygon (RFC 7946, exterior rings counter-clockwise); circles as polygons."""
        whole = self.polygon
        if self.circles:
            rounds = [circle_polygon(c.lat, c.lon, c.radius_m, corners) for c in self.circles]
            whole = shapely.union_all([whole, *rounds])
        whole = shapely.orient_polygons(whole)
        return _plain(mapping(whole))

    @cached_property
    def _outline(self) -> BaseGeometry:
        """The union with circles as polygons, for containment tests."""
        rounds = [circle_polygon(c.lat, c.lon, c.radius_m, FINE_CIRCLE) for c in self.circles]
        return shapely.union_all([self.polygon, *rounds]) if rounds else self.polygon

    def _covers(self, lat: float, lon: float) -> bool:
        # -180 and 180 are the same meridian: a position on it belongs to parts on either side
        sides = (-180.0, 180.0) if abs(lon) == 180.0 else (lon,)
        # Not intersects_xy(): it prepares the polygon in place, and GEOS does not allow concurrent calls on a prepared
        # geometry. Areas are shared between threads, and two such calls at once crash the process.
        return any(bool(shapely.intersects(self.polygon, shapely.Point(side, lat))) for side in sides)

    @cached_property
    def _edges(self) -> NDArray[np.float64]:
        """Array of edges (lon1, lat1, lon2, lat2, length in m), cut so that none is longer than about 100 km."""
        rows = [np.empty((0, 4))]
        for ring in _rings(self.polygon):
            points = shapely.get_coordinates(ring)
            rows.append(_cut(np.hstack([points[:-1], points[1:]])))
        edges = np.vstack(rows)
        # A parallel is longer than the geodesic between its ends: 1 % covers the difference at this length up to 85
        # degrees.
        length = np.asarray(geod().inv(*edges.T)[2]) * 1.01
        return np.column_stack([edges, length])

    def _to_ends(self, lats: Floats, lons: Floats) -> tuple[Floats, Floats]:
        """For each position (row) and edge (column): lower bound of the distance, and distance to the nearer end."""
        edges = self._edges
        count, size = len(lats), len(edges)
        ends = np.concatenate([edges[:, :2], edges[:, 2:4]])
        away = np.asarray(
            geod().inv(
                np.repeat(lons, 2 * size),
                np.repeat(lats, 2 * size),
                np.tile(ends[:, 0], count),
                np.tile(ends[:, 1], count),
            )[2]
        ).reshape(count, 2, size)
        return (away.sum(axis=1) - edges[:, 4]) / 2, away.min(axis=1)

    def _to_boundary(self, lat: float, lon: float, limit: float | None = None) -> float:
        """Distance in metres to the nearest edge.

        Only edges that can contain the nearest point by the triangle inequality are searched. With a `limit` the result
        may be rough once it is certain on which side of the limit the distance lies.
        """
        edges = self._edges
        [lower], [nearer] = self._to_ends(np.array([lat]), np.array([lon]))
        upper = float(nearer.min())
        if limit is not None and (upper <= limit or lower.min() > limit):
            return upper
        might = lower <= upper
        furthest = float((nearer[might] + edges[might, 4]).max())
        able = _nearest_in_plane(lat, lon, edges[might], furthest)
        low, high = np.zeros(len(able)), np.ones(len(able))
        steps = np.linspace(0.0, 1.0, _SAMPLES)
        # Each round samples every edge between two bounds and narrows to the best sample: 100 km / 16^6 < 1 cm. The
        # distance is flat around its minimum, so that its own error is far below that.
        for _ in range(6):
            t = low[:, None] + (high - low)[:, None] * steps
            lons = able[:, 0:1] + (able[:, 2:3] - able[:, 0:1]) * t
            lats = able[:, 1:2] + (able[:, 3:4] - able[:, 1:2]) * t
            sampled = distances(lat, lon, lats.ravel(), lons.ravel()).reshape(t.shape)
            upper = min(upper, float(sampled.min()))
            best = sampled.argmin(axis=1)
            rows = np.arange(len(able))
            low, high = t[rows, np.maximum(best - 1, 0)], t[rows, np.minimum(best + 1, _SAMPLES - 1)]
            reach = able[:, 4] * (high - low)
            keep = sampled[rows, best] - reach <= upper
            able, low, high = able[keep], low[keep], high[keep]
            left = float(reach[keep].max())
            if left * min(1.0, left / (2 * upper + 1e-9)) < _FINE_M:
                break
        return float(upper)

    def _holds_circle(self, circle: Circle) -> bool:
        if any(
            distance(c.lat, c.lon, circle.lat, circle.lon) + circle.radius_m <= c.radius_m + EDGE_M
            for c in self.circles
        ):
            return True
        inside = not self.polygon.is_empty and self._covers(circle.lat, circle.lon)
        if inside and self._to_boundary(circle.lat, circle.lon) >= circle.radius_m - EDGE_M:
            return True
        if circle.radius_m <= EDGE_M:
            return self.contains_point(circle.lat, circle.lon)
        return _covers_but_slivers(self._outline, circle_polygon(circle.lat, circle.lon, circle.radius_m, FINE_CIRCLE))


EMPTY = Area(MultiPolygon())


def _nearest_in_plane(lat: float, lon: float, edges: NDArray[np.float64], furthest_m: float) -> NDArray[np.float64]:
    """Select the edges that can be nearest to a position, all their ends within `furthest_m` of it.

    In a plane with the scale of the position, a distance d errs by the change of the parallels' length on the way,
    d²/R·tan(latitude), and by less than a hundredth besides. Where that bound is too loose, all edges are returned.
    """
    error = 0.01 + 1.2 * furthest_m / POLAR_M * abs(np.tan(np.radians(lat)))
    if furthest_m > _PLANE_M or error > _LOOSE:
        return edges
    to_x, to_y = (
        float(np.radians(normal_radius(lat) * np.cos(np.radians(lat)))),
        float(np.radians(meridian_radius(lat))),
    )
    x, y = wrapped(edges[:, 0:3:2] - lon) * to_x, (edges[:, 1:4:2] - lat) * to_y
    dx, dy = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]
    along = np.clip(-(x[:, 0] * dx + y[:, 0] * dy) / np.maximum(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
    away = np.hypot(x[:, 0] + along * dx, y[:, 0] + along * dy)
    near: NDArray[np.bool_] = away <= away.min() * (1 + error) / (1 - error) + 1.0
    return np.asarray(edges[near])


def area_of(parts: Sequence[Json], place: Callable[[str], Area | None]) -> Area:
    """Union of validated AREA parts; `place` gives the area of a slug, or None (skipped) if it is unknown.

    Equal parts are resolved once. Raises Invalid if the outlines cross each other too often.
    """
    polygons: list[BaseGeometry] = []
    circles: list[Circle] = []
    for part in {msgspec.json.encode(part, order="deterministic"): part for part in parts}.values():
        if "circle" in part:
            c = part["circle"]
            circles.append(Circle(float(c["lat"]), float(c["lon"]), float(c["radius_km"]) * 1000.0))
        elif "place" in part:
            named = place(part["place"])
            if named is not None:
                polygons.append(named.polygon)
                circles.extend(named.circles)
        else:
            polygons.append(polygon_of(part))
    if len(polygons) > 1 and are_tangled(polygons):
        raise Invalid.field("area", "its outlines cross each other too often; draw them again without crossings")
    whole: BaseGeometry = polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)
    if not isinstance(whole, Polygon | MultiPolygon):
        whole = MultiPolygon()
    return Area(whole, tuple(circles))


def resolve_area(parts: Json | Sequence[Json], place_geometry: Callable[[str], Json | Sequence[Json] | None]) -> Area:
    """Union of validated AREA parts whose places are looked up by slug as AREA JSON (None if unknown: skipped)."""

    def place(slug: str) -> Area | None:
        found = place_geometry(slug)
        return None if found is None else area_of(_as_parts(found), lambda _: None)

    return area_of(_as_parts(parts), place)


def _as_parts(raw: Json | Sequence[Json]) -> Sequence[Json]:
    return [raw] if isinstance(raw, dict) else raw


def _rings(polygon: BaseGeometry) -> list[BaseGeometry]:
    return [ring for part in shapely.get_parts(polygon) for ring in (part.exterior, *part.interiors)]


def _cut(edges: Floats) -> Floats:
    """Split edges longer than one degree into pieces of at most one degree."""
    pieces = np.maximum(1, np.ceil(np.abs(edges[:, 2:] - edges[:, :2]).max(axis=1, initial=0.0))).astype(int)
    if pieces.max(initial=1) == 1:
        return edges
    which = np.repeat(np.arange(len(edges)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start, step = edges[which, :2], (edges[which, 2:] - edges[which, :2]) / pieces[which, None]
    return np.hstack([start + step * nth[:, None], start + step * (nth[:, None] + 1)])


def _interiors_meet(one: BaseGeometry, two: BaseGeometry) -> bool:
    if one.is_empty or two.is_empty or not shapely.box(*one.bounds).intersects(shapely.box(*two.bounds)):
        return False
    if are_tangled((one, two)):
        return True  # edges cross, so interiors meet
    if not one.intersects(two):
        return False
    if shapely.contains_properly(one, two.representative_point()):
        return True
    if not shapely.relate_pattern(one, two, "T********"):
        return False
    return bool(shapely.intersection(one, two).area > min(_SLIVER, 1e-6 * min(one.area, two.area)))


def _covers_but_slivers(whole: BaseGeometry, part: BaseGeometry) -> bool:
    if whole.is_empty or are_tangled((whole, part)):
        return False  # where edges cross, some of the part is outside
    return bool(shapely.covers(whole, part)) or bool(
        shapely.difference(part, whole).area <= min(1e-10, 1e-6 * part.area)
    )


def _shortest_span(spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """West and east of the shortest span that contains all spans; west > east across the antimeridian."""
    west, east = min(s[0] for s in spans), max(s[1] for s in spans)
    if east - west <= 180.0:
        return west, east
    shifted = [(w + 360.0 if e <= 0.0 else w, e + 360.0 if e <= 0.0 else e) for w, e in spans]
    other_west, other_east = min(s[0] for s in shifted), max(s[1] for s in shifted)
    if other_east - other_west >= east - west:
        return west, east
    ends = wrapped(np.array([other_west, other_east]))
    return float(ends[0]), float(ends[1])


def _plain(geometry: Any) -> Json:
    """Convert shapely's mapping to JSON: lists in place of tuples."""

    def lists(node: Any) -> Any:
        return [lists(n) for n in node] if isinstance(node, tuple | list) else node

    return {"type": geometry["type"], "coordinates": lists(geometry["coordinates"])}


def same_outline(one: Json, other: Json) -> bool:
    """True if two GeoJSON geometries have the same rings, wherever those begin and in whatever order they stand."""
    return one == other or bool(shape(one).normalize() == shape(other).normalize())
