"""Growth of an area: the same outline, some metres further out."""

from __future__ import annotations

import math
from typing import Any

from shapely import affinity
from shapely.geometry import mapping

from alerts.kernel.geometry.area import Area

_METRES_A_DEGREE = 111_320.0
_CORNERS = 4
"""Corners of a quarter circle around each corner of an outline."""


def grown(area: Area, metres: float) -> tuple[dict[str, Any], ...]:
    """Return an AREA that reaches `metres` further on every side.

    Circles exactly; outlines in the plane at the latitude of their middle, right within a hundredth for areas below
    200 km. An outline at the antimeridian or a pole is cut there.
    """
    parts: list[dict[str, Any]] = [
        {"circle": {"lat": c.lat, "lon": c.lon, "radius_km": (c.radius_m + metres) / 1000}} for c in area.circles
    ]
    if not area.polygon.is_empty:
        middle = area.polygon.centroid
        narrow = max(0.01, math.cos(math.radians(middle.y)))
        flat = affinity.scale(area.polygon, narrow, 1.0, origin=(middle.x, middle.y))
        wide = flat.simplify(metres / _METRES_A_DEGREE / 20).buffer(metres / _METRES_A_DEGREE, quad_segs=_CORNERS)
        outline = affinity.scale(wide, 1 / narrow, 1.0, origin=(middle.x, middle.y))
        parts += [{"type": "Polygon", "coordinates": _lists(mapping(one)["coordinates"])} for one in _polygons(outline)]
    return tuple(parts)


def _polygons(outline: Any) -> list[Any]:
    return [one for one in getattr(outline, "geoms", [outline]) if not one.is_empty]


def _lists(node: Any) -> Any:
    """Turn tuples into lists, within the world's edges."""
    if isinstance(node[0], int | float):
        return [min(180.0, max(-180.0, float(node[0]))), min(90.0, max(-90.0, float(node[1])))]
    return [_lists(one) for one in node]
