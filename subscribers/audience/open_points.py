"""Open service points at a time, given the announced changes (RULES 11, 12). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from alerts.domain.events import PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.service_point_status import facts_at
from subscribers.audience.nearest import OpenPoint, PointVisit
from subscribers.audience.query import ChangeReach, ReachPoint


def change_reach(change: ChangeState, points: Sequence[PointState], others: Sequence[ChangeState]) -> ChangeReach:
    """Compute the reach of a change: its points at their old position, and the open points of their kinds.

    `others` are the other issued changes, by effective time.
    """
    at = change.facts.effective
    concerned = set(change.facts.service_points)
    kinds = {point.facts.kind for point in points if point.id in concerned}
    before = {point.id: facts_at(point, others, at) for point in points if point.facts.kind in kinds}
    reached = []
    for point in points:
        if point.id in concerned:
            old = before[point.id] or point.facts
            reached.append(ReachPoint(id=point.id, lat=old.lat, lon=old.lon, reach_km=old.reach_km))
    # "the nearest open point of that kind": each kind of a change is evaluated by itself
    by_kind = [
        tuple(
            (point.id, facts.lat, facts.lon)
            for point in points
            if point.facts.kind == kind and (facts := before[point.id]) is not None
        )
        for kind in sorted(kinds)
    ]
    return ChangeReach(
        kind=change.facts.kind,
        points=tuple(reached),
        open_points=by_kind[0] if by_kind else (),
        further=tuple(by_kind[1:]),
    )


def open_after(
    change: ChangeState, points: Iterable[PointState], others: Sequence[ChangeState]
) -> tuple[OpenPoint, ...]:
    """All points that are open once the change has taken effect, in their state then."""
    changes = sorted((*others, change), key=lambda c: (c.facts.effective, c.id))
    found = []
    for point in points:
        facts = facts_at(point, changes, change.facts.effective)
        if facts is not None:
            found.append(open_point(point.id, facts))
    return tuple(found)


def open_point(point: UUID, facts: PointFacts) -> OpenPoint:
    """Convert a point for the nearest-point search."""
    return OpenPoint(
        id=point,
        kind=facts.kind,
        name=facts.name,
        address=facts.address,
        lat=facts.lat,
        lon=facts.lon,
        opening_hours=facts.opening_hours,
        visits=tuple(PointVisit(v.dtstart, v.minutes, v.rrule) for v in facts.visits),
    )
