"""Distances the slow way, sharing nothing with the product: edges cut fine, seen from the position itself."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry


def distance_to_polygon(lat: float, lon: float, polygon: BaseGeometry, step_m: float = 60.0) -> float:
    """Metres from a position to a polygon in lon/lat, by an azimuthal equidistant map centred on the position.

    Distances from that map's centre are geodesics; edges are cut into chords of at most `step_m`.
    """
    if shapely.intersects_xy(polygon, lon, lat):
        return 0.0
    fine = shapely.segmentize(polygon, step_m / 111_000)
    to_map = Transformer.from_crs("EPSG:4326", f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84", always_xy=True)
    best = float("inf")
    for part in shapely.get_parts(fine):
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)
            x, y = to_map.transform(points[:, 0], points[:, 1])
            best = min(best, shapely.LineString(np.column_stack([x, y])).distance(shapely.Point(0, 0)))
    return best
