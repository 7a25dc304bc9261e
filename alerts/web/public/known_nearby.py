"""Live notices near a place, for somebody who is about to report: most reports are of what is known."""

from __future__ import annotations

from typing import Any

from alerts.channels.i18n import direction
from alerts.channels.severity_style import style
from alerts.domain.notice import NoticeState
from alerts.gazetteer import PlaceCandidate
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_frame import PageFrame

NEAR_M = 3_000.0
"""Metres from the place to a notice's area."""
MOST = 5


def known_nearby(frame: PageFrame, reader: ReaderLocale, place: PlaceCandidate | None) -> list[dict[str, Any]]:
    """List live notices within `NEAR_M` of a place, nearest first, with their distance in words. Blocks."""
    if place is None:
        return []
    found: list[tuple[float, NoticeState]] = []
    for notice in frame.live(reader, ""):
        away = _away(frame, notice, place)
        if away is not None and away <= NEAR_M:
            found.append((away, notice))
    found.sort(key=lambda pair: pair[0])
    return [_entry(frame, notice, away, reader) for away, notice in found[:MOST]]


def _away(frame: PageFrame, notice: NoticeState, place: PlaceCandidate) -> float | None:
    area = frame.place_shapes.of_notice(notice)
    if area.empty:
        return None
    if place.place is not None:
        return 0.0 if frame.place_shapes.overlap(notice, place.place) else None
    if place.lat is None or place.lon is None:
        return None
    return area.distance_m(place.lat, place.lon)


def _entry(frame: PageFrame, notice: NoticeState, away: float, reader: ReaderLocale) -> dict[str, Any]:
    language, words = reader.words(notice)
    t = reader.translator
    return {
        "link": frame.notices.link(notice.thread),
        "title": words.title,
        "lang": language,
        "dir": direction(language),
        "tone": style(notice.plan.kind, notice.msg_type, notice.plan.severity).name,
        "away": t.text("report", "here") if away <= 0 else t.text("report", "away", distance=t.distance(away)),
    }
