"""A program that is told of events: what it asked for, and whether it is still posted to. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import AreaJson, WebhookAdded, WebhookDisabled, WebhookRemoved, WebhookReplayed
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded

EVERYTHING = "*"
WebhookPhase = Literal["on", "disabled", "removed"]


class WebhookState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one outgoing webhook add up to."""

    id: UUID
    version: int
    url: str
    events: tuple[str, ...]
    """Event types, or `*` alone."""
    area: AreaJson | None
    secret: str | None
    key: UUID
    person: UUID | None
    after: int
    """The log position behind which it was last told to begin."""
    phase: WebhookPhase
    reason: str
    """Why it is disabled."""
    added_at: datetime
    position: int = 0

    @property
    def topics(self) -> frozenset[str]:
        """The event types it wants; none named means all."""
        return frozenset() if EVERYTHING in self.events else frozenset(self.events)


def evolve(state: WebhookState | None, recorded: Recorded) -> WebhookState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, WebhookAdded):
        return WebhookState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            url=event.url,
            events=event.events,
            area=event.area,
            secret=event.secret,
            key=event.key,
            person=event.person,
            after=event.after or recorded.position,
            phase="on",
            reason="",
            added_at=recorded.at,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("webhook", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case WebhookReplayed(after=after):
            return replace(state, after=after, phase="on", reason="")
        case WebhookDisabled(reason=reason):
            return replace(state, phase="disabled", reason=reason)
        case WebhookRemoved():
            return replace(state, phase="removed")
        case _:
            return state


def decide_replay(state: WebhookState, after: int, end: int) -> list[Event]:
    """Its events again from behind `after`. Raises Conflict for a removed one and for a position not reached yet."""
    if state.phase == "removed":
        raise Conflict("This webhook was removed: add it anew.")
    if after > end:
        raise Conflict(f"The log ends at {end}: replay from there or from before.")
    return [WebhookReplayed(after=after)]


def decide_disable(state: WebhookState, reason: str, at_position: int) -> list[Event]:
    """Nothing more is posted; nothing new if that is so already."""
    return [WebhookDisabled(reason=reason, at_position=at_position)] if state.phase == "on" else []


def decide_remove(state: WebhookState) -> list[Event]:
    """Nothing more is posted, for good; nothing new if that is so already."""
    return [WebhookRemoved()] if state.phase != "removed" else []
