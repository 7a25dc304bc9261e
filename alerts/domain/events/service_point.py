"""Events of service points."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.kernel.events import Event


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Visits of a mobile unit: first start, duration in minutes, and an RFC 5545 RRULE for repetitions."""

    dtstart: datetime
    minutes: int
    rrule: str | None = None


class PointFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts of a service point: a place that people go to for a service."""

    kind: str
    name: str
    address: str = ""
    lat: float
    lon: float
    opening_hours: str | None = None
    """OpenStreetMap syntax."""
    visits: tuple[Visit, ...] = ()
    reach_km: float = 3.0
    source_ref: str | None = None


class ServicePointOpened(Event, frozen=True, kw_only=True):
    """A service point was registered."""

    facts: PointFacts
    source: str


class ServicePointHoursSet(Event, frozen=True, kw_only=True):
    """Facts other than the position changed: hours, name, address, visits."""

    facts: PointFacts


class ServicePointMoved(Event, frozen=True, kw_only=True):
    """The service point has moved."""

    facts: PointFacts


class ServicePointClosed(Event, frozen=True, kw_only=True):
    """The service point is closed for good."""

    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    ServicePointOpened,
    ServicePointHoursSet,
    ServicePointMoved,
    ServicePointClosed,
)
