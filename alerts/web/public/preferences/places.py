"""OwnPlaces of a person: add by postcode, name, position or a drawn area, remove. For the holder of a fresh link."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec.structs import replace

from alerts.channels.i18n import Translator
from alerts.gazetteer import PlaceCandidate
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.web.http.requests import read
from alerts.web.public.drawn_area import drawn_area, drawn_ring
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.preferences.access import OwnAccess
from alerts.web.public.preferences.center import PreferenceCenter
from alerts.web.public.preferences.overview import place_in_words
from alerts.web.public.sign_up.draft import MOST_PLACES, RADII, DraftPlace
from subscribers.domain.events import SubscriberPlace

_CANDIDATE = "place candidate of one's own"
_NAME = 60


class OwnPlaces:
    """Handler of the page."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def where(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show the places; add one, remove one, or ask for everywhere."""
        errors, form, choices = FormErrors(), FormFields({}), list[PlaceCandidate]()
        places = own.state.preferences.places if own.state.preferences else ()
        if request.method == "POST":
            form = await read_form(request)
            do = form.line("do")
            if do.startswith("remove-"):
                left = tuple(p for index, p in enumerate(places) if f"remove-{index}" != do)
                if left:
                    return await self._center.change(own, "where", places=left)
                errors.add("q", t.text("preferences", "last_place"))
            elif do == "everywhere":
                return await self._center.change(own, "where", places=())
            else:
                added, choices = await self._added(t, form, errors)
                if added is not None and len(places) >= MOST_PLACES:
                    errors.add("q", t.text("preferences", "many_places", most=t.number(MOST_PLACES)))
                elif added is not None:
                    return await self._center.change(own, "where", places=(*places, added))
        return await self._page(request, own, t, errors, form, choices)

    async def _added(
        self, t: Translator, form: FormFields, errors: FormErrors
    ) -> tuple[SubscriberPlace | None, list[PlaceCandidate]]:
        keys, asked = self._services.settings.secret_key, form.line("q")
        if (drawn := form.sealed("area")) and not asked:
            if (ring := drawn_ring(drawn)) is None:
                errors.add("q", t.text("pick", "area_wrong"))
                return None, []
            return SubscriberPlace(area=drawn_area(ring), name=form.line("name")[:_NAME]), []
        found = open_value(keys, _CANDIDATE, PlaceCandidate, form.sealed("choice"))
        if found is None:
            candidates = await read(self._services, self._services.place_lookup.find, asked, t.tag) if asked else []
            if len(candidates) > 1:
                errors.add("choice-0", t.text("sign_up", "where_which"))
                return None, candidates
            if not candidates:
                errors.add("q", t.text("sign_up", "where_unknown_postcode" if asked else "where_empty"))
                return None, []
            [found] = candidates
        km = float(form.one_of("radius", tuple(f"{km:g}" for km in RADII), "2"))
        return replace(DraftPlace.of(found), radius_km=km, name=form.line("name")[:_NAME]).place(), []

    async def _page(
        self,
        request: web.Request,
        own: OwnAccess,
        t: Translator,
        errors: FormErrors,
        form: FormFields,
        choices: list[PlaceCandidate],
    ) -> web.Response:
        keys, places = self._services.settings.secret_key, own.state.preferences.places if own.state.preferences else ()

        def words() -> list[str]:
            return [place_in_words(self._center, t, place, fresh=True) for place in places]

        context: dict[str, Any] = {
            "places": await read(self._services, words),
            "q": form.line("q"),
            "drawn": form.sealed("area") if drawn_ring(form.sealed("area")) else "",
            "name": form.line("name")[:_NAME],
            "by_postcode": self._services.place_lookup.postcodes.available,
            "radii": [
                (f"{km:g}", t.text("sign_up", f"radius_{km:g}", distance=t.distance(km * 1000)), km == 2.0)
                for km in RADII
            ],
            "choices": [(seal_value(keys, _CANDIDATE, c), c.words) for c in choices],
            "suggestions": f"{self._center.pages.site.base}/places.json",
        }
        return self._center.page("where", request, t, own, context, errors)
