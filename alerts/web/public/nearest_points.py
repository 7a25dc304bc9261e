"""Open service points nearest to a place, as rows of a page (RULES 12). Blocks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from alerts.channels.opening_hours import hours_in_words, visit_in_words
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.projections.queries import ReadModelQueries
from alerts.web.public.reader_locale import ReaderLocale
from subscribers.audience.nearest import Near, OpenPoint, Where, alternatives, nearest, next_visit
from subscribers.audience.open_points import open_point


def remaining(views: ReadModelQueries, at: datetime, without: Collection[UUID]) -> list[OpenPoint]:
    """Return the points open at a time, without some."""
    return [open_point(one.id, one.facts) for one in views.open_points(None, at) if one.id not in without]


def near_row(near: Near, reader: ReaderLocale) -> dict[str, str]:
    """Format an open point: name, distance and opening hours; for a mobile unit, its next visit."""
    t = reader.translator
    hours = hours_in_words(near.point.opening_hours, t)
    if near.next_visit is not None:
        hours = visit_in_words(near.next_visit, near.minutes, t, reader.timezone)
    return {
        "name": near.point.name,
        "address": near.point.address,
        "away": t.distance(near.distance_m),
        "hours": hours,
    }


def instead_near(
    views: ReadModelQueries, change: ChangeState, points: Sequence[PointState], where: Where, reader: ReaderLocale
) -> list[dict[str, str]]:
    """Return the points nearest to a place that are open after a change, of the kind that it concerns."""
    if not points:
        return []
    at = max(change.facts.effective, reader.now)
    closing = {p.id for p in points} if change.facts.kind in ("closure", "move") else set()
    found = alternatives(remaining(views, at, closing), points[0].facts.kind, where, at, reader.timezone)
    return [near_row(one, reader) for one in found]


def nearest_rows(views: ReadModelQueries, where: Where, reader: ReaderLocale, most: int) -> list[dict[str, str]]:
    """Return the points nearest to a place that are open today, of any kind."""
    points = {point.id: point for point in remaining(views, reader.now, ())}
    order = nearest([(one.id, one.lat, one.lon) for one in points.values()], where, most)
    rows = []
    for id, metres in order:
        visit = next_visit(points[id].visits, reader.now, reader.timezone)
        start, minutes = visit if visit is not None else (None, 0)
        rows.append(near_row(Near(points[id], metres, start, minutes), reader))
    return rows
