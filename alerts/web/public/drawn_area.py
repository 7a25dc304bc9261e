"""Area that a person drew on the map of a form: read from its field, checked, and made GeoJSON."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import validate_area

MOST_CORNERS = 40
"""Corners of a drawn area: a draft, which the address of a page carries, holds several."""
_LEAST_CORNERS = 3
_UNITS = 100_000
Ring = tuple[tuple[int, int], ...]
"""Corners in the order in which they were drawn: (longitude, latitude), the first one once.

In 1/100,000 of a degree, about a metre: as floats, the areas of a draft would not fit into an address.
"""


def drawn_ring(text: str) -> Ring | None:
    """Read what the page's script wrote; None if no valid area was drawn."""
    try:
        drawn = msgspec.json.decode(text, type=tuple[tuple[float, float], ...])
        if not _LEAST_CORNERS <= len(drawn) <= MOST_CORNERS:
            return None
        ring = tuple((round(lon * _UNITS), round(lat * _UNITS)) for lon, lat in drawn)
        drawn_area(ring)
    except (msgspec.DecodeError, Invalid, OverflowError):
        return None
    return ring


def drawn_area(ring: Ring) -> dict[str, Any]:
    """Return the GeoJSON of a drawn area, mended where it crosses itself a little. Raises Invalid."""
    polygon = {"type": "Polygon", "coordinates": [_degrees((*ring, ring[0]))]}
    [part] = validate_area(polygon, "area", frozenset())
    return part


def as_field(ring: Ring | None) -> str:
    """Write a ring as the form's field holds it; "" for None."""
    return msgspec.json.encode(_degrees(ring)).decode() if ring else ""


def _degrees(ring: Ring) -> list[list[float]]:
    return [[lon / _UNITS, lat / _UNITS] for lon, lat in ring]
