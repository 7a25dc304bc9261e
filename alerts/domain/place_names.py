"""Place names: describes an area by the registered places it overlaps, the same in messages and pages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import Area
from alerts.kernel.languages import choose

MOST = 3


def place_name(place: PlaceState, language: str, default: str) -> str:
    """Name of a place for a reader of `language` (RULES 20); its slug if it has no name."""
    return choose(place.name, language, default)[1] if place.name else place.slug


def where(
    area: Area | None,
    places: Iterable[PlaceState],
    outline: Callable[[str], Area | None],
    language: str,
    default: str,
    comma: str = ", ",
) -> str:
    """Names of the registered places whose interior the area overlaps, largest share first: `Southwark, Lambeth`.

    At most three names, then `+ 4`; "" for no area, or one outside every registered place.
    """
    found = [(-share, place_name(place, language, default)) for share, place in overlapped(area, places, outline)]
    found.sort()
    names = [name for _, name in found[:MOST]]
    more = f" + {len(found) - MOST}" if len(found) > MOST else ""
    return comma.join(names) + more


def overlapped(
    area: Area | None, places: Iterable[PlaceState], outline: Callable[[str], Area | None]
) -> list[tuple[float, PlaceState]]:
    """Registered places whose interior the area overlaps, with the size of its part in each, largest first."""
    if area is None or area.empty:
        return []
    found: list[tuple[float, PlaceState]] = []
    for place in places:
        shape = None if place.retired else outline(place.slug)
        if shape is not None and _near(area, shape) and area.overlaps(shape):
            found.append((_share(area, shape), place))
    return sorted(found, key=lambda one: -one[0])


def _near(one: Area, two: Area) -> bool:
    """True if the bounding boxes intersect: a cheap filter. Boxes across the antimeridian always pass."""
    a, b = one.bounds, two.bounds
    if a[0] > a[2] or b[0] > b[2]:
        return True
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _share(area: Area, shape: Area) -> float:
    """Size of the area's part in a place, in square degrees: sufficient for ordering neighbours."""
    import shapely
    from shapely.geometry import shape as shape_of

    from alerts.kernel.geometry.rings import are_tangled

    if are_tangled((area.polygon, shape.polygon)):
        return 0.0
    return float(shapely.area(shapely.intersection(shape_of(area.to_geojson()), shape.polygon)))
