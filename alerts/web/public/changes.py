"""`/changes`: service changes by date; `?place=` filters by registered place."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from alerts.web.http.routing import Handler
from alerts.web.public.map_svg import Pin, draw
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, count_in_words, paging, part_of


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def changes(request: web.Request) -> web.StreamResponse:
        return await frame.minutely(request, "changes", partial(build, frame))

    return changes


def build(frame: PageFrame, reader: ReaderLocale, path: str, place: str, page: int = 1) -> Built | None:
    """Build one page of the list; None for a place that is not registered, or after the last page. Blocks."""
    if not frame.has_place(place):
        return None
    every = frame.changes.planned(reader, place)
    t = reader.translator
    try:
        pages = paging(t, path, place, page, len(every))
    except IndexError:
        return None
    planned, pages = (every, None) if frame.is_copy else (list(part_of(every, page)), pages)
    pins = [
        Pin("closing" if c.facts.kind in ("closure", "move") else "open", p.facts.lat, p.facts.lon, p.facts.name)
        for c in planned
        for p in frame.changes.points(c)
    ]
    label = t.text("page", "map_of", what=t.text("page", "changes"))
    svg = draw(frame.place_shapes.outlines(), [], pins, label) if pins else None
    return frame.built(
        "pages/changes.html",
        reader,
        path,
        {
            "here": "changes",
            "place": place,
            "pages": pages,
            "counts": count_in_words(t, len(every), "change_one", "change_many", "no_changes"),
            "changes": [frame.changes.tile(c, reader) for c in planned],
            "map": svg and {"svg": svg, "words": ""},
        },
    )
