"""Place names: describes an area by the registered places it overlaps, the same in messages and pages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import Area

MOST = 3


def place_name(place: PlaceState, language: str) -> str:
    """Name of a place in a language, by primary subtag; else its first name, else its slug."""
    wanted = language.split("-")[0].lower()
    for tag, name in place.name.items():
        if tag.split("-")[0].lower() == wanted:
            return name
    return next(iter(place.name.values()), place.slug)


def where(
    area: Area | None,
    places: Iterable[PlaceState],
    outline: Callable[[str], Area | None],
    language: str,
    comma: str = ", ",
) -> str:
    """Names of the registered places whose interior the area overlaps, largest share first: `Southwark, Lambeth`.

    At most three names, then `+ 4`; "" for no area, or one outside every registered place.
    """
    if area is None or area.empty:
        return ""
    found: list[tuple[float, str]] = []
    for place in places:
        shape = None if place.retired else outline(place.slug)
        if shape is not None and _near(area, shape) and area.overlaps(shape):
            found.append((-_share(area, shape), place_name(place, language)))
    found.sort()
    names = [name for _, name in found[:MOST]]
    more = f" + {len(found) - MOST}" if len(found) > MOST else ""
    return comma.join(names) + more


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

    return float(shapely.area(shapely.intersection(shape_of(area.to_geojson()), shape.polygon)))


def names_of(slugs: Sequence[str], places: Iterable[PlaceState], language: str) -> list[str]:
    """Names of registered places by slug; an unknown slug is returned unchanged."""
    known = {place.slug: place for place in places}
    return [place_name(known[slug], language) if slug in known else slug for slug in slugs]
