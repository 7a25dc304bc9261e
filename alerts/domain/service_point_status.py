"""State of service points at a moment, given the announced changes (RULES 11 and 12). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from alerts.domain.events import ChangeAfter, PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState


def facts_at(point: PointState, changes: Iterable[ChangeState], at: datetime) -> PointFacts | None:
    """Facts of the point at `at`, with the changes applied in order of effect; None if it is closed then.

    A closure lasts until its end; a point with an announced opening is not open before it.
    """
    if not point.open:
        return None
    facts = point.facts
    for change in changes:
        planned = change.facts
        if point.id not in planned.service_points:
            continue
        if at < planned.effective:
            if planned.kind == "opening":
                return None
            continue
        if planned.until is not None and at >= planned.until:
            continue
        if planned.kind == "closure":
            return None
        after = planned.after.get(str(point.id))
        if after is not None:
            facts = _changed(facts, after)
    return facts


def _changed(facts: PointFacts, after: ChangeAfter) -> PointFacts:
    """Apply a change to the facts; only the fields it gives are replaced."""
    moved = after.lat is not None and after.lon is not None
    return replace(
        facts,
        opening_hours=facts.opening_hours if after.opening_hours is None else after.opening_hours,
        address=facts.address if after.address is None else after.address,
        lat=after.lat if moved else facts.lat,
        lon=after.lon if moved else facts.lon,
        visits=after.visits or facts.visits,
    )
