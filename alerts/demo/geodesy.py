"""Geometry of the judge: shapely in longitude/latitude and pyproj geodesics, independent of the product.

Every answer is True, False, or None within a metre of an edge, where either answer passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

GEOD = Geod(ellps="WGS84")
TOLERANCE_M = 1.0
STEP_DEGREES = 0.002
"""Edges are cut to about 200 m, so that straight in longitude/latitude and straight in the plane coincide."""
FAR_M = 1000.0

Maybe = bool | None


def any_of(answers: Iterable[Maybe]) -> Maybe:
    """Three-valued OR: True if any is True, else None if any is None, else False."""
    seen = list(answers)
    return True if True in seen else None if None in seen else False


def all_of(answers: Iterable[Maybe]) -> Maybe:
    """Three-valued AND: False if any is False, else None if any is None, else True."""
    seen = list(answers)
    return False if False in seen else None if None in seen else True


def negated(answer: Maybe) -> Maybe:
    """Three-valued NOT."""
    return None if answer is None else not answer


def at_most(value: float, limit: float) -> Maybe:
    """Three-valued value ≤ limit, in metres, with the tolerance."""
    return None if abs(value - limit) <= TOLERANCE_M else value < limit


def metres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Length of the geodesic between two points in metres."""
    return float(GEOD.inv(lon1, lat1, lon2, lat2)[2])


class Shape:
    """A Polygon or MultiPolygon, with the distance of a point to it."""

    def __init__(self, geojson: dict[str, Any]) -> None:
        self.geometry: BaseGeometry = shape(geojson)
        shapely.prepare(self.geometry)
        dense = shapely.segmentize(self.geometry.boundary, STEP_DEGREES)
        parts = shapely.get_parts(dense)
        self._lines = [shapely.get_coordinates(line) for line in parts]

    def signed_distance(self, lat: float, lon: float) -> float:
        """Distance to the edge in metres: negative inside, positive outside.

        The edge is projected into the plane that preserves distances and directions from the point (azimuthal
        equidistant).
        """
        nearest = min(self._to_line(line, lat, lon) for line in self._lines)
        return -nearest if shapely.contains_xy(self.geometry, lon, lat) else nearest

    def touches_disc(self, lat: float, lon: float, radius_m: float) -> Maybe:
        """True if the disc around a point touches the shape; an edge counts as inside."""
        if self._surely_beyond(lat, lon, radius_m):
            return False
        return at_most(self.signed_distance(lat, lon), radius_m)

    def overlaps(self, other: Shape) -> Maybe:
        """True if the interiors overlap: neighbours that share an edge do not."""
        if shapely.relate_pattern(self.geometry, other.geometry, "T********"):
            shared = self.geometry.intersection(other.geometry)
            return True if shared.buffer(-TOLERANCE_M / 60_000).area > 0 else None
        return False

    def _to_line(self, line: np.ndarray, lat: float, lon: float) -> float:
        count = len(line)
        azimuth, _, distance = GEOD.inv(np.full(count, lon), np.full(count, lat), line[:, 0], line[:, 1])
        turned = np.radians(azimuth)
        flat = shapely.linestrings(np.column_stack((distance * np.sin(turned), distance * np.cos(turned))))
        return float(shapely.distance(flat, shapely.points(0.0, 0.0)))

    def _surely_beyond(self, lat: float, lon: float, radius_m: float) -> bool:
        west, south, east, north = self.geometry.bounds
        margin = radius_m + FAR_M
        dy, dx = margin / 110_000, margin / 65_000  # a degree is at least that long at London's latitude
        return not (west - dx <= lon <= east + dx and south - dy <= lat <= north + dy)


@lru_cache(maxsize=64)
def _cached(text: str) -> Shape:
    import json

    return Shape(json.loads(text))


def shape_of(geojson: dict[str, Any]) -> Shape:
    """Prepared shape of a GeoJSON geometry; cached."""
    import json

    return _cached(json.dumps(geojson, sort_keys=True))
