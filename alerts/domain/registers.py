"""The small registers: places, topics, segments, sources, keys, team. Each is a stream; these are their states. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from alerts.domain.events import Json, Policy
from alerts.domain.words.terms import Category

Role = Literal["viewer", "author", "approver", "admin"]


class PlaceState(msgspec.Struct, frozen=True, kw_only=True):
    """A named area. `version` counts its definitions; `geometry` is GeoJSON."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    geometry: Json
    retired: bool = False
    position: int = 0


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    """A subject people may choose."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    categories: tuple[Category, ...]
    retired: bool = False
    position: int = 0


class SegmentState(msgspec.Struct, frozen=True, kw_only=True):
    """A named, saved audience rule."""

    id: UUID
    slug: str
    version: int
    name: str
    rule: Json
    retired: bool = False
    position: int = 0


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook integration."""

    id: UUID
    name: str
    version: int
    kind: Literal["standard-webhook", "cap", "json"]
    policy: Policy
    secret: str | None
    mapping: Json | None = None
    connected: bool = True
    position: int = 0


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
    position: int = 0


class MemberState(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the console."""

    id: UUID
    version: int
    email: str | None
    name: str | None
    contact: int
    role: Role | None
    position: int = 0


class TriggerState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one webhook."""

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
