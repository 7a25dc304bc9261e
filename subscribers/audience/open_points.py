"""Which service points are open when, given what has been announced: RULES 11 and 12. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from alerts.domain.events import ChangeAfter, PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from subscribers.audience.nearest import OpenPoint, PointVisit
from subscribers.audience.query import ChangeReach, ReachPoint


def change_reach(change: ChangeState, points: Sequence[PointState], others: Sequence[ChangeState]) -> ChangeReach:
    """Whom the change reaches: its points where they stand until then, among all of their kinds that are open.

    `others` are the other issued changes, by when they take effect.
    """
    at = change.facts.effective
    concerned = set(change.facts.service_points)
    kinds = {point.facts.kind for point in points if point.id in concerned}
    before = {point.id: _after(point, others, at) for point in points if point.facts.kind in kinds}
    reached = []
    for point in points:
        if point.id in concerned:
            old = before[point.id] or point.facts
            reached.append(ReachPoint(id=point.id, lat=old.lat, lon=old.lon, reach_km=old.reach_km))
    # "the nearest open point of that kind": a change of several kinds asks for each by itself
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
    """Every point that is open once the change has taken effect, as it then is."""
    changes = sorted((*others, change), key=lambda c: (c.facts.effective, c.id))
    found = []
    for point in points:
        facts = _after(point, changes, change.facts.effective)
        if facts is not None:
            found.append(open_point(point.id, facts))
    return tuple(found)


def open_point(point: UUID, facts: PointFacts) -> OpenPoint:
    """A point as the look-up of the nearest ones takes it."""
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


def _after(point: PointState, changes: Sequence[ChangeState], at: datetime) -> PointFacts | None:
    """A point as the changes in force at `at` leave it; None if it is closed then."""
    if not point.open:
        return None
    facts = point.facts
    for change in changes:
        told = change.facts
        if point.id not in told.service_points:
            continue
        if not told.effective <= at:
            if told.kind == "opening":
                return None
            continue
        if told.until is not None and at >= told.until:
            continue
        if told.kind == "closure":
            return None
        after = told.after.get(str(point.id))
        if after is not None:
            facts = _with(facts, after)
    return facts


def _with(facts: PointFacts, after: ChangeAfter) -> PointFacts:
    """The facts with what a change says of them; it speaks of what it names alone."""
    if after.opening_hours is not None:
        facts = replace(facts, opening_hours=after.opening_hours)
    if after.lat is not None and after.lon is not None:
        facts = replace(facts, lat=after.lat, lon=after.lon)
    if after.address is not None:
        facts = replace(facts, address=after.address)
    if after.visits:
        facts = replace(facts, visits=after.visits)
    return facts
