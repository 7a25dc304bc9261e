"""Validation of AREA and positions from outside: every error names the field and the remedy (RULES 9, RFC 7946)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from alerts.kernel.errors import FieldError, Invalid
from alerts.kernel.geometry.area import Area, Bounds, Json, _plain
from alerts.kernel.geometry.geodesy import Floats
from alerts.kernel.geometry.rings import NotMendable, are_tangled, mended, polygon_of, polygons, rewrapped, unwrapped

MAX_POSITIONS = 50_000
MAX_PARTS = 500
MAX_RADIUS_KM = 5_000.0

Known = Callable[[str], bool] | Collection[str]
"""Known names: a collection (listed in the error message) or a predicate."""

_TANGLED = "its outlines cross each other too often; draw them again without crossings"
_SHAPE = (
    'an area is a GeoJSON Polygon or MultiPolygon, {"circle": {"lat", "lon", "radius_km"}}, {"place": slug}, '
    "or a list of these"
)


def known(name: str, names: Known) -> bool:
    """Return True if `name` is among the known names."""
    return names(name) if callable(names) else name in names


def listed(names: Known, most: int = 60) -> str:
    """Suffix `; known are a, b, c` for an error message, or "" if the names cannot be listed."""
    if callable(names) or len(names) > most:
        return ""
    return "; known are " + ", ".join(sorted(names)) if names else "; none is registered yet"


def validate_area(
    raw: Any, field: str, known_place: Known, bounds: Bounds | None = None, budget: list[int] | None = None
) -> list[Json]:
    """Validate an AREA and return its parts: mended GeoJSON Polygons and MultiPolygons; circles and places unchanged.

    A part that repeats another is left out. `budget`: the positions left to areas that share one limit.

    `bounds` are those of the registered places (west, south, east, north). Positions that lie in them only when swapped
    are refused with that reason. Raises `Invalid`.
    """
    parts = raw if isinstance(raw, list) else [raw]
    if not parts:
        raise Invalid.field(field, f"the list is empty; {_SHAPE}")
    if len(parts) > MAX_PARTS:
        raise Invalid.field(field, f"has {len(parts)} parts; at most {MAX_PARTS} are taken")
    names = [f"{field}.{i}" if isinstance(raw, list) else field for i in range(len(parts))]
    _refuse_swapped(parts, field, bounds)
    budget = [MAX_POSITIONS] if budget is None else budget
    valid: list[Json] = []
    seen: set[bytes] = set()
    for part, name in zip(parts, names, strict=True):
        key = msgspec.json.encode(part, order="deterministic")
        if key not in seen:
            seen.add(key)
            valid.append(_part(part, name, known_place, budget))
    _refuse_tangled(valid, field)
    return valid


def usable_parts(
    raw: list[Any], field: str, known_place: Known, bounds: Bounds | None = None
) -> tuple[list[Json], list[FieldError]]:
    """Validate an AREA of an untrusted message part by part: the valid parts, and the errors of the others.

    Raises `Invalid` if all positions lie in `bounds` only when swapped: then no part means what it says.
    """
    _refuse_swapped(raw, field, bounds)
    parts: list[Json] = []
    faults: list[FieldError] = []
    budget = [MAX_POSITIONS]
    for index, part in enumerate(raw):
        name = f"{field}.{index}"
        left = budget[0]
        try:
            if len(parts) == MAX_PARTS:
                raise Invalid.field(name, f"at most {MAX_PARTS} parts are taken")
            parts.append(_part(part, name, known_place, budget))
        except Invalid as error:
            budget[0] = left
            faults += error.errors
    try:
        _refuse_tangled(parts, field)
    except Invalid as error:  # one outline alone is better than none
        first = next(part for part in parts if "coordinates" in part)
        parts = [part for part in parts if part is first or "coordinates" not in part]
        faults += error.errors
    return parts, faults


def check_point(lat: float, lon: float, field: str, bounds: Bounds | None = None) -> None:
    """Refuse a position off the globe, or one that lies within the registered places' bounds only when swapped."""
    if _is_number(lat) and _is_number(lon):
        _refuse_if_swapped(np.array([[lon, lat]], dtype=np.float64), field, bounds)
    _latitude(lat, _below(field, "lat"))
    _longitude(lon, _below(field, "lon"))


def _part(part: Any, field: str, known_place: Known, budget: list[int]) -> Json:
    if not isinstance(part, dict):
        raise Invalid.field(field, _SHAPE)
    if "circle" in part:
        _only(part, ("circle",), field)
        return {"circle": _circle(part["circle"], f"{field}.circle")}
    if "place" in part:
        _only(part, ("place",), field)
        slug = part["place"]
        if not isinstance(slug, str) or not known(slug, known_place):
            raise Invalid.field(f"{field}.place", f"no place {slug!r} is registered{listed(known_place)}")
        return {"place": slug}
    kind = part.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise Invalid.field(field, _SHAPE if kind is None else f"type {kind!r} is not taken; {_SHAPE}")
    _only(part, ("type", "coordinates", "bbox"), field)
    return _geojson(kind, part.get("coordinates"), f"{field}.coordinates", budget)


def _refuse_tangled(parts: Sequence[Json], field: str) -> None:
    """Refuse outlines that cross each other too often; those of places are looked at when they are resolved."""
    outlines = [polygon_of(part) for part in parts if "coordinates" in part]
    if len(outlines) > 1 and are_tangled(outlines):
        raise Invalid.field(field, _TANGLED)


def _circle(circle: Any, field: str) -> Json:
    if not isinstance(circle, dict):
        raise Invalid.field(field, 'a circle is {"lat", "lon", "radius_km"}')
    _only(circle, ("lat", "lon", "radius_km"), field)
    for name in ("lat", "lon", "radius_km"):
        if name not in circle:
            raise Invalid.field(f"{field}.{name}", "is missing")
    _latitude(circle["lat"], f"{field}.lat")
    _longitude(circle["lon"], f"{field}.lon")
    radius = circle["radius_km"]
    if not _is_number(radius) or not 0.0 <= radius <= MAX_RADIUS_KM:
        raise Invalid.field(f"{field}.radius_km", f"must be a number of kilometres from 0 to {MAX_RADIUS_KM:.0f}")
    return {"lat": float(circle["lat"]), "lon": float(circle["lon"]), "radius_km": float(radius)}


def _geojson(kind: str, coordinates: Any, field: str, budget: list[int]) -> Json:
    members = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(members, list) or not members:
        raise Invalid.field(field, f"a {kind} needs a list of rings")
    parts: list[BaseGeometry] = []
    for i, member in enumerate(members):
        name = field if kind == "Polygon" else f"{field}.{i}"
        if not isinstance(member, list) or not member:
            raise Invalid.field(name, "a polygon needs a list of rings, the exterior one first")
        rings = [_ring(ring, f"{name}.{j}", budget) for j, ring in enumerate(member)]
        try:
            parts.append(rewrapped(mended(_beside_first([unwrapped(ring) for ring in rings]))))
        except NotMendable as error:
            raise Invalid.field(name, str(error)) from None
    if len(parts) > 1 and are_tangled(parts):
        raise Invalid.field(field, _TANGLED)
    whole = parts[0] if len(parts) == 1 else polygons(shapely.union_all(parts))
    return _plain(whole.__geo_interface__)


def _beside_first(rings: list[Floats]) -> list[Floats]:
    """Shift holes by multiples of 360° onto their exterior ring, which may continue past the antimeridian."""
    middle = (rings[0][:, 0].min() + rings[0][:, 0].max()) / 2
    if rings[0][:, 0].min() >= -180.0 and rings[0][:, 0].max() <= 180.0:
        return rings
    return [r + np.array([360.0 * round((middle - r[:, 0].mean()) / 360.0), 0.0]) for r in rings]


def _ring(ring: Any, field: str, budget: list[int]) -> Floats:
    """Read a ring as a closed (n, 2) array of lon, lat. Altitudes are dropped; an open ring is closed."""
    if not isinstance(ring, list):
        raise Invalid.field(field, "a ring is a list of positions [lon, lat]")
    budget[0] -= len(ring)
    if budget[0] < 0:
        raise Invalid.field(field, f"more than {MAX_POSITIONS} positions; simplify the outline")
    for i, position in enumerate(ring):
        name = f"{field}.{i}"
        if not isinstance(position, list) or not 2 <= len(position) <= 3 or not all(map(_is_number, position)):
            raise Invalid.field(name, "a position is [longitude, latitude] in degrees")
        _longitude(position[0], name)
        _latitude(position[1], name)
    points = np.array([p[:2] for p in ring], dtype=np.float64).reshape(-1, 2)
    if len(points) and not np.array_equal(points[0], points[-1]):
        points = np.vstack([points, points[:1]])
    if len(points) < 4:
        raise Invalid.field(field, "a ring needs at least four positions, the last one equal to the first")
    return points


def _refuse_swapped(parts: Sequence[Any], field: str, bounds: Bounds | None) -> None:
    pairs = [(float(a), float(b)) for a, b in _positions(parts)] if bounds else []
    if pairs:
        _refuse_if_swapped(np.array(pairs), field, bounds)


def _positions(parts: Sequence[Any]) -> Iterator[tuple[float, float]]:
    """Yield every readable (lon, lat) of an unchecked AREA; unreadable parts are refused later, by name."""
    for part in parts:
        if not isinstance(part, dict):
            continue
        circle = part.get("circle")
        if isinstance(circle, dict):
            nested: Any = [[circle.get("lon"), circle.get("lat")]]
        else:
            nested = part.get("coordinates")
        stack = [nested]
        while stack:
            node = stack.pop()
            if not isinstance(node, list):
                continue
            if len(node) >= 2 and _is_number(node[0]) and _is_number(node[1]):
                yield node[0], node[1]
            else:
                stack.extend(node)


def _refuse_if_swapped(lonlat: Floats, field: str, bounds: Bounds | None) -> None:
    if bounds is None or any(map(math.isnan, bounds)):
        return
    if not _within(lonlat, bounds).any() and _within(lonlat[:, ::-1], bounds).all():
        raise Invalid.field(
            field, "latitude and longitude look swapped: give the longitude first in GeoJSON ([lon, lat])"
        )


def _within(lonlat: Floats, bounds: Bounds) -> Any:
    west, south, east, north = bounds
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    across = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    return across & (lat >= south) & (lat <= north)


def _latitude(value: Any, field: str) -> None:
    if not _is_number(value) or not -90.0 <= value <= 90.0:
        raise Invalid.field(field, f"a latitude is a number from -90 to 90, not {_short(value)}")


def _longitude(value: Any, field: str) -> None:
    if not _is_number(value) or not -180.0 <= value <= 180.0:
        raise Invalid.field(field, f"a longitude is a number from -180 to 180, not {_short(value)}")


def _is_number(value: Any) -> bool:
    # The bound also refuses NaN, infinity and integers too long for a float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _only(members: Json, allowed: tuple[str, ...], field: str) -> None:
    for name in members:
        if name not in allowed:
            raise Invalid.field(f"{field}.{name}", "unknown field; known are " + ", ".join(allowed))


def _below(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


__all__ = ["Area", "Known", "check_point", "known", "listed", "validate_area"]
