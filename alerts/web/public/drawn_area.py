"""Area that a person drew on the map of a form: read from its field, checked, and made GeoJSON."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import validate_area

MOST_CORNERS = 40
"""Corners of a drawn area: a draft, which the address of a page carries, holds several."""
_LEAST_CORNERS = 3
Ring = tuple[tuple[float, float], ...]
"""Corners in the order in which they were drawn: (longitude, latitude) in degrees, the first one once."""


def drawn_ring(text: str) -> Ring | None:
    """Read what the page's script wrote; None if no valid area was drawn."""
    try:
        ring = msgspec.json.decode(text, type=Ring)
        if not _LEAST_CORNERS <= len(ring) <= MOST_CORNERS:
            return None
        drawn_area(ring)
    except (msgspec.DecodeError, Invalid):
        return None
    return ring


def drawn_area(ring: Ring) -> dict[str, Any]:
    """Return the GeoJSON of a drawn area, mended where it crosses itself a little. Raises Invalid."""
    polygon = {"type": "Polygon", "coordinates": [[*map(list, ring), list(ring[0])]]}
    [part] = validate_area(polygon, "area", frozenset())
    return part


def as_field(ring: Ring | None) -> str:
    """Write a ring as the form's field holds it; "" for None."""
    return msgspec.json.encode(ring).decode() if ring else ""
