"""`/board?place=`: notice board for a library or kiosk; it keeps itself fresh and says how old it is.

`home` is the board's own place and language (`southwark.en`), to which it returns after a visitor has chosen others.
Without scripts the page renews itself whole; with them it is told by `/board/events` when to (`board_events`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from alerts.channels.i18n import LANGUAGES, language_name
from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.domain.reference_data import PlaceState
from alerts.domain.service_change import ChangeState
from alerts.web.http.routing import Handler
from alerts.web.public import poster
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, place_of

_MOST_ALERTS, _MOST_CHANGES = 3, 2
RESET_S, WARN_S = 90, 70
"""Seconds without a touch after which the board is as before; a visitor is warned in time."""
_HOME = re.compile("([a-z0-9-]{0,100})[.]([a-z]{2})")


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the board."""

    async def board(request: web.Request) -> web.StreamResponse:
        if (cached := await frame.near_cache.cached(request)) is not None:
            return cached
        now, place, tag = frame.minute(), place_of(request), frame.pages.language(request)
        large = request.query.get("size") == "2"
        home = _home(request.query.get("home", ""), place, tag)
        made = partial(build, frame, frame.reader(tag, now), place, home, large=large)
        key = ("board", tag, now, place, home, large)
        return await frame.near_cache.serve(request, key, made, now + timedelta(minutes=1))

    return board


def build(
    frame: PageFrame, reader: ReaderLocale, place: str, home: tuple[str, str], *, large: bool = False
) -> Built | None:
    """Build the board; None for a place that is not registered. Blocks."""
    places = {one.slug: one for one in frame.services.views.places()}
    if place and place not in places:
        return None
    home = home if not home[0] or home[0] in places else (place, reader.translator.tag)
    t = reader.translator
    live = frame.live(reader, place)
    alerts = [notice for notice in live if notice.plan.kind == "alert"]
    planned = frame.changes.planned(reader, place)

    def link(**changes: str) -> str:
        asked = {"place": place, "lang": t.tag, "size": "2" if large else "", "home": ".".join(home)}
        query = {name: value for name, value in {**asked, **changes}.items() if value}
        return f"{frame.pages.site.base}/board?{urlencode(query)}"

    def name(slug: str) -> str:
        return place_name(places[slug], t.tag, reader.default_language) if slug else frame.pages.site.name

    at_home = (place, t.tag) == home and not large
    context: dict[str, Any] = {
        "title": name(place),
        "shown": fingerprint(live, planned),
        "events": f"{frame.pages.site.base}/board/events?" + urlencode({"place": place} if place else {}),
        "clock": t.clock(reader.now, reader.timezone),
        "large": large,
        "alerts": [frame.notices.card(notice, reader) for notice in alerts[:_MOST_ALERTS]],
        "changes": [frame.changes.tile(change, reader) for change in planned[:_MOST_CHANGES]],
        "more": len(alerts) - _MOST_ALERTS,
        "places": [(name(one.slug), link(place=one.slug)) for one in _nearest_first(frame, places, home[0])],
        "languages": [(tag, language_name(tag), link(lang=tag), tag == t.tag) for tag in LANGUAGES],
        "resize": link(size="" if large else "2"),
        "home": "" if at_home else link(place=home[0], lang=home[1], size=""),
        "home_name": name(home[0]),
        "bulletin": f"{frame.pages.site.base}/bulletin.txt?" + urlencode({"lang": t.tag, "place": place}),
        "qr": poster.qr(f"{frame.pages.site.url}/" + (f"?place={place}" if place else "")),
        "address": f"{frame.pages.site.url.partition('://')[2]}",
        "reset_s": RESET_S,
        "warn_s": WARN_S,
    }
    return Built(frame.pages.render("pages/board.html", t, context), language=t.tag)


def fingerprint(live: Sequence[NoticeState], planned: Sequence[ChangeState]) -> str:
    """Return what the board of a place shows, as one word: equal as long as nothing on it has changed."""
    shown = [(one.id.hex, one.version) for one in live] + [(one.id.hex, one.version) for one in planned]
    return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:16]


def _home(asked: str, place: str, tag: str) -> tuple[str, str]:
    """Return the board's own place and language: those of the address, unless `home` names others."""
    found = _HOME.fullmatch(asked)
    return (found[1], found[2]) if found and found[2] in LANGUAGES else (place, tag)


def _nearest_first(frame: PageFrame, places: dict[str, PlaceState], home: str) -> list[PlaceState]:
    """Order the places by the distance from the board's own one; that one first."""

    def middle(slug: str) -> tuple[float, float]:
        outline = frame.place_shapes.outline(slug)
        if outline is None or outline.empty:
            return 0.0, 0.0
        west, south, east, north = outline.bounds
        return (west + east) / 2, (south + north) / 2

    if not home:
        return list(places.values())
    x, y = middle(home)
    away = {slug: (middle(slug)[0] - x) ** 2 * 0.4 + (middle(slug)[1] - y) ** 2 for slug in places}
    return sorted(places.values(), key=lambda one: away[one.slug])
