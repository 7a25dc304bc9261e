"""Place suggestions while somebody types: `GET /places.json?q=`. Forms work without them.

What is asked is a place where somebody lives: it is answered from local tables, and not logged.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from alerts.channels.i18n import translator
from alerts.gazetteer import PlaceCandidate
from alerts.services import Services
from alerts.web.http.requests import query, read
from alerts.web.http.responses import JsonResponse, json_response
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public.forms import network_of
from alerts.web.public.templating import Pages

RATE = 5.0
"""Questions a second from one network."""
_SHORT = "private, max-age=300"


class FoundPlace(JsonResponse, frozen=True, kw_only=True):
    """Suggestion: `words` to show and to send with the form; a registered place by slug, any other by position."""

    words: str
    kind: str
    place: str | None
    lat: float | None
    lon: float | None

    @classmethod
    def of(cls, candidate: PlaceCandidate) -> FoundPlace:
        """Build from a candidate of the look-up."""
        return cls(
            words=candidate.words,
            kind=candidate.kind,
            place=candidate.place,
            lat=candidate.lat,
            lon=candidate.lon,
        )


class FoundPlaces(JsonResponse, frozen=True, kw_only=True):
    """Suggestions, best first."""

    places: tuple[FoundPlace, ...]


def routes(services: Services) -> list[Route]:
    """Policy row of the suggestions."""
    pages = Pages(services)

    async def suggest(request: web.Request) -> web.StreamResponse:
        services.limits.take(f"places:{network_of(request) or request.remote}", RATE)
        asked = query(request, "q", "lang").get("q", "")
        tag = translator(pages.language(request), services.settings.default_language).tag
        found = await read(services, services.place_lookup.suggest, asked, tag)
        body = FoundPlaces(places=tuple(map(FoundPlace.of, found)))
        return json_response(msgspec.to_builtins(body), headers={"Cache-Control": _SHORT, "Content-Language": tag})

    return [Route("GET", "/places.json", suggest, PUBLIC)]
