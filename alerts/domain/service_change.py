"""Service change: a planned or sudden change to service points. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    ChangeFacts,
    ServiceChangeAnnounced,
    ServiceChangeRevised,
    ServiceChangeTookEffect,
    ServiceChangeWithdrawn,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded


class ChangeState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one service change."""

    id: UUID
    version: int
    facts: ChangeFacts
    source: str
    status: Literal["announced", "in-effect", "withdrawn"]
    announced_at: datetime
    notice: UUID | None = None
    """The thread's first notice. Set by the read model and by commands."""
    position: int = 0


def evolve(state: ChangeState | None, recorded: Recorded) -> ChangeState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, ServiceChangeAnnounced):
        return ChangeState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            facts=event.facts,
            source=event.source,
            status="announced",
            announced_at=recorded.at,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("service change", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case ServiceChangeRevised(facts=facts):
            return replace(state, facts=facts, status="announced")
        case ServiceChangeTookEffect():
            return replace(state, status="in-effect")
        case ServiceChangeWithdrawn():
            return replace(state, status="withdrawn")
        case _:
            return state


def decide_announce(state: ChangeState | None, facts: ChangeFacts, source: str) -> tuple[Event, ...]:
    """Announce a change, or the same again: nothing if identical, a revision if changed.

    Raises Conflict if withdrawn.
    """
    if state is None:
        return (ServiceChangeAnnounced(facts=facts, source=source),)
    if state.facts == facts:
        return ()
    if state.status == "withdrawn":
        raise Conflict("This service change was withdrawn; announce what will be under a source_ref of its own.")
    return (ServiceChangeRevised(facts=facts),)


def decide_effect(state: ChangeState, due: datetime) -> tuple[Event, ...]:
    """Mark the change as in effect, unless it was rescheduled or withdrawn."""
    if state.status != "announced" or state.facts.effective != due:
        return ()
    return (ServiceChangeTookEffect(),)
