"""Events of service changes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain.events.service_point import Visit
from alerts.kernel.events import Event
from alerts.kernel.terms import (
    ChangeKind,
)


class ChangeAfter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """State of one point after a change; None and empty mean unchanged."""

    opening_hours: str | None = None
    lat: float | None = None
    lon: float | None = None
    address: str | None = None
    visits: tuple[Visit, ...] = ()


class ChangeFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A planned or sudden change to service points."""

    headline: dict[str, str]
    description: dict[str, str] = {}
    kind: ChangeKind
    service_points: tuple[UUID, ...]
    effective: datetime
    until: datetime | None = None
    after: dict[str, ChangeAfter] = {}
    """Keyed by service point id (text)."""
    topic: str | None = None
    source_ref: str | None = None


class ServiceChangeAnnounced(Event, frozen=True, kw_only=True):
    """A service change was announced."""

    facts: ChangeFacts
    source: str


class ServiceChangeRevised(Event, frozen=True, kw_only=True):
    """The same source announced it again with other facts."""

    facts: ChangeFacts


class ServiceChangeTookEffect(Event, frozen=True, kw_only=True):
    """The effective time of the change has come."""


class ServiceChangeWithdrawn(Event, frozen=True, kw_only=True):
    """The change was withdrawn."""

    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    ServiceChangeAnnounced,
    ServiceChangeRevised,
    ServiceChangeTookEffect,
    ServiceChangeWithdrawn,
)
