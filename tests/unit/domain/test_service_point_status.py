"""Opening times and status of service points, under the announced changes (RULES 11, 12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.domain.events import ChangeAfter, ChangeFacts, PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.service_point_status import facts_at
from alerts.kernel.terms import ChangeKind
from subscribers.audience.open_points import change_reach, open_after

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DESK = UUID(int=1)


def point(id: UUID = DESK, *, lat: float = 51.5, is_open: bool = True) -> PointState:
    facts = PointFacts(kind="desk", name=f"Desk {id.int}", lat=lat, lon=0.0, opening_hours="24/7")
    return PointState(id=id, version=1, facts=facts, source="town", open=is_open, opened_at=NOW)


def change(
    kind: ChangeKind, *, begins: timedelta = DAY, ends: timedelta | None = None, after: ChangeAfter | None = None
) -> ChangeState:
    facts = ChangeFacts(
        headline={"en": "Change"},
        kind=kind,
        service_points=(DESK,),
        effective=NOW + begins,
        until=None if ends is None else NOW + ends,
        after={} if after is None else {str(DESK): after},
    )
    return ChangeState(id=UUID(int=9), version=1, facts=facts, source="town", status="announced", announced_at=NOW)


@pytest.mark.parametrize(
    ("changes", "moment", "is_open"),
    [
        ((), timedelta(0), True),
        ((change("closure"),), DAY - timedelta(seconds=1), True),
        ((change("closure"),), DAY, False),
        ((change("closure", ends=2 * DAY),), 2 * DAY, True),
        ((change("opening"),), timedelta(0), False),
        ((change("opening"),), DAY, True),
        ((change("hours", after=ChangeAfter(opening_hours="off")), change("closure", begins=2 * DAY)), 2 * DAY, False),
    ],
)
def test_a_point_is_closed_by_what_is_in_effect(
    changes: tuple[ChangeState, ...], moment: timedelta, is_open: bool
) -> None:
    assert (facts_at(point(), changes, NOW + moment) is not None) == is_open


def test_a_closed_point_stays_closed() -> None:
    assert facts_at(point(is_open=False), (), NOW) is None


def test_a_change_replaces_what_it_names_alone() -> None:
    moved = change("move", after=ChangeAfter(lat=51.6, lon=0.1))
    facts = facts_at(point(), (moved,), NOW + DAY)
    assert facts is not None
    assert (facts.lat, facts.lon, facts.opening_hours) == (51.6, 0.1, "24/7")


def test_a_move_reaches_by_the_old_position_and_opens_at_the_new_one() -> None:
    moved = change("move", after=ChangeAfter(lat=51.6, lon=0.1))
    other = point(UUID(int=2), lat=52.0)
    reach = change_reach(moved, [point(), other], [])
    assert [(one.id, one.lat) for one in reach.points] == [(DESK, 51.5)]
    assert [(one.id, one.lat) for one in open_after(moved, [point(), other], [])] == [(DESK, 51.6), (other.id, 52.0)]
