"""Area matching: people with a place that touches an area, exactly (RULES 9).

In order of cost: bounding boxes in single precision, a distance grid for crowds, the Mercator plane, the ellipsoid.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.geometry import Area, Circle
from alerts.kernel.geometry.geodesy import (
    EDGE_M,
    Bools,
    Floats,
    distances,
    mercator_scale,
    mercator_y,
    meridian_radius,
    normal_radius,
)
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.areas import LOOK_MARGIN, MAX_PLANE_LAT, PointPlaces
from subscribers.audience.planar_geometry import Plane, crosses

Rows = NDArray[np.int64]

_CHUNK = 1 << 15
"""Rows processed together: their columns stay in the processor's cache."""
_CROWD = 5_000
"""Number of candidates above which a distance grid pays off."""
_LEVELS = (16, 64, 256)
"""Cells across, from coarse to fine: rows decided at a coarse level are not looked at again."""


def touching(columns: AudienceColumns, area: Area, people: Rows | None = None) -> Bools:
    """For every person (by row), True if some place of theirs touches the area. `people` limits the search."""
    hit = np.zeros(columns.people.size, dtype=np.bool_)
    points, named = columns.places.points, columns.places.named
    only = None if people is None else chain(columns.people.first_point[people], points.next)
    for rows in _touching_points(points, area, only):
        hit[points.person[rows]] = True
    if named.size:
        rows = np.arange(named.size) if people is None else chain(columns.people.first_area[people], named.next)
        touched = columns.places.areas.touched_by(area)[named.code[rows]]
        hit[named.person[rows[touched]]] = True
    return hit


def chain(first: NDArray[np.int32], following: NDArray[np.int32]) -> Rows:
    """All rows of the linked chains that start at these; -1 is none."""
    found = []
    rows = first[first >= 0]
    while rows.size:
        found.append(rows)
        rows = following[rows]
        rows = rows[rows >= 0]
    return np.concatenate(found).astype(np.int64) if found else np.empty(0, dtype=np.int64)


def _touching_points(points: PointPlaces, area: Area, only: Rows | None) -> list[Rows]:
    found = []
    west, _, east, _ = area.bounds
    for turn in crosses(west, east):
        if not area.polygon.is_empty:
            found.append(_touching_polygon(points, Plane(area.polygon), turn, only))
        found.extend(_touching_circle(points, circle, turn, only) for circle in area.circles)
    return found


def look(points: PointPlaces, box: tuple[float, float, float, float], only: Rows | None) -> Rows:
    """Rows whose disc may touch a box of the plane (middle x, y, half-width, half-height); no false negatives."""
    x, y, half_x, half_y = (np.float32(v) for v in box)
    half_x, half_y = half_x + np.float32(LOOK_MARGIN), half_y + np.float32(LOOK_MARGIN)
    if only is not None:
        near = np.abs(points.x[only] - x) - points.r[only] <= half_x
        return np.asarray(only[near & (np.abs(points.y[only] - y) - points.r[only] <= half_y)])
    size = points.size
    seen, other = np.empty(size, dtype=np.bool_), np.empty(_CHUNK, dtype=np.bool_)
    room = np.empty(_CHUNK, dtype=np.float32)
    for start in range(0, size, _CHUNK):
        end = min(start + _CHUNK, size)
        gap, also, radius = room[: end - start], other[: end - start], points.r[start:end]
        np.abs(np.subtract(points.x[start:end], x, out=gap), out=gap)
        np.less_equal(np.subtract(gap, radius, out=gap), half_x, out=seen[start:end])
        np.abs(np.subtract(points.y[start:end], y, out=gap), out=gap)
        np.less_equal(np.subtract(gap, radius, out=gap), half_y, out=also)
        np.logical_and(seen[start:end], also, out=seen[start:end])
    return np.flatnonzero(seen)


def _touching_polygon(points: PointPlaces, plane: Plane, turn: float, only: Rows | None) -> Rows:
    x, y, half_x, half_y = plane.box
    rows = look(points, (x - turn, y, half_x, half_y), only)
    sure, rows = _by_field(points, plane, turn, rows) if rows.size > _CROWD else (rows[:0], rows)
    lat, lon, radius_m = points.lat[rows], points.lon[rows] + turn, points.radius_m[rows].astype(np.float64)
    served = np.isfinite(points.r[rows])
    hit = np.zeros(len(rows), dtype=np.bool_)
    hit[served] = plane.touch(lat[served], lon[served], radius_m[served])
    if not served.all() and turn == 0.0:
        hit[~served] = plane.measure(lat[~served], lon[~served], radius_m[~served])
    return np.concatenate([sure, rows[hit]])


def _by_field(points: PointPlaces, plane: Plane, turn: float, rows: Rows) -> tuple[Rows, Rows]:
    """Sort a crowd by grid cells, coarse ones first: rows sure to touch, and rows left to be tested singly.

    Within a cell the distance to the edge differs from that of its middle by at most half the cell's diagonal.
    """
    x, y, radius = points.x[rows] + np.float32(turn), points.y[rows], points.r[rows]
    served = np.isfinite(radius)
    sure, left = [], [rows[~served]]
    if not served.all():
        rows, x, y, radius = rows[served], x[served], y[served], radius[served]
    grid = _Grid(x, y)
    for across in _LEVELS:
        if rows.size <= _CROWD:
            break
        cell, used = grid.cells(x, y, across)
        if used.size * 3 > rows.size:
            break
        here, half = grid.away(plane, cell, used, across)
        # r is a little too large by design: by less than 2 %, and the margin of single precision
        touching = here + half <= radius * np.float32(0.98) - np.float32(2 * LOOK_MARGIN)
        sure.append(rows[touching])
        open_ = ~touching & (here - half <= radius)
        rows, x, y, radius = rows[open_], x[open_], y[open_], radius[open_]
    left.append(rows)
    return np.concatenate(sure) if sure else rows[:0], np.concatenate(left)


class _Grid:
    """Grid over a crowd's bounding box, with the distance of each cell to a polygon's edge."""

    def __init__(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        self._west, self._south = float(x.min(initial=0.0)), float(y.min(initial=0.0))
        if x.size:
            self._west, self._south = float(x.min()), float(y.min())
        self._width = (float(x.max(initial=self._west)) - self._west) * 1.0001 + 1e-6
        self._height = (float(y.max(initial=self._south)) - self._south) * 1.0001 + 1e-6

    def cells(
        self, x: NDArray[np.float32], y: NDArray[np.float32], across: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Cell of every row, and the cells that are not empty."""
        cell = ((y - np.float32(self._south)) * np.float32(across / self._height)).astype(np.int32)
        cell *= np.int32(across)
        cell += ((x - np.float32(self._west)) * np.float32(across / self._width)).astype(np.int32)
        return cell, np.flatnonzero(np.bincount(cell, minlength=across * across))

    def away(
        self, plane: Plane, cell: NDArray[np.int32], used: NDArray[np.int64], across: int
    ) -> tuple[NDArray[np.float32], np.float32]:
        """Signed distance of each row's cell middle, and the largest deviation within the cell."""
        wide, high = self._width / across, self._height / across
        up, right = np.divmod(used, across)
        field = np.zeros(int(used[-1]) + 1, dtype=np.float32)
        field[used] = plane.signed(self._west + (right + 0.5) * wide, self._south + (up + 0.5) * high)
        half = math.hypot(wide, high) / 2 * 1.001 + 2 * LOOK_MARGIN
        return field[cell], np.float32(half)


def _touching_circle(points: PointPlaces, circle: Circle, turn: float, only: Rows | None) -> Rows:
    """Rows that touch a circle: the distance of the centres is at most the sum of the radii."""
    sure, rows = _around(points, circle, turn, only)
    lat, lon = points.lat[rows], points.lon[rows] + turn
    reach = points.radius_m[rows].astype(np.float64) + circle.radius_m
    away, trusted = _away(circle, lat, lon)
    hit = away <= reach
    shell = np.flatnonzero(~trusted | (np.abs(away - reach) <= 0.05 + 1e-4 * away))
    if shell.size:
        exact = distances(circle.lat, circle.lon, lat[shell], lon[shell])
        hit[shell] = exact <= reach[shell] + EDGE_M
    return np.concatenate([sure, rows[hit]])


def _around(points: PointPlaces, circle: Circle, turn: float, only: Rows | None) -> tuple[Rows, Rows]:
    """Classify in the plane and in single precision: rows sure to touch a circle, and rows that may.

    Both circles' scales and centres differ by the latitudes between them: over a reach of t radians of the plane, by
    less than 1.5 t of it. 1.72 t leaves room for terms of higher order.
    """
    rows = look(points, _circle_box(circle, turn), only)
    if abs(circle.lat) > 70.0 or circle.radius_m > 50_000.0:
        return rows[:0], rows
    x, y = np.float32(circle.lon - turn), np.float32(mercator_y(circle.lat))
    away = np.hypot(points.x[rows] - x, points.y[rows] - y)
    reach = points.r[rows] + np.float32(circle.radius_m * float(mercator_scale(circle.lat)))
    # where the plane is not valid, the reach is infinite: never sure, always measured
    with np.errstate(invalid="ignore"):
        slack = reach * reach * np.float32(math.radians(1.72)) + np.float32(4 * LOOK_MARGIN)
        sure = away < reach - slack
    return rows[sure], rows[~sure & (away <= reach + slack)]


def _away(circle: Circle, lat: Floats, lon: Floats) -> tuple[Floats, Bools]:
    """Distance in metres by the middle latitude, and True where its error is below 1 in 10,000."""
    phi = math.radians(circle.lat)
    north = np.radians(lat - circle.lat)
    half = north / 2
    cosine = math.cos(phi) * (1 - half * half / 2) - math.sin(phi) * half
    east = np.radians(lon - circle.lon) * cosine * float(normal_radius(circle.lat))
    up = north * float(meridian_radius(circle.lat))
    close = np.full(len(lat), abs(circle.lat) <= 75.0) & (np.abs(north) < 0.01) & (np.abs(east) < 60_000.0)
    return np.hypot(east, up), close


def _circle_box(circle: Circle, turn: float) -> tuple[float, float, float, float]:
    """Bounding box of a circle in the plane, slightly too large; the whole plane near a pole."""
    up = math.degrees(circle.radius_m / 6.33e6) * 1.01
    south, north = circle.lat - up, circle.lat + up
    if max(abs(south), abs(north)) > MAX_PLANE_LAT:
        return 0.0, 0.0, 1e6, 1e6
    low, high = float(mercator_y(south)), float(mercator_y(north))
    wide = circle.radius_m * float(mercator_scale(max(abs(south), abs(north)))) * 1.05
    return circle.lon - turn, (low + high) / 2, wide, (high - low) / 2
