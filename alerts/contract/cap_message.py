"""CAP 1.2 message as typed data: the output of intake, already grouped (RULES 19).

No XML here: `alerts.intake.cap_reader` parses, checks and groups; the commands decide what follows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from alerts.kernel.ids import derived_id
from alerts.kernel.terms import Category, Certainty, Severity, Urgency

CapStatus = Literal["Actual", "Exercise", "System", "Test", "Draft"]
CapMsgType = Literal["Alert", "Update", "Cancel", "Ack", "Error"]
CapScope = Literal["Public", "Restricted", "Private"]
ResponseType = Literal["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"]
CapReference = tuple[str, str, str]
"""(sender, identifier, sent), each unchanged."""


class CapWords(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content of a group in one language: headline (else event) as title, description as body."""

    title: str
    body: str = ""
    instruction: str = ""


class CapGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The infos of equal urgency, severity, certainty, area and eventCode, their languages merged."""

    category: Category
    """The first category of the first info; decides the topic."""
    event: dict[str, str] = {}
    """Keyed by language tag."""
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"
    event_code: tuple[tuple[str, str], ...] = ()
    """(valueName, value) pairs."""
    response_types: tuple[ResponseType, ...] = ()
    area: list[dict[str, Any]] | None = None
    """AREA parts (GeoJSON polygons in lon/lat, circles); None if the infos contain no geometry."""
    onset: datetime | None = None
    effective: datetime | None = None
    expires: datetime | None = None
    content: dict[str, CapWords] = {}
    """Keyed by language tag, in the message's order."""
    area_desc: dict[str, str] = {}

    @property
    def all_clear(self) -> bool:
        """True if the response types include AllClear."""
        return "AllClear" in self.response_types


class CapMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CAP alert. `sent` is stored unchanged: it is part of the message's identity."""

    sender: str
    identifier: str
    sent: str
    status: CapStatus
    msg_type: CapMsgType
    scope: CapScope = "Public"
    references: tuple[CapReference, ...] = ()
    groups: tuple[CapGroup, ...] = ()
    note: str = ""
    left_out: tuple[str, ...] = ()
    """Parts of the message that were not used, each with the reason."""

    @property
    def external_id(self) -> str:
        """Idempotency key of the message: sender, identifier, sent."""
        return ",".join((self.sender, self.identifier, instant(self.sent)))


def instant(sent: str) -> str:
    """Normalise a CAP time: equal instants give equal strings (`-00:00` and `+00:00`); unchanged if unreadable."""
    try:
        at = datetime.fromisoformat(sent.strip())
    except ValueError:
        return sent.strip()
    if at.tzinfo is None:
        return sent.strip()
    return f"{at.timestamp():.6f}"


def cap_message_id(reference: CapReference) -> UUID:
    """Id by which a later message that refers to this one finds it."""
    sender, identifier, sent = reference
    return derived_id("cap", sender.strip(), identifier.strip(), instant(sent))
