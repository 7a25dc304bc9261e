"""Step 1, where: places by postcode, name or position, each with a distance and its forecast."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.gazetteer import PlaceCandidate, folded
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.web.http.requests import read
from alerts.web.public.drawn_area import as_field, drawn_ring
from alerts.web.public.forms import FormErrors, FormFields, take_form
from alerts.web.public.sign_up.draft import MOST_PLACES, RADII, Draft, DraftPlace, with_added
from alerts.web.public.sign_up.flow import SignUpFlow

_NAME = 60
_AN_HOUR = 600
"""Look-ups of one network in an hour: each replays three forecasts."""
_CANDIDATE = "place candidate"


class WhereStep:
    """Handlers of the first step."""

    def __init__(self, flow: SignUpFlow) -> None:
        self._flow = flow
        self._lookup = flow.services.place_lookup

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the step; `?q=` is looked up at once (from the front page)."""
        t, draft, form = await self._flow.opened(request)
        asked, errors, choices = form.line("q"), FormErrors(), list[PlaceCandidate]()
        if asked and draft.current is None:
            draft, choices = await self._found(request, t, draft, asked, errors)
        return await self._page(t, draft, form, errors, asked, choices)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take what was entered: find, add or remove a place, or go on."""
        t, draft, form = await self._flow.opened(request)
        errors, asked, do = FormErrors(), form.line("q"), form.line("do")
        back = "check" if form.line("back") == "check" else ""
        if do.startswith("remove-"):
            return self._flow.go("where", t, _without(draft, do.removeprefix("remove-")), back=back)
        if do == "everywhere":
            draft = replace(draft, everywhere=True, current=None, places=())
            return self._flow.go(back or "what", t, draft)
        chosen = open_value(self._flow.services.settings.secret_key, _CANDIDATE, PlaceCandidate, form.sealed("choice"))
        is_new, choices = False, list[PlaceCandidate]()
        if chosen is not None:
            draft, is_new = replace(draft, current=DraftPlace.of(chosen), everywhere=False), True
        elif (drawn := form.sealed("area")) and not asked:
            draft, is_new = _with_drawn(t, draft, drawn, errors)
        elif asked and not _is_same(draft.current, asked):
            draft, choices = await self._found(request, t, draft, asked, errors)
            is_new = draft.current is not None
        elif not asked and draft.current is not None:
            draft = replace(draft, current=None)
        draft = _with_details(draft, form)
        if not errors and not choices:
            if is_new or do == "find":
                if draft.current is not None:
                    return self._flow.go("where", t, draft, back=back, mark="found")
            elif do == "add" and len(draft.all_places) < MOST_PLACES:
                return self._flow.go("where", t, with_added(draft), back=back)
            elif draft.all_places or draft.everywhere:
                return self._flow.go(back or "what", t, draft)
            errors.add("q", t.text("sign_up", "where_empty"))
        return await self._page(t, draft, form, errors, asked, choices, back)

    async def _found(
        self, request: web.Request, t: Translator, draft: Draft, asked: str, errors: FormErrors
    ) -> tuple[Draft, list[PlaceCandidate]]:
        """Look a text up: one place is taken, of several the person chooses, none is an error."""
        take_form(self._flow.services.limits, request, "place", _AN_HOUR)
        found = await read(self._flow.services, self._lookup.find, asked, t.tag)
        if len(found) == 1:
            return replace(draft, current=DraftPlace.of(found[0]), everywhere=False), []
        draft = replace(draft, current=None)
        if not found:
            key = "where_unknown_postcode" if self._lookup.postcodes.available else "where_unknown"
            errors.add("q", t.text("sign_up", key))
        return draft, found

    async def _page(
        self,
        t: Translator,
        draft: Draft,
        form: FormFields,
        errors: FormErrors,
        asked: str,
        choices: list[PlaceCandidate],
        back: str = "",
    ) -> web.Response:
        back = back or ("check" if form.line("back") == "check" else "")
        if choices:
            errors.add("choice-0", t.text("sign_up", "where_which"))
        keys = self._flow.services.settings.secret_key
        context: dict[str, Any] = {
            "q": draft.current.label if draft.current and not draft.current.ring else asked,
            "at": _position(draft.current),
            "drawn": as_field(draft.current.ring if draft.current else None),
            "by_postcode": self._lookup.postcodes.available,
            "found": draft.current,
            "radii": await read(self._flow.services, self._radii, t, draft),
            "choices": [(seal_value(keys, _CANDIDATE, c), c.words) for c in choices],
            "added": [(str(i), place_words(t, place)) for i, place in enumerate(draft.places)],
            "number": t.number(len(draft.places) + 1),
            "suggestions": f"{self._flow.pages.site.base}/places.json",
        }
        return self._flow.page("where", t, draft, context, errors, back)

    def _radii(self, t: Translator, draft: Draft) -> list[tuple[str, str, str, bool]]:
        """Return value, words, forecast and choice of each distance around the place that was found. Blocks."""
        place = draft.current
        if place is None:
            return []
        known = tuple(slug for slug, _ in self._flow.topics(t))
        zone = self._flow.services.settings.timezone

        def forecast(of: DraftPlace) -> str:
            return self._flow.forecasts.of(draft.preferences(known, zone, of)).words(t)

        if place.slug is not None:
            return [("all", t.text("sign_up", "all_of", place=place.label), forecast(place), True)]
        if place.ring is not None:
            return [("all", t.text("preferences", "drawn"), forecast(place), True)]
        return [
            (
                f"{km:g}",
                t.text("sign_up", f"radius_{km:g}", distance=t.distance(km * 1000)),
                forecast(replace(place, radius_km=km)),
                km == place.radius_km,
            )
            for km in RADII
        ]


def _is_same(current: DraftPlace | None, asked: str) -> bool:
    return current is not None and folded(asked) in (folded(current.label), folded(current.words))


def _with_details(draft: Draft, form: FormFields) -> Draft:
    """Take the distance and the name of the place that was found."""
    if draft.current is None:
        return draft
    chosen = form.one_of("radius", tuple(f"{km:g}" for km in RADII), f"{draft.current.radius_km:g}")
    return replace(draft, current=replace(draft.current, radius_km=float(chosen), name=form.line("name")[:_NAME]))


def _with_drawn(t: Translator, draft: Draft, drawn: str, errors: FormErrors) -> tuple[Draft, bool]:
    """Take an area that was drawn; True if it is another one than the draft has."""
    ring = drawn_ring(drawn)
    if ring is None:
        errors.add("q", t.text("pick", "area_wrong"))
        return replace(draft, current=None), False
    if draft.current is not None and draft.current.ring == ring:
        return draft, False
    return replace(draft, current=DraftPlace(label=t.text("preferences", "drawn"), ring=ring), everywhere=False), True


def _position(place: DraftPlace | None) -> str:
    if place is None or place.lat is None or place.lon is None:
        return ""
    return f"{place.lat:.5f}, {place.lon:.5f}"


def _without(draft: Draft, number: str) -> Draft:
    left = tuple(place for index, place in enumerate(draft.places) if str(index) != number)
    return replace(draft, places=left)


def place_words(t: Translator, place: DraftPlace) -> str:
    """Say a place as the person chose it: `2 km around SE17 1RW (Home)`."""
    name = f" ({place.name})" if place.name else ""
    if place.slug is not None or place.ring is not None:
        return f"{place.label}{name}"
    return t.text("sign_up", "around", distance=t.distance(place.radius_km * 1000), place=place.words) + name
