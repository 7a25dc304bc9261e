"""Front page `/`: live notices, most severe first; `?place=` and `?q=` put what concerns the reader's place first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from aiohttp import web

from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.web.http.routing import Handler
from alerts.web.public import near_view
from alerts.web.public.map_svg import Pin, draw
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import PageFrame, count_in_words, page_of, paging, part_of
from alerts.web.public.reader_place import PlaceQuestion, asked_place, of_candidate, question_about

_ON_FRONT = 5
"""Maximum planned changes on the front page; `/changes` has all."""
_MOST_FAR = 10
"""Maximum notices further away that are listed."""
_MINUTE = timedelta(minutes=1)


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def now(request: web.Request) -> web.StreamResponse:
        if not request.query.get("q"):
            return await frame.minutely(request, "now", partial(build, frame))
        if (cached := await frame.near_cache.cached(request)) is not None:
            return cached
        question = await asked_place(frame, request)
        tag, at, number = frame.pages.language(request), frame.minute(), page_of(request)
        if question.place is not None and question.place.slug:
            raise web.HTTPFound(f"{frame.pages.site.base}/?lang={tag}&{question.place.query}")
        made = partial(build_near, frame, frame.reader(tag, at), request.path, question, number)
        key = ("now near", tag, at, question.key, number)
        return await frame.near_cache.serve(request, key, made, at + _MINUTE)

    return now


def build(frame: PageFrame, reader: ReaderLocale, path: str, place: str, page: int = 1) -> Built | None:
    """Build one page of the list; None for a place that is not registered, or after the last page. Blocks."""
    question = PlaceQuestion()
    if place:
        registered = frame.services.views.place(place)
        if registered is None:
            return None
        question = question_about(registered, reader)
    return build_near(frame, reader, path, question, page)


def build_near(
    frame: PageFrame, reader: ReaderLocale, path: str, question: PlaceQuestion, page: int = 1
) -> Built | None:
    """Build one page of the list for a reader's place; None after the last page. Blocks."""
    place, t = question.place, reader.translator
    parts = near_view.split(frame, frame.live(reader, ""), place)
    all_alerts = [n for n in parts.near if n.plan.kind == "alert"]
    all_other = [n for n in parts.near if n.plan.kind in ("announcement", "bulletin")]
    far = [n for n in parts.far if n.plan.kind == "alert"][:_MOST_FAR]
    kept = f"{path}?lang={t.tag}" + (f"&{place.query}" if place else "")
    try:
        pages = paging(t, path, "", page, max(len(all_alerts), len(all_other)), kept=kept)
    except IndexError:
        return None
    if frame.is_copy:
        alerts, other, pages = all_alerts, all_other, None
    else:
        alerts, other = list(part_of(all_alerts, page)), list(part_of(all_other, page))
    planned = near_view.changes_near(frame, frame.changes.planned(reader, ""), place)
    counts = [
        count_in_words(t, len(all_alerts), "count_one", "count_many", "no_alerts"),
        count_in_words(t, len(planned), "change_one", "change_many", ""),
    ]
    tail = f"?{place.query}" if place else ""
    changes = [frame.changes.tile(c, reader) for c in planned[:_ON_FRONT]]
    return frame.built(
        "pages/now.html",
        reader,
        path,
        {
            "here": "now",
            "title": _title(question, reader),
            "place": place.slug if place else "",
            "query": place.query if place else "",
            "kept": place.query if place and not place.slug else "",
            **box(frame, question, reader, path),
            "places": _places(frame, reader),
            "pages": pages,
            "counts": t.comma.join(c for c in counts if c),
            "alerts": [near_view.card(frame, n, reader, place) for n in alerts],
            "quiet": near_view.quiet(frame, reader, question) if not all_alerts else None,
            "far": [near_view.card(frame, n, reader, place) for n in far],
            "announcements": [near_view.card(frame, n, reader, place) for n in other],
            "planned_title": t.text("near", "planned", place=place.label) if place else t.text("page", "planned"),
            "changes": [{**c, "link": c["link"] + tail if c["link"] else ""} for c in changes],
            "map": _map(frame, reader, [*alerts, *far], question),
        },
    )


def box(frame: PageFrame, question: PlaceQuestion, reader: ReaderLocale, path: str) -> dict[str, Any]:
    """Build the context of `pages/near_box.html`: what was asked, and what may be meant by it."""
    t = reader.translator
    choices = [(c.words, f"{path}?lang={t.tag}&{of_candidate(c).query}") for c in question.choices]
    errors = {"q": t.text("near", "unknown")} if question.is_unknown else {}
    return {"q": question.text, "choices": choices, "errors": errors}


def _title(question: PlaceQuestion, reader: ReaderLocale) -> str:
    t, place = reader.translator, question.place
    if place is None:
        return t.text("page", "now_title")
    return t.text("page", "now_in", place=place.label) if place.slug else t.text("near", "title", place=place.label)


def _places(frame: PageFrame, reader: ReaderLocale) -> list[tuple[str, str]]:
    default = reader.default_language
    return sorted((place_name(p, reader.translator.tag, default), p.slug) for p in frame.services.views.places())


def _map(
    frame: PageFrame, reader: ReaderLocale, notices: Sequence[NoticeState], question: PlaceQuestion
) -> dict[str, Any] | None:
    t, place = reader.translator, question.place
    zones = [frame.notices.zone(n, reader) for n in notices]
    pins = [Pin("here", place.lat, place.lon, place.label)] if place and not place.slug else []
    titles = "; ".join(zone.label for zone in zones) or frame.pages.site.name
    svg = draw(frame.place_shapes.outlines(), zones, pins, t.text("page", "map_of", what=titles))
    slug = place.slug if place else ""
    words = [(zone.label, frame.place_shapes.where_for(n, t, slug)) for zone, n in zip(zones, notices, strict=True)]
    area = "; ".join(f"{label}: {where}" for label, where in words if where)
    if svg is None:
        return None
    query = f"?lang={t.tag}" + (f"&place={slug}" if slug else "")
    return {
        "svg": svg,
        "words": t.text("page", "in_words", area=area) if area else "",
        "zones": "" if frame.is_copy else f"{frame.pages.site.base}/feeds/alerts.geojson{query}",
    }
