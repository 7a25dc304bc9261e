"""Outgoing webhook: subscription of a program to events, and its phase. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import AreaJson, WebhookAdded, WebhookDisabled, WebhookRemoved, WebhookReplayed
from alerts.domain.evolve import unexpected_first_event
from alerts.domain.reference_data import KeyState, MemberState
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded

EVERYTHING = "*"
READ = "read"
"""Scope of the event feed. A webhook delivers what its key may read there, and nothing more."""
WebhookPhase = Literal["on", "disabled", "removed"]


class WebhookState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one outgoing webhook."""

    id: UUID
    version: int
    url: str
    events: tuple[str, ...]
    """Event types, or only `*`."""
    area: AreaJson | None
    secret: str | None
    key: UUID
    person: UUID | None
    after: int
    """Log position after which it was last set to begin."""
    phase: WebhookPhase
    reason: str
    """Reason for which it is disabled."""
    added_at: datetime
    position: int = 0

    @property
    def topics(self) -> frozenset[str]:
        """Event types it is subscribed to; empty means all."""
        return frozenset() if EVERYTHING in self.events else frozenset(self.events)


def may_not_read(key: KeyState | None, member: MemberState | None) -> str:
    """Return why a webhook's key may not read the event feed now; "" if it may. `member`: of a key for a person."""
    if key is None or key.revoked:
        return "the API key that added it was revoked"
    if READ not in key.scopes:
        return f"the API key that added it lacks the scope {READ}"
    if key.person is not None and (member is None or member.role is None):
        return "the person of its API key has left the team"
    return ""


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
    """Post events after `after` again.

    Raises Conflict for a removed webhook and for a position beyond the log's end.
    """
    if state.phase == "removed":
        raise Conflict("This webhook was removed: add it anew.")
    if after > end:
        raise Conflict(f"The log ends at {end}: replay from there or from before.")
    return [WebhookReplayed(after=after)]


def decide_disable(state: WebhookState, reason: str, at_position: int) -> list[Event]:
    """Disable the webhook; nothing if it is not on."""
    return [WebhookDisabled(reason=reason, at_position=at_position)] if state.phase == "on" else []


def decide_remove(state: WebhookState) -> list[Event]:
    """Remove the webhook for good; nothing if already removed."""
    return [WebhookRemoved()] if state.phase != "removed" else []
