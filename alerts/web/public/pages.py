"""Routes of the public pages, which share one frame and so one cache."""

from __future__ import annotations

from alerts.services import Services
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.public import (
    archive,
    board,
    board_events,
    bulletin,
    calendar_feed,
    cap_feed,
    changes,
    check,
    feed,
    geojson_feed,
    notice,
    now,
    place_outlines,
    place_page,
    poster,
    status,
)
from alerts.web.public.page_frame import PageFrame


def routes(services: Services) -> list[Route]:
    """Policy rows of the public pages."""
    frame = PageFrame(services)
    return [
        Route("GET", "/", now.handler(frame), PUBLIC),
        Route("GET", "/changes", changes.handler(frame), PUBLIC),
        Route("GET", "/archive", archive.handler(frame), PUBLIC),
        Route("GET", "/places/{slug}", place_page.handler(frame), PUBLIC),
        Route("GET", "/board", board.handler(frame), PUBLIC),
        Route("GET", "/board/events", board_events.handler(frame), PUBLIC),
        Route("GET", "/bulletin.txt", bulletin.handler(frame), PUBLIC),
        Route("GET", "/check", check.handler(frame), PUBLIC),
        Route("GET", "/status", status.handler(frame), PUBLIC),
        Route("GET", "/feeds/alerts.atom", feed.handler(frame), PUBLIC),
        Route("GET", "/feeds/cap.atom", cap_feed.handler(frame), PUBLIC),
        Route("GET", "/feeds/alerts.geojson", geojson_feed.handler(frame), PUBLIC),
        Route("GET", "/feeds/places.geojson", place_outlines.handler(frame), PUBLIC),
        Route("GET", "/feeds/changes.ics", calendar_feed.feed_handler(frame), PUBLIC),
        Route("GET", "/alerts/{notice}.ics", calendar_feed.notice_handler(frame), PUBLIC),
        Route("GET", "/alerts/{notice}.pdf", poster.handler(frame), PUBLIC),
        Route("GET", "/alerts/{notice}.json", notice.json_handler(frame), PUBLIC),
        Route("GET", "/alerts/{notice}", notice.page_handler(frame), PUBLIC),
        Route("GET", "/a/{number}", notice.short_handler(frame), PUBLIC),
    ]
