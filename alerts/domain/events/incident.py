"""Events of incidents."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.domain.events.types import AreaJson
from alerts.kernel.events import Event
from alerts.kernel.terms import (
    Category,
    Certainty,
    Severity,
    Urgency,
)


class IncidentFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Known facts of an incident."""

    headline: dict[str, str]
    """Keyed by language tag, the reporter's own first."""
    description: dict[str, str] = {}
    instruction: dict[str, str] = {}
    category: Category = "Other"
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"
    topic: str | None = None
    area: AreaJson | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    source_ref: str | None = None


class IncidentReported(Event, frozen=True, kw_only=True):
    """An incident was reported."""

    facts: IncidentFacts
    source: str


class IncidentConfirmed(Event, frozen=True, kw_only=True):
    """A person confirmed the incident."""


class IncidentSeverityRevised(Event, frozen=True, kw_only=True):
    """The same source reported other facts (other than the area alone)."""

    facts: IncidentFacts


class IncidentAreaRevised(Event, frozen=True, kw_only=True):
    """The same source reported another area."""

    facts: IncidentFacts


class IncidentResolved(Event, frozen=True, kw_only=True):
    """The incident is over."""

    reason: str = ""


class IncidentDismissed(Event, frozen=True, kw_only=True):
    """The incident should not have been reported."""

    reason: str


EVENTS: tuple[type[Event], ...] = (
    IncidentReported,
    IncidentConfirmed,
    IncidentSeverityRevised,
    IncidentAreaRevised,
    IncidentResolved,
    IncidentDismissed,
)
