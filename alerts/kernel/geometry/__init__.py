"""Geometry on WGS 84 for every room: AREA as JSON, positions, distances (RULES 9).

>>> area = resolve_area(validate_area(body["area"], "area", places), geometries.get)
>>> area.distance_m(51.5, -0.12)
"""

from alerts.kernel.geometry.area import EMPTY, Area, Bounds, Circle, area_of, resolve_area, same_outline
from alerts.kernel.geometry.geodesy import distance
from alerts.kernel.geometry.grow import grown
from alerts.kernel.geometry.rings import FINE_CIRCLE
from alerts.kernel.geometry.simplify import FINE_M, MOST_CORNERS, Detail, Simplified, detail, simplified
from alerts.kernel.geometry.validate import Known, check_point, usable_parts, validate_area

__all__ = [
    "EMPTY",
    "FINE_CIRCLE",
    "FINE_M",
    "MOST_CORNERS",
    "Area",
    "Bounds",
    "Circle",
    "Detail",
    "Known",
    "Simplified",
    "area_of",
    "check_point",
    "detail",
    "distance",
    "grown",
    "resolve_area",
    "same_outline",
    "simplified",
    "usable_parts",
    "validate_area",
]
