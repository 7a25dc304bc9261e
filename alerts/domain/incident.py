"""Incident: something that happened or is happening in a place. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    IncidentAreaRevised,
    IncidentDismissed,
    IncidentFacts,
    IncidentReported,
    IncidentResolved,
    IncidentSeverityRevised,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded


class IncidentState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one incident."""

    id: UUID
    version: int
    facts: IncidentFacts
    source: str
    status: Literal["open", "resolved", "dismissed"]
    reported_at: datetime
    revised_at: datetime | None = None
    ended_at: datetime | None = None
    notice: UUID | None = None
    """The thread's first notice. Not folded from this stream: set by the read model and by commands."""
    position: int = 0


def evolve(state: IncidentState | None, recorded: Recorded) -> IncidentState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, IncidentReported):
        return IncidentState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            facts=event.facts,
            source=event.source,
            status="open",
            reported_at=recorded.at,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("incident", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case IncidentSeverityRevised(facts=facts) | IncidentAreaRevised(facts=facts):
            return replace(state, facts=facts, status="open", revised_at=recorded.at, ended_at=None)
        case IncidentResolved():
            return replace(state, status="resolved", ended_at=recorded.at)
        case IncidentDismissed():
            return replace(state, status="dismissed", ended_at=recorded.at)
        case _:
            return state


def decide_report(state: IncidentState | None, facts: IncidentFacts, source: str) -> tuple[Event, ...]:
    """Decide on a report or a repeated one (RULES 17, 18): nothing if identical, a revision if changed.

    A revision reopens an incident that was resolved. Raises Conflict for other facts about one that was dismissed.
    """
    if state is None:
        return (IncidentReported(facts=facts, source=source),)
    if state.facts == facts:
        return ()
    if state.status == "dismissed":
        raise Conflict(
            f"This incident is {state.status}; it cannot be revised. Report the new one under its own source_ref."
        )
    if replace(state.facts, area=facts.area) == facts:
        return (IncidentAreaRevised(facts=facts),)
    return (IncidentSeverityRevised(facts=facts),)


def decide_resolve(state: IncidentState, reason: str = "") -> tuple[Event, ...]:
    """Resolve the incident; repeating it changes nothing. Raises Conflict if it was dismissed."""
    if state.status == "dismissed":
        raise Conflict("This incident was dismissed as never having happened; there is nothing to resolve.")
    return () if state.status == "resolved" else (IncidentResolved(reason=reason),)


def decide_dismiss(state: IncidentState, reason: str) -> tuple[Event, ...]:
    """Dismiss the incident; nothing if it is no longer open."""
    return () if state.status != "open" else (IncidentDismissed(reason=reason),)
