"""Place that a reader of the pages asks about: `?q=` as typed, `?at=` for a position chosen among several.

A form of GET: the place stands in the address, so that it can be kept as a bookmark, and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from alerts.domain.place_names import place_name
from alerts.domain.reference_data import PlaceState
from alerts.gazetteer import PlaceCandidate
from alerts.kernel.geometry import Area
from alerts.kernel.texts import cut, without_forbidden, without_hidden
from alerts.web.http.requests import read
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_frame import PageFrame, place_of
from subscribers.audience.nearest import Where

RATE = 5.0
"""Questions a second from one address."""
NEAR_M = 5_000.0
"""Distance within which something is near a position."""
_LONGEST = 100
_AT = re.compile(r"(-?[0-9]{1,2}(?:\.[0-9]{1,6})?),(-?[0-9]{1,3}(?:\.[0-9]{1,6})?)")


@dataclass(frozen=True)
class ReaderPlace:
    """Registered place by its slug, or a position with its label."""

    label: str
    slug: str = ""
    lat: float = 0.0
    lon: float = 0.0

    @property
    def query(self) -> str:
        """Part of an address by which a page is about this place."""
        return urlencode({"place": self.slug} if self.slug else {"q": self.label, "at": f"{self.lat},{self.lon}"})

    def where(self, frame: PageFrame) -> Where | None:
        """Return the position, or the outline of the registered place. Blocks."""
        return frame.place_shapes.outline(self.slug) if self.slug else (self.lat, self.lon)

    def distance_m(self, area: Area, frame: PageFrame) -> float | None:
        """Metres from a position to an area, 0 inside; None for a registered place, or no area."""
        return None if self.slug or area.empty else area.distance_m(self.lat, self.lon)


@dataclass(frozen=True)
class PlaceQuestion:
    """Question of a reader: the place, or several to choose from, or neither because it is not known."""

    text: str = ""
    place: ReaderPlace | None = None
    choices: tuple[PlaceCandidate, ...] = ()
    is_unknown: bool = False

    @property
    def key(self) -> tuple[str, ReaderPlace | None, bool]:
        """Key of the pages built for this question."""
        return (self.text, self.place, self.is_unknown)


NO_QUESTION = PlaceQuestion()


async def asked_place(frame: PageFrame, request: web.Request) -> PlaceQuestion:
    """Read the question of a request. Raises HTTPNotFound for a slug that is none."""
    tag = frame.pages.language(request)
    slug = place_of(request)
    if slug:
        return await read(frame.services, _registered, frame, slug, tag)
    text = typed(request.query.get("q", ""))
    if not text:
        return PlaceQuestion()
    if (at := _position(request.query.get("at", ""))) is not None:
        return PlaceQuestion(text, ReaderPlace(text, lat=at[0], lon=at[1]))
    frame.services.limits.take(f"near:{request.remote or ''}", RATE)
    found = await read(frame.services, frame.services.place_lookup.find, text, tag)
    if len(found) == 1:
        return PlaceQuestion(text, of_candidate(found[0]))
    return PlaceQuestion(text, choices=tuple(found), is_unknown=not found)


def of_candidate(candidate: PlaceCandidate) -> ReaderPlace:
    """Return what a candidate of the look-up stands for."""
    if candidate.place:
        return ReaderPlace(candidate.label, slug=candidate.place)
    assert candidate.lat is not None and candidate.lon is not None, "a candidate without slug has a position"
    return ReaderPlace(candidate.label, lat=round(candidate.lat, 5), lon=round(candidate.lon, 5))


def typed(text: str) -> str:
    """Bring a typed line to one line without characters that nobody sees."""
    return cut(" ".join(without_hidden(without_forbidden(text[:1000])).split()), _LONGEST)


def question_about(place: PlaceState, reader: ReaderLocale) -> PlaceQuestion:
    """Return the question about a registered place."""
    name = place_name(place, reader.translator.tag, reader.default_language)
    return PlaceQuestion(name, ReaderPlace(name, slug=place.slug))


def _registered(frame: PageFrame, slug: str, tag: str) -> PlaceQuestion:
    place = frame.services.views.place(slug)
    if place is None:
        raise web.HTTPNotFound
    return question_about(place, frame.reader(tag, frame.minute()))


def _position(text: str) -> tuple[float, float] | None:
    match = _AT.fullmatch(text)
    if match is None:
        return None
    lat, lon = float(match[1]), float(match[2])
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else None
