"""How service points stand at a moment, given the changes told of them (RULES 11 and 12). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from alerts.domain.events import ChangeAfter, PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState


def facts_at(point: PointState, changes: Iterable[ChangeState], at: datetime) -> PointFacts | None:
    """The point as these changes, in the order in which they take effect, leave it at `at`; None if it is closed then.

    A closure lasts until its end; a point whose opening is told of is not open before it.
    """
    if not point.open:
        return None
    facts = point.facts
    for change in changes:
        told = change.facts
        if point.id not in told.service_points:
            continue
        if at < told.effective:
            if told.kind == "opening":
                return None
            continue
        if told.until is not None and at >= told.until:
            continue
        if told.kind == "closure":
            return None
        after = told.after.get(str(point.id))
        if after is not None:
            facts = _changed(facts, after)
    return facts


def _changed(facts: PointFacts, after: ChangeAfter) -> PointFacts:
    """The facts with what a change says of them; it speaks of what it names alone."""
    moved = after.lat is not None and after.lon is not None
    return replace(
        facts,
        opening_hours=facts.opening_hours if after.opening_hours is None else after.opening_hours,
        address=facts.address if after.address is None else after.address,
        lat=after.lat if moved else facts.lat,
        lon=after.lon if moved else facts.lon,
        visits=after.visits or facts.visits,
    )
