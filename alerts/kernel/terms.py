"""Closed vocabularies: the words of CAP 1.2 and of this product, each with a single spelling.

CAP words and their meaning: OASIS Common Alerting Protocol 1.2, section 3.2.
"""

from __future__ import annotations

from typing import Literal, get_args

Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]
Status = Literal["Actual", "Exercise", "Test"]
MsgType = Literal["Alert", "Update", "Cancel", "AllClear"]
"""Type of a notice within its thread. In CAP an all-clear is an Update with responseType AllClear."""

NoticeKind = Literal["alert", "service-change", "announcement", "bulletin"]
Priority = Literal["emergency", "notice", "bulletin"]
Lane = Literal["emergency", "transactional", "notice", "bulletin"]
Channel = Literal["email", "sms", "push", "letter"]
Frequency = Literal["immediate", "daily", "weekly"]
ChangeKind = Literal["closure", "hours", "move", "visit", "opening"]
PolicyAnswer = Literal["record", "draft", "issue"]
NoticePhase = Literal[
    "draft",
    "pending-approval",
    "returned",
    "rejected",
    "approved",
    "scheduled",
    "live",
    "superseded",
    "cancelled",
    "expired",
    "cleared",
]
DeliveryState = Literal[
    "queued",
    "held",
    "sending",
    "sent",
    "delivered",
    "deferred",
    "failed-permanent",
    "failed-technical",
    "expired",
    "suppressed",
    "superseded",
    "cancelled",
]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
LANES: tuple[Lane, ...] = get_args(Lane)
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
"""The index of a state is its number in the delivery rows; append only."""
FINAL_STATES: frozenset[DeliveryState] = frozenset(
    ("sent", "delivered", "failed-permanent", "failed-technical", "expired", "suppressed", "superseded", "cancelled")
)

SEVERITY_RANK: dict[Severity, int] = {"Minor": 0, "Moderate": 1, "Unknown": 1, "Severe": 2, "Extreme": 3}
"""Minor < Moderate = Unknown < Severe < Extreme (no severity is Unknown; a person without floor has Minor)."""

NEWSLETTER_PREFIX = "newsletter/"
SERVICE_CHANGES_TOPIC = "service-changes"

BUILT_IN_TOPICS: dict[str, tuple[Category, ...]] = {
    "safety": ("Safety", "Security", "Rescue", "Fire", "CBRNE", "Other"),
    "weather": ("Met", "Geo", "Env"),
    "health": ("Health",),
    "transport": ("Transport",),
    "utilities": ("Infra",),
    "service-changes": (),
    "crime-prevention": (),
    "community": (),
}
"""Topics defined from the start, with the CAP categories mapped to them by default."""
