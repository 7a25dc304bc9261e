"""Reference data: states and folds of places, topics, segments, sources, keys, team, triggers and rejections. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    ApiKeyIssued,
    ApiKeyRevoked,
    Json,
    PlaceDefined,
    PlaceRetired,
    PlaceRevised,
    Policy,
    RoleGranted,
    RoleRevoked,
    SegmentDefined,
    SegmentRetired,
    SegmentRevised,
    SourceConnected,
    SourceDisconnected,
    SourceRevised,
    SourceSecretRotated,
    TeamMemberInvited,
    TopicDefined,
    TopicRetired,
    TriggerReceived,
    TriggerRejected,
)
from alerts.domain.events.types import AreaJson
from alerts.domain.evolve import unexpected_first_event
from alerts.domain.roles import Role
from alerts.kernel.events import Recorded
from alerts.kernel.terms import Category, NoticeKind


class PlaceState(msgspec.Struct, frozen=True, kw_only=True):
    """A place: a named area. `version` counts its definitions; `geometry` is GeoJSON."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    geometry: Json
    retired: bool = False
    position: int = 0


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that people may choose."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    categories: tuple[Category, ...]
    retired: bool = False
    position: int = 0


class SegmentState(msgspec.Struct, frozen=True, kw_only=True):
    """A segment: a named, saved audience rule."""

    id: UUID
    slug: str
    version: int
    name: str
    rule: Json
    retired: bool = False
    position: int = 0


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """A source: a webhook integration."""

    id: UUID
    name: str
    version: int
    kind: Literal["standard-webhook", "cap", "json"]
    policy: Policy
    secret: str | None
    old_secret: str | None = None
    old_until: datetime | None = None
    """Time until which the secret before the last rotation is taken too."""
    mapping: Json | None = None
    connected: bool = True
    position: int = 0

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Secrets that are taken at a moment: the current one first, the old one while it is."""
        old = self.old_secret if self.old_until is not None and now < self.old_until else None
        return tuple(secret for secret in (self.secret, old) if secret)


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """An API key."""

    id: UUID
    name: str
    version: int
    scopes: tuple[str, ...]
    policy: Policy
    secret_hash: str
    person: UUID | None
    issued_at: datetime
    revoked: bool = False
    rate: float | None = None
    position: int = 0


class MemberState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A team member: a user of the console."""

    id: UUID
    version: int
    email: str | None
    name: str | None
    contact: int
    role: Role | None
    """None for a former member."""
    areas: AreaJson | None = None
    """Areas that the role is for; None without a limit."""
    kinds: tuple[NoticeKind, ...] | None = None
    """Kinds of notices that the role is for; None without a limit."""
    organisations: tuple[str, ...] | None = None
    """Organisations in whose names the member writes and approves; None without a limit."""
    position: int = 0


class TriggerState(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one webhook."""

    id: UUID
    source: str
    kind: str
    external_id: str
    state: Literal["recorded", "drafted", "issued", "parked"]
    incident: UUID | None
    service_change: UUID | None
    notices: tuple[UUID, ...]
    reason: str
    at: datetime
    position: int = 0


class RejectionsState(msgspec.Struct, frozen=True, kw_only=True):
    """Count of the webhooks of one source that were refused and recorded on one day."""

    source: str
    count: int
    position: int = 0


def evolve_place(state: PlaceState | None, recorded: Recorded) -> PlaceState:
    """Fold one event of a place."""
    match recorded.event:
        case (
            PlaceDefined(slug=slug, name=name, geometry=geometry)
            | PlaceRevised(slug=slug, name=name, geometry=geometry)
        ):
            return PlaceState(
                id=recorded.originator_id,
                slug=slug,
                version=recorded.originator_version,
                name=name,
                geometry=geometry,
                position=recorded.position,
            )
        case PlaceRetired() if state is not None:
            return replace(state, retired=True, version=recorded.originator_version, position=recorded.position)
    return state if state is not None else unexpected_first_event("place", recorded)


def evolve_topic(state: TopicState | None, recorded: Recorded) -> TopicState:
    """Fold one event of a topic."""
    match recorded.event:
        case TopicDefined(slug=slug, name=name, categories=categories):
            return TopicState(
                id=recorded.originator_id,
                slug=slug,
                version=recorded.originator_version,
                name=name,
                categories=categories,
                position=recorded.position,
            )
        case TopicRetired() if state is not None:
            return replace(state, retired=True, version=recorded.originator_version, position=recorded.position)
    return state if state is not None else unexpected_first_event("topic", recorded)


def evolve_segment(state: SegmentState | None, recorded: Recorded) -> SegmentState:
    """Fold one event of a segment."""
    match recorded.event:
        case SegmentDefined(slug=slug, name=name, rule=rule) | SegmentRevised(slug=slug, name=name, rule=rule):
            return SegmentState(
                id=recorded.originator_id,
                slug=slug,
                version=recorded.originator_version,
                name=name,
                rule=rule,
                position=recorded.position,
            )
        case SegmentRetired() if state is not None:
            return replace(state, retired=True, version=recorded.originator_version, position=recorded.position)
    return state if state is not None else unexpected_first_event("segment", recorded)


def evolve_source(state: SourceState | None, recorded: Recorded) -> SourceState:
    """Fold one event of a source."""
    event = recorded.event
    if isinstance(event, SourceConnected):
        return SourceState(
            id=recorded.originator_id,
            name=event.name,
            version=recorded.originator_version,
            kind=event.kind,
            policy=event.policy,
            secret=event.secret,
            mapping=event.mapping,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("source", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case SourceRevised(policy=policy, mapping=mapping):
            return replace(state, policy=policy, mapping=mapping)
        case SourceSecretRotated(secret=secret, old_until=old_until):
            old = state.secret if old_until is not None else None
            return replace(state, secret=secret, old_secret=old, old_until=old_until)
        case SourceDisconnected():
            return replace(state, connected=False)
        case _:
            return state


def evolve_key(state: KeyState | None, recorded: Recorded) -> KeyState:
    """Fold one event of an API key."""
    event = recorded.event
    if isinstance(event, ApiKeyIssued):
        return KeyState(
            id=recorded.originator_id,
            name=event.name,
            version=recorded.originator_version,
            scopes=event.scopes,
            policy=event.policy,
            secret_hash=event.secret_hash,
            person=event.person,
            issued_at=recorded.at,
            rate=event.rate,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("key", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    return replace(state, revoked=True) if isinstance(event, ApiKeyRevoked) else state


def evolve_member(state: MemberState | None, recorded: Recorded) -> MemberState:
    """Fold one event of a team member."""
    event = recorded.event
    if isinstance(event, TeamMemberInvited):
        return MemberState(
            id=recorded.originator_id,
            version=recorded.originator_version,
            email=event.email,
            name=event.name,
            contact=event.contact,
            role=None if state is None else state.role,
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("team member", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case RoleGranted(role=role, areas=areas, kinds=kinds, organisations=organisations):
            return replace(state, role=role, areas=areas, kinds=kinds, organisations=organisations)
        case RoleRevoked():
            return replace(state, role=None, areas=None, kinds=None, organisations=None)
        case _:
            return state


def evolve_trigger(state: TriggerState | None, recorded: Recorded) -> TriggerState:
    """Fold one event of a trigger: the latest result, with the time of its arrival."""
    event = recorded.event
    if not isinstance(event, TriggerReceived):
        return state if state is not None else unexpected_first_event("trigger", recorded)
    return TriggerState(
        id=recorded.originator_id,
        source=event.source,
        kind=event.kind,
        external_id=event.external_id,
        state=event.state,
        incident=event.incident,
        service_change=event.service_change,
        notices=event.notices,
        reason=event.reason,
        at=recorded.at if state is None else state.at,
        position=recorded.position,
    )


def evolve_rejections(state: RejectionsState | None, recorded: Recorded) -> RejectionsState:
    """Fold one event of a source's rejections of one day."""
    source = recorded.event.source if isinstance(recorded.event, TriggerRejected) else ""
    return RejectionsState(
        source=source or (state.source if state else ""),
        count=recorded.originator_version,
        position=recorded.position,
    )
