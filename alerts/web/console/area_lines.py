"""Areas of a limit, as a form takes them: registered places by name, one a line, and drawn areas that stay."""

from __future__ import annotations

from alerts.domain.events import AreaJson
from alerts.gazetteer.candidate import folded
from alerts.projections.queries import ReadModelQueries
from alerts.web.public.forms import FormErrors

LONGEST = 5_000
"""Characters of the list of places that are read."""


def areas_of(views: ReadModelQueries, places: str, drawn: AreaJson, errors: FormErrors) -> AreaJson:
    """Return the areas that were typed into the field `places`, after the drawn ones. Blocks."""
    if len(places) >= LONGEST:
        errors.add("places", f"Shorten it to {LONGEST:,} characters.")
        return []
    known: dict[str, str] = {}
    for place in views.places():
        for name in (place.slug, *place.name.values()):
            known.setdefault(folded(name), place.slug)
    areas: AreaJson = [*drawn]
    for line in filter(None, (part.strip() for part in places.splitlines())):
        slug = known.get(folded(line))
        if slug is None:
            errors.add("places", f"No place “{line[:80]}” is registered. Write one name a line.")
        elif {"place": slug} not in areas:
            areas.append({"place": slug})
    return areas


def lines_of(areas: AreaJson | None) -> str:
    """Return the places of a limit as its form shows them."""
    return "\n".join(part["place"] for part in areas or () if "place" in part)


def drawn_of(areas: AreaJson | None) -> AreaJson:
    """Return the drawn areas of a limit."""
    return [part for part in areas or () if "place" not in part]
