"""A CAP 1.2 message as we read it: what intake hands to the commands, already grouped (RULES 19).

Nothing here is XML: `alerts.intake.cap_reader` parses, checks and groups; the commands decide what follows.
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
"""(sender, identifier, sent), each as it was written."""


class CapWords(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One language's words of a group: headline (else event) as title, description as body."""

    title: str
    body: str = ""
    instruction: str = ""


class CapGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The infos of equal urgency, severity, certainty, area and eventCode, their languages merged."""

    category: Category
    """The first category of the first info: it decides the topic."""
    event: dict[str, str] = {}
    """By language tag."""
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"
    event_code: tuple[tuple[str, str], ...] = ()
    """(valueName, value) pairs."""
    response_types: tuple[ResponseType, ...] = ()
    area: list[dict[str, Any]] | None = None
    """AREA parts (GeoJSON polygons in lon/lat, circles); None: the infos hold no geometry."""
    onset: datetime | None = None
    effective: datetime | None = None
    expires: datetime | None = None
    content: dict[str, CapWords] = {}
    """By language tag, in the message's order."""
    area_desc: dict[str, str] = {}

    @property
    def all_clear(self) -> bool:
        """Whether it says that the danger is over."""
        return "AllClear" in self.response_types


class CapMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One CAP alert. `sent` is kept as written: it is part of the message's identity."""

    sender: str
    identifier: str
    sent: str
    status: CapStatus
    msg_type: CapMsgType
    scope: CapScope = "Public"
    references: tuple[CapReference, ...] = ()
    groups: tuple[CapGroup, ...] = ()
    note: str = ""

    @property
    def external_id(self) -> str:
        """By which a repeated message is recognised: sender, identifier, sent."""
        return ",".join((self.sender, self.identifier, instant(self.sent)))


def instant(sent: str) -> str:
    """A CAP time as one spelling of its instant (`-00:00` and `+00:00` are the same); as it is if unreadable."""
    try:
        at = datetime.fromisoformat(sent.strip())
    except ValueError:
        return sent.strip()
    if at.tzinfo is None:
        return sent.strip()
    return f"{at.timestamp():.6f}"


def cap_message_id(reference: CapReference) -> UUID:
    """The identity under which a message is found again when a later one refers to it."""
    sender, identifier, sent = reference
    return derived_id("cap", sender.strip(), identifier.strip(), instant(sent))
