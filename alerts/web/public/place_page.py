"""`/places/{slug}`: a registered place with what is live there, its service points and what is planned."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from alerts.channels.opening_hours import hours_in_words, visit_in_words
from alerts.domain.service_point import PointState
from alerts.kernel.geometry import Area
from alerts.web.http.routing import Handler
from alerts.web.public import near_view, structured_data
from alerts.web.public.map_svg import Pin, Zone, draw
from alerts.web.public.nearest_points import nearest_rows
from alerts.web.public.page_cache import Built
from alerts.web.public.page_frame import SLUG, PageFrame
from alerts.web.public.reader_locale import ReaderLocale
from alerts.web.public.reader_place import question_about
from subscribers.audience.nearest import next_visit
from subscribers.audience.open_points import open_point

_NEAREST = 3
"""Points named where the place itself has none."""


def handler(frame: PageFrame) -> Handler:
    """Return the handler of the page."""

    async def place(request: web.Request) -> web.StreamResponse:
        slug = request.match_info["slug"]
        if not SLUG.fullmatch(slug):
            raise web.HTTPNotFound
        return await frame.minutely(
            request, f"place {slug}", lambda reader, path, _, page: build(frame, reader, path, slug)
        )

    return place


def build(frame: PageFrame, reader: ReaderLocale, path: str, slug: str) -> Built | None:
    """Build the page; None for a place that is not registered. Blocks."""
    registered = frame.services.views.place(slug)
    outline = frame.place_shapes.outline(slug)
    if registered is None or outline is None:
        return None
    question = question_about(registered, reader)
    place, t = question.place, reader.translator
    live = near_view.split(frame, frame.live(reader, ""), place).near
    planned = near_view.changes_near(frame, frame.changes.planned(reader, ""), place)
    points = _points(frame, reader, outline)
    pins = [Pin("open", p.facts.lat, p.facts.lon, p.facts.name) for p in points]
    zones = [Zone("minor", outline), *(frame.notices.zone(n, reader) for n in live)]
    svg = draw(frame.place_shapes.outlines(), zones, pins, t.text("page", "map_of", what=question.text))
    site = frame.pages.site
    here = f"?lang={t.tag}&place={slug}"
    context: dict[str, Any] = {
        "title": question.text,
        "retired": registered.retired,
        "alerts": [near_view.card(frame, n, reader, place) for n in live],
        "quiet": None if live else near_view.quiet(frame, reader, question),
        "points": [_row(point, reader) for point in points],
        "nearest": [] if points else nearest_rows(frame.services.views, outline, reader, _NEAREST),
        "changes": [frame.changes.tile(change, reader) for change in planned],
        "json_ld": structured_data.block(structured_data.points(p.facts for p in points)) if points else "",
        "map": {"svg": svg, "words": "", "zones": "" if frame.is_copy else f"{site.base}/feeds/alerts.geojson{here}"}
        if svg
        else None,
        "board": f"{site.base}/board{here}",
        "archive": f"{site.base}/archive{here}",
        "bulletin": f"{site.base}/bulletin.txt{here}",
        "feed": f"{site.base}/feeds/alerts.atom{here}",
    }
    return frame.built("pages/place.html", reader, path, context)


def _points(frame: PageFrame, reader: ReaderLocale, outline: Area) -> list[PointState]:
    """Open points in the place, by name."""
    found = frame.services.views.open_points(None, reader.now)
    return sorted((p for p in found if outline.touches(p.facts.lat, p.facts.lon)), key=lambda p: p.facts.name)


def _row(point: PointState, reader: ReaderLocale) -> dict[str, str]:
    facts, t = point.facts, reader.translator
    visit = next_visit(open_point(point.id, facts).visits, reader.now, reader.timezone)
    hours = hours_in_words(facts.opening_hours, t)
    if visit is not None and not hours:
        hours = visit_in_words(visit[0], visit[1], t, reader.timezone)
    return {"name": facts.name, "address": facts.address, "hours": hours}
