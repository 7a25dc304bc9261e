"""Closed vocabularies: the words of CAP 1.2 and of this product, each with a single spelling.

CAP words and their meaning: OASIS Common Alerting Protocol 1.2, section 3.2.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

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
Channel = Literal["email", "sms", "push", "letter", "phone"]
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


class ChannelTerms(NamedTuple):
    """Terms of a channel for packages below `alerts.channels`; `alerts.channels.registry` has the rest."""

    label: str
    """Name on the console and in the inbox."""
    noun: str
    """Name within a sentence."""
    point: str
    """Name of a contact point that begins a sentence, as in a refusal."""
    address: Literal["mailbox", "number", "subscription", "postal"]
    """Form of its addresses. subscription: a browser's, as JSON; its endpoint alone identifies it, keys may change."""
    field: str
    """Field of a subscriber's body that gives the address."""
    retries: tuple[float, ...]
    """Default waits between attempts, in seconds."""
    by_hand: bool = False
    """People carry it out: printed letters, calls by volunteers. It is sent when they say so."""
    per_device: bool = False
    """A person may have several contact points of it side by side; of other channels a new address replaces the old."""


CHANNEL_TERMS: dict[Channel, ChannelTerms] = {
    "email": ChannelTerms(
        label="E-mail",
        noun="e-mail",
        point="This e-mail address",
        address="mailbox",
        field="email",
        retries=(15, 60, 300, 900, 3600, 14400, 43200),
    ),
    "sms": ChannelTerms(
        label="Text",
        noun="text message",
        point="This phone number",
        address="number",
        field="phone",
        retries=(5, 30, 120, 600),
    ),
    "push": ChannelTerms(
        label="Push",
        noun="push",
        point="This device",
        address="subscription",
        field="push",
        retries=(5, 30, 300, 3600),
        per_device=True,
    ),
    "letter": ChannelTerms(
        label="Letter",
        noun="letter",
        point="This postal address",
        address="postal",
        field="postal",
        retries=(3600, 86400),
        by_hand=True,
    ),
    "phone": ChannelTerms(
        label="Phone call",
        noun="phone call",
        point="This number for calls",
        address="number",
        field="call",
        retries=(3600, 86400),
        by_hand=True,
    ),
}

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
"""The index of a channel is its number in rows and columns; append only."""
CHANNEL_CODE: dict[Channel, int] = {channel: code for code, channel in enumerate(CHANNELS)}
BY_HAND: frozenset[int] = frozenset(CHANNEL_CODE[name] for name, terms in CHANNEL_TERMS.items() if terms.by_hand)
"""Numbers of the channels that people carry out."""
SIGN_IN_CHANNEL: Channel = "email"
"""Channel of team members: they sign in by e-mail address, and are written to there."""
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
