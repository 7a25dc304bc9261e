"""Place of a subscriber as a member of the team types it: looked up, chosen among namesakes, with a distance."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.contract.bodies import SubscriberPlaceBody
from alerts.gazetteer import PlaceCandidate
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.public.forms import FormErrors, FormFields

RADII = ("0.5", "2", "5", "10")
"""Distances in kilometres that are offered around a position."""
_PURPOSE = "place for a subscriber"


@dataclass
class PlaceChoice:
    """Typed place and what was found. `choices`: sealed candidate and words, when there are several."""

    typed: str = ""
    radius: str = "2"
    choices: list[tuple[str, str]] = field(default_factory=list)
    found: SubscriberPlaceBody | None = None


async def chosen_place(services: Services, fields: FormFields, errors: FormErrors, language: str = "en") -> PlaceChoice:
    """Look the fields `place`, `pick` and `radius` up; "" finds nothing and is no error."""
    keys = services.settings.secret_key
    choice = PlaceChoice(fields.line("place"), fields.one_of("radius", RADII, "2"))
    picked = open_value(keys, _PURPOSE, PlaceCandidate, fields.sealed("pick"))
    if picked is not None:
        choice.found = _body(picked, choice.radius)
        return choice
    if not choice.typed:
        return choice
    found = await read(services, services.place_lookup.find, choice.typed, language)
    if len(found) == 1:
        choice.found = _body(found[0], choice.radius)
    elif found:
        choice.choices = [(seal_value(keys, _PURPOSE, one), one.words) for one in found]
        errors.add("pick", f"Choose which {choice.typed}.")
    else:
        errors.add("place", "We do not know that place. Try a postcode, a registered place, or a point as 51.49,-0.09.")
    return choice


def _body(found: PlaceCandidate, radius: str) -> SubscriberPlaceBody:
    if found.place is not None:
        return SubscriberPlaceBody(place=found.place)
    return SubscriberPlaceBody(lat=found.lat, lon=found.lon, radius_km=float(radius), name=found.label)
