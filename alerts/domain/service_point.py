"""Service point: a place that people go to for a service. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    PointFacts,
    ServicePointClosed,
    ServicePointHoursSet,
    ServicePointMoved,
    ServicePointOpened,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded


class PointState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one service point."""

    id: UUID
    version: int
    facts: PointFacts
    source: str
    open: bool
    opened_at: datetime
    position: int = 0


def evolve(state: PointState | None, recorded: Recorded) -> PointState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, ServicePointOpened):
        return PointState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            facts=event.facts,
            source=event.source,
            open=True,
            opened_at=recorded.at if state is None else state.opened_at,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("service point", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case ServicePointHoursSet(facts=facts) | ServicePointMoved(facts=facts):
            return replace(state, facts=facts)
        case ServicePointClosed():
            return replace(state, open=False)
        case _:
            return state


def decide_register(state: PointState | None, facts: PointFacts, source: str) -> tuple[Event, ...]:
    """Register a point, or the same again: nothing if identical, moved or changed otherwise."""
    if state is None or not state.open:
        return (ServicePointOpened(facts=facts, source=source),)
    return decide_revise(state, facts)


def decide_revise(state: PointState, facts: PointFacts) -> tuple[Event, ...]:
    """Change the facts of a point. Raises Conflict if it is closed for good."""
    if not state.open:
        raise Conflict("This service point is closed for good; register it again if it opens again.")
    if state.facts == facts:
        return ()
    if (state.facts.lat, state.facts.lon) != (facts.lat, facts.lon):
        return (ServicePointMoved(facts=facts),)
    return (ServicePointHoursSet(facts=facts),)
