"""View of what concerns a reader's place: near or further away, with distances, the own place first. Blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.channels.i18n import Translator
from alerts.domain.events import PointFacts
from alerts.domain.notice import NoticeState
from alerts.domain.service_change import ChangeState
from alerts.kernel.geometry import Area
from alerts.web.public.notice_view import ReaderLocale
from alerts.web.public.page_frame import PageFrame, issued_at
from alerts.web.public.reader_place import NEAR_M, PlaceQuestion, ReaderPlace

_REMEMBERED = timedelta(days=365)
"""Time for which the last alert near a place is told, where nothing happens now."""
_INSIDE_M = 1.0


@dataclass(frozen=True)
class Split:
    """Live notices near the place, and the others; both worst first."""

    near: list[NoticeState]
    far: list[NoticeState]


def split(frame: PageFrame, notices: Sequence[NoticeState], place: ReaderPlace | None) -> Split:
    """Split notices by whether they concern the place; a notice without area concerns everybody.

    Whoever asks for a registered place gets it alone: nothing else is `far`.
    """
    if place is None:
        return Split(list(notices), [])
    near = [notice for notice in notices if is_near(frame, notice, place)]
    return Split(near, [] if place.slug else [notice for notice in notices if notice not in near])


def is_near(frame: PageFrame, notice: NoticeState, place: ReaderPlace) -> bool:
    """True if a notice concerns a place: its area overlaps it, or lies within `NEAR_M` of the position."""
    area = frame.place_shapes.of_notice(notice)
    if area.empty:
        return True
    if place.slug:
        return frame.place_shapes.overlap(notice, place.slug)
    return area.distance_m(place.lat, place.lon) <= NEAR_M


def changes_near(frame: PageFrame, changes: Sequence[ChangeState], place: ReaderPlace | None) -> list[ChangeState]:
    """Return the changes with a service point whose reach contains the position, or touches the place."""
    if place is None:
        return list(changes)
    outline = frame.place_shapes.outline(place.slug) if place.slug else None
    return [one for one in changes if any(_reaches(p.facts, place, outline) for p in frame.changes.points(one))]


def card(frame: PageFrame, notice: NoticeState, reader: ReaderLocale, place: ReaderPlace | None) -> dict[str, Any]:
    """Format a notice as a list entry for a reader's place: with the distance, and a link that keeps the place."""
    t = reader.translator
    made = {**frame.notices.card(notice, reader), "away": ""}
    made["where"] = frame.place_shapes.where_for(notice, t, place.slug if place else "", _at(place))
    if place is None:
        return made
    distance = place.distance_m(frame.place_shapes.of_notice(notice), frame)
    if distance is not None:
        made["away"] = away(distance, place, t)
    return {**made, "link": f"{made['link']}?{place.query}"}


def away(metres: float, place: ReaderPlace, t: Translator) -> str:
    """Say how far an area is from a position."""
    if metres < _INSIDE_M:
        return t.text("near", "inside", place=place.label)
    return t.text("near", "away", distance=t.distance(metres), place=place.label)


def quiet(frame: PageFrame, reader: ReaderLocale, question: PlaceQuestion) -> dict[str, str]:
    """Say that nothing happens there, and when something did last: empty must not be taken for broken."""
    t, place = reader.translator, question.place
    title = t.text("near", "nothing", place=place.label) if place else t.text("page", "quiet")
    last = next(iter(_past(frame, reader, place)), None)
    if last is None:
        return {"title": title, "last": t.text("near", "no_last"), "link": "", "last_title": "", "lang": "", "dir": ""}
    made = frame.notices.card(last, reader)
    when = t.text("near", "last", day=t.long_day(issued_at(last), reader.timezone))
    return {
        "title": title,
        "last": when,
        "link": "" if frame.is_copy else made["link"],  # the copy may lack what is long over
        "last_title": made["title"],
        "lang": made["lang"],
        "dir": made["dir"],
    }


def _past(frame: PageFrame, reader: ReaderLocale, place: ReaderPlace | None) -> list[NoticeState]:
    """Return the latest alert that is over; one that was taken back never was."""
    recent = frame.messages(reader.now - _REMEMBERED, reader.now, "")
    taken_back = {n.thread for n in recent if n.phase == "cancelled" or n.msg_type == "Cancel"}
    ended = [n for n in recent if n.phase != "live" and n.thread not in taken_back]
    alerts = [n for n in ended if n.plan.kind == "alert" and n.msg_type in ("Alert", "Update")]
    return [n for n in alerts if place is None or is_near(frame, n, place)][:1]


def _reaches(facts: PointFacts, place: ReaderPlace, outline: Area | None) -> bool:
    if place.slug:
        return outline is not None and outline.touches(facts.lat, facts.lon, facts.reach_km * 1000)
    return _metres(facts.lat, facts.lon, place) <= float(facts.reach_km) * 1000


def _metres(lat: float, lon: float, place: ReaderPlace) -> float:
    import numpy as np

    from alerts.kernel.geometry.geodesy import distances

    return float(distances(place.lat, place.lon, np.array([lat]), np.array([lon]))[0])


def _at(place: ReaderPlace | None) -> tuple[float, float] | None:
    return None if place is None or place.slug else (place.lat, place.lon)
