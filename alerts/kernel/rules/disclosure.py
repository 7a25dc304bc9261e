"""Detection of questions about single people: subscribers by id, areas so small that a count locates a home."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from alerts.kernel.geometry.rings import polygon_of

Json = dict[str, Any]
Lookup = Callable[[str], Json | None]
"""JSON of a segment's rule, or of a place's outline, by slug."""

SMALLEST_RADIUS_KM: Final = 0.5
_DEGREE_KM: Final = 111.32
_SMALLEST_KM2: Final = math.pi * SMALLEST_RADIUS_KM**2


def names_people(rule: object, segment: Lookup) -> bool:
    """True if a JSON rule, or a segment that it names, lists subscribers by id."""
    return any("ids" in node for node in _operators(rule, segment))


def smallest_part(rule: object, area: object, segment: Lookup, place: Lookup) -> Json | None:
    """Return a part of an area that is smaller than a circle of `SMALLEST_RADIUS_KM`, None if there is none.

    The areas are the notice's own and those of a JSON rule and of the segments that it names.
    """
    areas = [area]
    for node in _operators(rule, segment):
        areas += [node.get("touches"), {"place": node["place"]} if "place" in node else None]
    for parts in areas:
        for part in parts if isinstance(parts, list | tuple) else [parts]:
            if isinstance(part, dict) and _is_small(part, place):
                return part
    return None


def _operators(rule: object, segment: Lookup) -> Iterator[Json]:
    seen: set[str] = set()
    waiting = [rule]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            yield node
            waiting.extend(value for name, value in node.items() if name in ("all", "any", "not"))
            slug = node.get("segment")
            if isinstance(slug, str) and slug not in seen:
                seen.add(slug)
                waiting.append(segment(slug))


def _is_small(part: Json, place: Lookup) -> bool:
    if "circle" in part:
        return bool(part["circle"]["radius_km"] < SMALLEST_RADIUS_KM)
    outline = place(str(part["place"])) if "place" in part else part
    if outline is None or "coordinates" not in outline:
        return False
    polygon = polygon_of(outline)
    width_km = _DEGREE_KM * math.cos(math.radians(polygon.centroid.y)) if not polygon.is_empty else 0.0
    return bool(polygon.area * _DEGREE_KM * width_km < _SMALLEST_KM2)
