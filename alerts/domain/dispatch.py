"""Dispatch: the decision to send one notice to its audience. Pure."""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    DispatchChunkFinished,
    DispatchCompleted,
    DispatchPaused,
    DispatchPlanned,
    DispatchResumed,
    DispatchRetried,
    DispatchStopped,
    UnreachedListed,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded

_EVENTS = (
    DispatchPlanned,
    DispatchCompleted,
    DispatchRetried,
    DispatchPaused,
    DispatchResumed,
    DispatchStopped,
    UnreachedListed,
)


class DispatchState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one dispatch (its outcomes are in chunk streams)."""

    notice: UUID
    version: int
    planned: DispatchPlanned | None
    stopped: str | None = None
    completed: bool = False
    paused: DispatchPaused | None = None
    """The first pause. It remains set: a dispatch is paused at most once."""
    resumed: bool = False
    position: int = 0

    @property
    def waits(self) -> bool:
        """True if it is paused until a person decides."""
        return self.paused is not None and not self.resumed and self.stopped is None


class ChunkState(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of outcomes; its existence tells a retried commit that it has succeeded."""

    notice: UUID
    outcomes: int
    version: int
    position: int = 0


def evolve(state: DispatchState | None, recorded: Recorded) -> DispatchState:
    """Fold one event. A stop may precede the plan, since it does not wait for the fan-out."""
    event = recorded.event
    if not isinstance(event, _EVENTS):
        return state if state is not None else unexpected_first_event("dispatch", recorded)
    if state is None:
        state = DispatchState(notice=event.notice, version=0, planned=None)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case DispatchPlanned():
            return replace(state, planned=event)
        case DispatchStopped(reason=reason):
            return replace(state, stopped=reason)
        case DispatchCompleted():
            return replace(state, completed=True)
        case DispatchRetried() | UnreachedListed():
            return replace(state, completed=False)
        case DispatchPaused():
            return replace(state, paused=event)
        case DispatchResumed():
            return replace(state, resumed=True)


def evolve_chunk(state: ChunkState | None, recorded: Recorded) -> ChunkState:
    """Fold one event of a chunk."""
    event = recorded.event
    if not isinstance(event, DispatchChunkFinished):
        return state if state is not None else unexpected_first_event("chunk", recorded)
    return ChunkState(
        notice=event.notice,
        outcomes=len(event.outcomes) + (state.outcomes if state else 0),
        version=recorded.originator_version,
        position=recorded.position,
    )
