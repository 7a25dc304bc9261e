"""Disc test against a polygon in the Mercator plane, exact except for a shell of centimetres.

In that plane a geodesic disc is a circle except for an error of third order (`geodesy.disc_error`), so one polygon
serves every radius. Discs within that error of the edge are measured on the ellipsoid.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from alerts.kernel.geometry import Area
from alerts.kernel.geometry.geodesy import (
    EDGE_M,
    Bools,
    Floats,
    disc_error,
    mercator_discs,
    mercator_scale,
    mercator_y,
)
from alerts.kernel.geometry.rings import polygons

_EDGE_ERROR_M = 0.01
"""Maximum deviation of an edge, straight in degrees, from its chain of chords in the plane."""
_MOST_PIECES = 50_000
_FEW_CORNERS = 700
_CLIP_LAT = 84.0
"""Clipping latitude: discs of the plane end well before, so edges beyond cannot touch them."""


class Plane:
    """Polygons of an area, prepared for tests with many discs."""

    def __init__(self, polygon: BaseGeometry) -> None:
        # A private copy: a prepared geometry builds its indexes on first use, and GEOS allows only one thread to do so,
        # while areas are shared between threads (two at once crash the process).
        self._area = Area(polygon)
        self._lonlat = shapely.transform(polygon, lambda positions: positions)
        shapely.prepare(self._lonlat)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Middle and half-widths in the plane: x, y, half-width, half-height, in degrees."""
        west, south, east, north = self._lonlat.bounds
        low, high = (float(mercator_y(min(89.0, max(-89.0, v)))) for v in (south, north))
        return (west + east) / 2, (low + high) / 2, (east - west) / 2, (high - low) / 2

    def touch(self, lat: Floats, lon: Floats, radius_m: Floats) -> Bools:
        """True for discs that touch, within the plane's latitudes and radii. Longitudes may exceed 180."""
        hit = np.asarray(shapely.intersects_xy(self._lonlat, lon, lat))
        rest = np.flatnonzero(~hit & (radius_m > 0.0))
        if rest.size and not self._shape.is_empty:
            hit[rest] = self._near(lat[rest], lon[rest], radius_m[rest])
        return hit

    def measure(self, lat: Floats, lon: Floats, radius_m: Floats) -> Bools:
        """Like `touch` on the ellipsoid, for any position and radius; each distinct disc is measured once."""
        discs, back = np.unique(np.column_stack([lat, lon, radius_m]), axis=0, return_inverse=True)
        answers = [self._area.distance_m(a, o) <= r + EDGE_M for a, o, r in discs.tolist()]
        return np.array(answers, dtype=np.bool_)[back.ravel()]

    def signed(self, x: Floats, y: Floats) -> Floats:
        """Distance to the edge in the plane's degrees, negative inside."""
        points = shapely.points(x, y)
        if self._edges is None:
            away = np.asarray(shapely.distance(self._boundary, points))
        else:
            _, away = self._edges.query_nearest(points, all_matches=False, return_distance=True)
        return np.where(shapely.contains_xy(self._shape, x, y), -away, away)

    def _near(self, lat: Floats, lon: Floats, radius_m: Floats) -> Bools:
        y, radius = mercator_discs(lat, radius_m)
        points = shapely.points(lon, y)
        error = radius * disc_error(lat, radius_m) + 2 * self._error_m * mercator_scale(lat)
        hit = np.asarray(shapely.dwithin(self._shape, points, radius + error))
        able = np.flatnonzero(hit)
        inner = radius[able] - error[able]
        shell = able[(inner <= 0.0) | ~shapely.dwithin(self._shape, points[able], np.maximum(inner, 0.0))]
        if shell.size:
            hit[shell] = self.measure(lat[shell], lon[shell], radius_m[shell])
        return hit

    @cached_property
    def _plan(self) -> tuple[BaseGeometry, float]:
        """Polygon in the plane with its slanting edges cut into chords, and the error of the chords in metres."""
        clipped = self._lonlat
        if max(abs(clipped.bounds[1]), abs(clipped.bounds[3])) > _CLIP_LAT:
            clipped = polygons(shapely.clip_by_rect(clipped, -180.0, -_CLIP_LAT, 180.0, _CLIP_LAT))
        error_m = _EDGE_ERROR_M
        pieces = sum(int(_pieces(ring, error_m).sum()) for ring in _rings(clipped))
        error_m *= max(1.0, pieces / _MOST_PIECES) ** 2
        shape = MultiPolygon(
            Polygon(_plane_ring(part.exterior, error_m), [_plane_ring(hole, error_m) for hole in part.interiors])
            for part in shapely.get_parts(clipped)
        )
        shapely.prepare(shape)
        return shape, error_m

    @property
    def _shape(self) -> BaseGeometry:
        return self._plan[0]

    @property
    def _error_m(self) -> float:
        return self._plan[1]

    @cached_property
    def _boundary(self) -> BaseGeometry:
        edge: BaseGeometry = shapely.boundary(self._shape)
        return edge

    @cached_property
    def _edges(self) -> shapely.STRtree | None:
        """Spatial index of the edges, if there are enough for it to pay off."""
        if shapely.get_num_coordinates(self._shape) <= _FEW_CORNERS:
            return None
        rings = [shapely.get_coordinates(ring) for ring in _rings(self._shape)]
        ends = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings])
        return shapely.STRtree(shapely.linestrings(ends))


def _rings(polygon: BaseGeometry) -> list[BaseGeometry]:
    return [ring for p in shapely.get_parts(polygon) for ring in (p.exterior, *p.interiors)]


def _pieces(ring: BaseGeometry, error_m: float) -> NDArray[np.int64]:
    """Number of chords for each edge: a straight edge in degrees bends by its span of latitude alone."""
    points = shapely.get_coordinates(ring)
    step = np.abs(np.diff(points, axis=0))
    steepest = np.maximum(np.abs(points[:-1, 1]), np.abs(points[1:, 1]))
    bend = np.maximum(np.tan(np.radians(steepest)), 1e-3)
    longest = np.degrees(np.sqrt(8 * error_m / (6.4e6 * bend)))
    slanting = (step[:, 0] > 0.0) & (step[:, 1] > 0.0)
    return np.where(slanting, np.ceil(step[:, 1] / longest), 1).astype(np.int64)


def _plane_ring(ring: BaseGeometry, error_m: float) -> Floats:
    points = shapely.get_coordinates(ring)
    pieces = _pieces(ring, error_m)
    which = np.repeat(np.arange(len(pieces)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    cut = points[which] + (points[which + 1] - points[which]) * (nth / pieces[which])[:, None]
    closed = np.vstack([cut, points[-1:]])
    return np.column_stack([closed[:, 0], mercator_y(closed[:, 1])])


def crosses(west: float, east: float, reach: float = 6.0) -> tuple[float, ...]:
    """Offsets (degrees) at which longitudes are tested near the antimeridian; `reach` covers any disc."""
    near = west > east or west - reach < -180.0 or east + reach > 180.0 or math.isnan(west)
    return (0.0, 360.0, -360.0) if near else (0.0,)
