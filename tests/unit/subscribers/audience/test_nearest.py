"""The nearest service points, and those left after a change (RULES 12)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from shapely.geometry import box

from alerts.kernel.geometry import Area, distance, resolve_area
from subscribers.audience.nearest import OpenPoint, PointVisit, alternatives, nearest, next_visit, within

EFFECTIVE = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
HERE = (51.5, 0.0)


def desk(number: int, lon: float, kind: str = "front-desk", visits: tuple[PointVisit, ...] = ()) -> OpenPoint:
    return OpenPoint(UUID(int=number), kind, f"desk {number}", "", 51.5, lon, "Mo-Fr 09:00-17:00", visits)


def test_distances_are_from_the_point_and_ties_go_by_id() -> None:
    points = [(UUID(int=3), 51.5, 0.1), (UUID(int=2), 51.5, -0.1), (UUID(int=1), 51.5, 0.2)]
    found = nearest(points, HERE)
    assert [p for p, _ in found] == [UUID(int=2), UUID(int=3), UUID(int=1)]
    assert found[0][1] == distance(51.5, 0.0, 51.5, -0.1)


def test_inside_an_area_all_points_are_at_no_distance() -> None:
    area = Area(box(-0.15, 51.4, 0.15, 51.6))
    points = [(UUID(int=3), 51.5, 0.1), (UUID(int=2), 51.5, -0.1), (UUID(int=1), 51.5, 0.2)]
    assert nearest(points, area)[:2] == [(UUID(int=2), 0.0), (UUID(int=3), 0.0)]


def test_the_three_nearest_of_the_kind_or_mobile_with_a_visit_soon() -> None:
    soon = PointVisit(EFFECTIVE + timedelta(days=13), 60)
    late = PointVisit(EFFECTIVE + timedelta(days=15), 60)
    weekly = PointVisit(datetime(2025, 1, 6, 10, 0, tzinfo=UTC), 90, "FREQ=WEEKLY")
    points = [
        desk(1, 0.5),
        desk(2, 0.4),
        desk(3, 0.01, "kiosk"),
        desk(4, 0.02, "mobile", (late,)),
        desk(5, 0.03, "mobile", (soon,)),
        desk(6, 0.2, "mobile", (weekly,)),
        desk(7, 0.05, "mobile"),
    ]
    found = alternatives(points, "front-desk", HERE, EFFECTIVE, "UTC")
    assert [near.point.id.int for near in found] == [5, 6, 2]
    assert found[0].next_visit == soon.dtstart and found[0].minutes == 60
    assert found[1].next_visit == datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    assert found[2].next_visit is None and found[2].distance_m == distance(51.5, 0.0, 51.5, 0.4)


def test_a_visit_under_way_counts_and_one_that_is_over_does_not() -> None:
    visit = PointVisit(EFFECTIVE - timedelta(minutes=30), 60)
    assert next_visit([visit], EFFECTIVE, "UTC") == (visit.dtstart, 60)
    assert next_visit([visit], EFFECTIVE + timedelta(minutes=30), "UTC") is None
    until = PointVisit(EFFECTIVE - timedelta(days=70), 60, "FREQ=WEEKLY;COUNT=3")
    assert next_visit([until], EFFECTIVE, "UTC") is None
    assert next_visit([PointVisit(EFFECTIVE - timedelta(days=7), 60, "FREQ=NEVER")], EFFECTIVE, "UTC") is None


def test_the_nearest_of_an_area_are_those_of_the_whole_order() -> None:
    """Bounds leave out what cannot be among the nearest, and never what can."""
    ring = [[-0.2, 51.4], [0.1, 51.42], [0.12, 51.6], [-0.15, 51.58], [-0.2, 51.4]]
    area = resolve_area([{"type": "Polygon", "coordinates": [ring]}], lambda slug: {})
    draw = random.Random(7)
    points = [(UUID(int=n), draw.uniform(51.2, 51.8), draw.uniform(-0.6, 0.6)) for n in range(40)]
    whole = nearest(points, area)
    assert [nearest(points, area, most) for most in (1, 3, 12)] == [whole[:1], whole[:3], whole[:12]]
    assert within(area, [(lat, lon, 100.0) for _, lat, lon in points]) is (whole[0][1] <= 100.0)
    least, most = area.distance_bounds_m(np.array([p[1] for p in points]), np.array([p[2] for p in points]))
    exact = dict(whole)
    assert all(
        low <= exact[point] + 1e-6 <= high + 1e-5 for low, high, (point, _, _) in zip(least, most, points, strict=True)
    )


LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;BYDAY=TU", "FREQ=WEEKLY;UNTIL=20261103T100000Z", "FREQ=WEEKLY;COUNT=3"])
@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=1), timedelta(hours=-5)])
def test_visits_recur_by_the_wall_clock(rule: str, offset: timedelta) -> None:
    first = datetime(2026, 10, 20, 10, tzinfo=LONDON).astimezone(timezone(offset))
    visit = PointVisit(first, 60, rule)
    for day in (20, 27, 34):
        due = datetime(2026, 10, 20, 10, tzinfo=LONDON) + timedelta(days=day - 20)  # by the wall clock
        found = next_visit([visit], due.astimezone(UTC) - timedelta(hours=2), "Europe/London")
        assert found == (due, 60), day
    after = next_visit([visit], datetime(2026, 11, 3, 12, tzinfo=UTC), "Europe/London")
    assert after == ((datetime(2026, 11, 10, 10, tzinfo=UTC), 60) if "BYDAY" in rule else None)


def test_visit_in_the_gap_of_a_clock_change_begins_after_it() -> None:
    visit = PointVisit(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), 60, "FREQ=DAILY")
    found = next_visit([visit], datetime(2026, 3, 28, 12, tzinfo=UTC), "Europe/London")
    assert found == (datetime(2026, 3, 29, 1, tzinfo=UTC), 60)
