"""Nearest service points of a place, and the alternatives after a change (RULES 12)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TypeVar
from uuid import UUID

import numpy as np
from dateutil.rrule import rrulestr

from alerts.kernel.geometry import Area
from alerts.kernel.geometry.geodesy import EDGE_M, distances
from alerts.kernel.times import instant, zone

MOBILE = "mobile"
VISIT_WITHIN = timedelta(days=14)
ALTERNATIVES = 3
_MOST_VISITS = 5_000
"""Visits counted from the first before a rule is given up: a weekly one takes a century."""

_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6}Z)")

T = TypeVar("T")
Where = tuple[float, float] | Area
"""(lat, lon), or an area: distances are from its edge, 0 inside."""


@dataclass(frozen=True, slots=True)
class PointVisit:
    """Visits of a mobile unit: the first start (aware), duration, an RFC 5545 RRULE for the rest."""

    dtstart: datetime
    minutes: int
    rrule: str | None = None


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Service point that is open after the change."""

    id: UUID
    kind: str
    name: str
    address: str
    lat: float
    lon: float
    opening_hours: str | None = None
    visits: tuple[PointVisit, ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """Point with its distance in metres from the reader's place and, if mobile, its next visit."""

    point: OpenPoint
    distance_m: float
    next_visit: datetime | None = None
    minutes: int = 0


def nearest(
    points: Sequence[tuple[UUID, float, float]], place: Where, most: int | None = None
) -> list[tuple[UUID, float]]:
    """Sort points (id, lat, lon) by distance, ties by id; return (id, metres) of all or the `most` nearest."""
    points = _pruned(place, points, [(lat, lon) for _, lat, lon in points], most)
    away = _away(place, [(lat, lon) for _, lat, lon in points])
    ordered = sorted(zip(away, (point for point, _, _ in points), strict=True))
    return [(point, metres) for metres, point in ordered[:most]]


def within(place: Where, points: Sequence[tuple[float, float, float]]) -> bool:
    """True if any of the points (lat, lon, metres) is within its metres of the place."""
    if isinstance(place, Area):
        return any(place.touches(*point) for point in points)
    away = _away(place, [(lat, lon) for lat, lon, _ in points])
    return any(metres <= point[2] + EDGE_M for metres, point in zip(away, points, strict=True))


def alternatives(
    points: Sequence[OpenPoint],
    kind: str,
    place: Where,
    effective: datetime,
    timezone: str,
    most: int = ALTERNATIVES,
) -> list[Near]:
    """Three nearest points of that kind, or mobile with a visit within 14 days of `effective`.

    `points` are those open after the change; nearest first, ties by id. Visits recur in `timezone`.
    """
    fit: list[tuple[OpenPoint, datetime | None, int]] = []
    for point in points:
        visit = next_visit(point.visits, effective, timezone)
        soon = visit is not None and visit[0] <= effective + VISIT_WITHIN
        if point.kind == kind or (point.kind == MOBILE and soon):
            start, minutes = visit if visit is not None and soon else (None, 0)
            fit.append((point, start, minutes))
    able = _pruned(place, fit, [(point.lat, point.lon) for point, _, _ in fit], most)
    away = _away(place, [(point.lat, point.lon) for point, _, _ in able])
    found = [Near(point, metres, start, minutes) for metres, (point, start, minutes) in zip(away, able, strict=True)]
    return sorted(found, key=lambda near: (near.distance_m, near.point.id))[:most]


def next_visit(visits: Sequence[PointVisit], after: datetime, timezone: str) -> tuple[datetime, int] | None:
    """(start, minutes) of the first visit that is not over at a time; None if there is none.

    A visit recurs by the wall clock of `timezone`, whatever offset its first start is written with (RULES 21).
    """
    found = [start for start in (_next_of(visit, after, timezone) for visit in visits) if start is not None]
    return min(found, default=None)


@lru_cache(maxsize=4096)
def _next_of(visit: PointVisit, after: datetime, timezone: str) -> tuple[datetime, int] | None:
    length = timedelta(minutes=visit.minutes)
    if visit.dtstart + length > after:
        return visit.dtstart, visit.minutes
    if visit.rrule is None:
        return None
    try:
        times = rrulestr(_local_rule(visit.rrule, timezone), dtstart=_local(visit.dtstart, timezone))
        starts = (instant(t.date(), t.time(), timezone) for t in islice(times, _MOST_VISITS))
        start = next((at for at in starts if at + length > after), None)
    except (ValueError, TypeError):
        # an unreadable rule yields no further visit; the first one still counts
        return None
    return None if start is None else (start, visit.minutes)


def _local(at: datetime, timezone: str) -> datetime:
    return at.astimezone(zone(timezone)).replace(tzinfo=None)


def _local_rule(rule: str, timezone: str) -> str:
    """Return the rule with its UNTIL, an instant, as a local time: dateutil compares it with the local start."""

    def local(until: re.Match[str]) -> str:
        at = datetime.strptime(until[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return f"UNTIL={_local(at, timezone):%Y%m%dT%H%M%S}"

    return _UNTIL.sub(local, rule)


def _away(place: Where, points: Sequence[tuple[float, float]]) -> list[float]:
    """Distances in metres from a place to points (lat, lon)."""
    if isinstance(place, Area):
        return [_from_area(place, lat, lon) for lat, lon in points]
    if not points:
        return []
    lats, lons = np.array(points, dtype=np.float64).T
    found: list[float] = distances(place[0], place[1], lats, lons).tolist()
    return found


def _pruned(place: Where, things: Sequence[T], at: Sequence[tuple[float, float]], most: int | None) -> Sequence[T]:
    """Prune points that cannot be among the `most` nearest: distances of an area are slow, their bounds fast."""
    if most is None or not isinstance(place, Area) or len(things) <= most:
        return things
    low, high = _bounds(place, tuple(at))
    return [thing for thing, least in zip(things, low, strict=True) if least <= sorted(high)[most - 1]]


@lru_cache(maxsize=256)
def _bounds(place: Area, at: tuple[tuple[float, float], ...]) -> tuple[list[float], list[float]]:
    lats, lons = np.array(at, dtype=np.float64).T
    low, high = place.distance_bounds_m(lats, lons)
    return low.tolist(), high.tolist()


@lru_cache(maxsize=4096)
def _from_area(place: Area, lat: float, lon: float) -> float:
    """Cached distance: thousands of people choose the same borough, with the same points for all of them."""
    return place.distance_m(lat, lon)
