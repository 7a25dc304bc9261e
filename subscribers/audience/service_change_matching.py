"""Matching of service changes in place of an area (RULES 11).

Circles around the change's points, and people whose nearest open point of that kind is among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from alerts.kernel.geometry import EMPTY, Area, Circle
from alerts.kernel.geometry.geodesy import ECCENTRICITY_2, Bools, Floats, distances, normal_radius
from subscribers.audience.area_matching import Rows, chain, touching
from subscribers.audience.index import AudienceColumns
from subscribers.audience.nearest import nearest
from subscribers.audience.query import ChangeReach

LocatedPoint = tuple[UUID, float, float]
"""id, lat, lon."""

_CHUNK = 1 << 14
_TIE_M = 0.05
"""Near-tie distance: straight lines through the earth order like geodesics except for millimetres at 50 km.

Closer ones are measured.
"""


def reached(columns: AudienceColumns, change: ChangeReach, people: Rows | None = None) -> Bools:
    """For every person (by row), True if some place of theirs is reached. `people` limits the search."""
    hit = touching(columns, reach_area(change), people)
    for open_points in nearest_matters(change):
        hit |= _nearest_among(columns, open_points, {p.id for p in change.points}, people)
    return hit


def reach_area(change: ChangeReach) -> Area:
    """Circles of `reach_km` around the change's points."""
    return Area(EMPTY.polygon, tuple(Circle(p.lat, p.lon, p.reach_km * 1000.0) for p in change.points))


def nearest_matters(change: ChangeReach) -> tuple[tuple[LocatedPoint, ...], ...]:
    """Open points of each kind, if the change closes or moves points: otherwise no nearest point is lost."""
    if change.kind not in ("closure", "move"):
        return ()
    return tuple(points for points in (change.open_points, *change.further) if points)


def nearest_to_area(area: Area, points: Sequence[LocatedPoint]) -> UUID | None:
    """Open point nearest to an area (0 inside), ties by id. None without points."""
    if not points or area.empty:
        return None
    return nearest(points, area, most=1)[0][0]


def _nearest_among(
    columns: AudienceColumns, points: Sequence[LocatedPoint], concerned: set[UUID], people: Rows | None
) -> Bools:
    hit = np.zeros(columns.people.size, dtype=np.bool_)
    places, named = columns.places.points, columns.places.named
    rows = np.arange(places.size) if people is None else chain(columns.people.first_point[people], places.next)
    rows = rows[~np.isnan(places.lat[rows])]
    ordered = sorted(points)
    ours = np.array([point in concerned for point, _, _ in ordered])
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        lost = _nearest_is(places.lat[some], places.lon[some], ordered, ours)
        hit[places.person[some[lost]]] = True
    if named.size:
        areas = np.arange(named.size) if people is None else chain(columns.people.first_area[people], named.next)
        lost = columns.places.areas.where(lambda area: nearest_to_area(area, ordered) in concerned)
        hit[named.person[areas[lost[named.code[areas]]]]] = True
    return hit


def _nearest_is(lat: Floats, lon: Floats, points: Sequence[LocatedPoint], ours: Bools) -> Bools:
    """For each position, True if the nearest of the points (ordered by id) is one of ours."""
    lats, lons = np.array([p[1] for p in points]), np.array([p[2] for p in points])
    there = _earth(lats, lons)
    origin = there.mean(axis=0)
    here, there = _earth(lat, lon) - origin, there - origin
    # |a - b|² = |a|² - 2ab + |b|²; the first is the same for all points of a row and is left out
    away = (there * there).sum(axis=1)[None, :] - 2 * here @ there.T
    order = np.argmin(away, axis=1)
    least = away[np.arange(len(lat)), order]
    result = ours[order]
    # d² - d0² < 2·d·tie means d - d0 < tie or so; rounding of the squares is far below
    best = np.sqrt(np.maximum(least + (here * here).sum(axis=1), 0.0))
    margin = 2 * best * (_TIE_M + best * 1e-6) + _TIE_M**2
    close = away <= (least + margin)[:, None]
    for row in np.flatnonzero(close.sum(axis=1) > 1):
        able = np.flatnonzero(close[row])
        exact = distances(float(lat[row]), float(lon[row]), lats[able], lons[able])
        result[row] = ours[able[int(np.argmin(exact))]]
    return np.asarray(result, dtype=np.bool_)


def _earth(lat: Floats, lon: Floats) -> Floats:
    """Positions as metres from the earth's centre, (n, 3)."""
    phi, lam, normal = np.radians(lat), np.radians(lon), normal_radius(lat)
    return np.column_stack(
        [
            normal * np.cos(phi) * np.cos(lam),
            normal * np.cos(phi) * np.sin(lam),
            normal * (1 - ECCENTRICITY_2) * np.sin(phi),
        ]
    )
