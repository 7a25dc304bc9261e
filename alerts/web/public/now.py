"""Front page `/`: live notices, most severe first; `?place=` filters by registered place."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.web.http.routing import Handler
from alerts.web.public.map_svg import draw
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, count_in_words, paging, part_of

_ON_FRONT = 5
"""Maximum planned changes on the front page; `/changes` has all."""


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def now(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "now", partial(build, frame))

    return now


def build(frame: PageFrame, reader: ReaderLocale, path: str, place: str, page: int = 1) -> Built | None:
    """Build one page of the list; None for a place that is not registered, or after the last page. Blocks."""
    if not frame.has_place(place):
        return None
    live = frame.live(reader, place)
    all_alerts = [n for n in live if n.plan.kind == "alert"]
    all_other = [n for n in live if n.plan.kind in ("announcement", "bulletin")]
    try:
        pages = paging(reader.translator, path, place, page, max(len(all_alerts), len(all_other)))
    except IndexError:
        return None
    if frame.is_copy:
        alerts, other, pages = all_alerts, all_other, None
    else:
        alerts, other = list(part_of(all_alerts, page)), list(part_of(all_other, page))
    planned = frame.changes.planned(reader, place)
    zones = [frame.notices.zone(n, reader) for n in alerts]
    t = reader.translator
    titles = "; ".join(zone.label for zone in zones) or frame.pages.site.name
    svg = draw(frame.place_shapes.outlines(), zones, [], t.text("page", "map_of", what=titles))
    offered = [] if frame.is_copy else frame.services.views.places()
    places = sorted((place_name(p, t.tag, reader.default_language), p.slug) for p in offered)
    chosen = next((name for name, slug in places if slug == place), place)
    in_words = "; ".join(
        f"{zone.label}: {where}" for zone, n in zip(zones, alerts, strict=True) if (where := _where(frame, n, reader))
    )
    counts = [
        count_in_words(t, len(all_alerts), "count_one", "count_many", "no_alerts"),
        count_in_words(t, len(planned), "change_one", "change_many", ""),
    ]
    return frame.built(
        "pages/now.html",
        reader,
        path,
        {
            "here": "now",
            "title": t.text("page", "now_in", place=chosen) if place else t.text("page", "now_title"),
            "places": places,
            "place": place,
            "pages": pages,
            "counts": t.comma.join(c for c in counts if c),
            "alerts": [frame.notices.card(n, reader) for n in alerts],
            "announcements": [frame.notices.card(n, reader) for n in other],
            "changes": [frame.changes.tile(c, reader) for c in planned[:_ON_FRONT]],
            "map": svg and {"svg": svg, "words": t.text("page", "in_words", area=in_words) if in_words else ""},
        },
    )


def _where(frame: PageFrame, notice: NoticeState, reader: ReaderLocale) -> str:
    return str(frame.notices.card(notice, reader)["where"])
