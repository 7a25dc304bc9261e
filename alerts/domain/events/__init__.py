"""Events of everything but subscribers. Topics are the class names (VOCABULARY); field names are public.

`geometry` fields are AREA as JSON (docs/integrating.md), validated and mended before the decision.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

import msgspec

from alerts.kernel.events import Catalogue, Event
from alerts.kernel.terms import (
    Category,
    Certainty,
    ChangeKind,
    Channel,
    DeliveryState,
    Lane,
    MsgType,
    NoticeKind,
    PolicyAnswer,
    Priority,
    Severity,
    Status,
    Urgency,
)

Json = dict[str, Any]
AreaJson = list[Json]
"""A list of AREA parts (their union): GeoJSON Polygon/MultiPolygon, {"circle": …}, {"place": slug}."""


# --- incidents -------------------------------------------------------------------------------------------------


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


# --- places, topics, segments ------------------------------------------------------------------------------------


class PlaceDefined(Event, frozen=True, kw_only=True):
    """A named area, version 1. `geometry` is GeoJSON Polygon or MultiPolygon."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRevised(Event, frozen=True, kw_only=True):
    """A new version of a place."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRetired(Event, frozen=True, kw_only=True):
    """The place can no longer be chosen."""

    slug: str


class TopicDefined(Event, frozen=True, kw_only=True):
    """A topic was defined, or has a new version."""

    slug: str
    name: dict[str, str]
    categories: tuple[Category, ...] = ()


class TopicRetired(Event, frozen=True, kw_only=True):
    """The topic can no longer be chosen."""

    slug: str


class SegmentDefined(Event, frozen=True, kw_only=True):
    """A named, saved audience rule, version 1."""

    slug: str
    name: str
    rule: Json


class SegmentRevised(Event, frozen=True, kw_only=True):
    """A new version of a segment."""

    slug: str
    name: str
    rule: Json


class SegmentRetired(Event, frozen=True, kw_only=True):
    """The segment can no longer be used."""

    slug: str


# --- service points and changes ---------------------------------------------------------------------------------


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


# --- notices ----------------------------------------------------------------------------------------------------


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content in one language; limits: title 200, body 20,000, sms 612 characters."""

    title: str
    body: str = ""
    instruction: str = ""
    sms: str = ""


class CapOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Identity of the CAP message that a notice came from."""

    sender: str
    identifier: str
    sent: str
    event: dict[str, str] = {}
    """CAP `event` by language."""


class NoticePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a notice that people write and approve. None: taken from the incident or change, or a default.

    A decided event contains the resolved plan: at issue, the rules need nothing else but the current versions of places
    and segments.
    """

    kind: NoticeKind
    content: dict[str, Content] = {}
    incident: UUID | None = None
    service_change: UUID | None = None
    topic: str | None = None
    area: AreaJson | None = None
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"
    category: Category | None = None
    status: Status = "Actual"
    priority: Priority = "notice"
    audience: Json | None = None
    """RULE as JSON; None if no narrowing was given."""
    channels: tuple[Channel, ...] = ("email", "sms", "push", "letter")
    send_at: datetime | None = None
    expires: datetime | None = None
    """None: 24 h after issue for alerts, 30 days for others."""
    cap: CapOrigin | None = None


class NoticeDrafted(Event, frozen=True, kw_only=True):
    """A notice was created. `thread` is the id of the thread's first notice (its own for a new thread)."""

    number: int
    msg_type: MsgType = "Alert"
    thread: UUID
    references: tuple[UUID, ...] = ()
    """The notices it refers to, oldest first; empty for a new thread."""
    plan: NoticePlan
    source: str | None = None


class NoticeRevised(Event, frozen=True, kw_only=True):
    """The plan was replaced as a whole."""

    plan: NoticePlan


class NoticeSubmitted(Event, frozen=True, kw_only=True):
    """The notice was submitted for approval."""


class NoticeReturned(Event, frozen=True, kw_only=True):
    """The notice was returned to its author, with the reason."""

    reason: str


class NoticeRejected(Event, frozen=True, kw_only=True):
    """The notice was rejected for good."""

    reason: str


class NoticeApproved(Event, frozen=True, kw_only=True):
    """The plan was approved. `people` is the count at the approval, None without a second person.

    `hash` covers the words, the rule with segment versions, area, channels and validity. `approver` is `person:{id}` or
    `policy:{name}@{version}`.
    """

    approver: str
    people: int | None
    hash: str


class ApprovalVoided(Event, frozen=True, kw_only=True):
    """The approval was voided by an edit, or by a count that moved by more than 10 % and 50 people."""

    reason: str


class NoticeScheduled(Event, frozen=True, kw_only=True):
    """The notice will be issued at that time."""

    send_at: datetime


class NoticeIssued(Event, frozen=True, kw_only=True):
    """The notice was issued: the audience is computed at this event's position. Contains all that the fan-out needs."""

    number: int
    msg_type: MsgType
    thread: UUID
    references: tuple[UUID, ...] = ()
    plan: NoticePlan
    priority: Priority
    danger_to_life: bool
    expires: datetime
    source: str | None = None


class NoticeSuperseded(Event, frozen=True, kw_only=True):
    """An update replaced the notice."""

    replaced_by: UUID


class NoticeCancelled(Event, frozen=True, kw_only=True):
    """The notice was cancelled: it should not have been sent."""

    replaced_by: UUID
    reason: str = ""


class NoticeCleared(Event, frozen=True, kw_only=True):
    """The danger is over (all-clear)."""

    replaced_by: UUID


class NoticeExpired(Event, frozen=True, kw_only=True):
    """The notice expired."""


# --- dispatch ---------------------------------------------------------------------------------------------------


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """Outcome of one attempt, or of one row that was never sent. No personal data.

    `area` is the slug of the registered place under which statistics count it, if known.
    """

    contact: int
    state: DeliveryState
    channel: Channel
    attempt: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = ""
    language: str = ""
    area: str = ""
    reference: str = ""
    """The provider's own id of the message."""


class DispatchPlanned(Event, frozen=True, kw_only=True):
    """The audience of one notice was frozen."""

    notice: UUID
    number: int
    lane: Lane
    position: int
    """Position of the NoticeIssued it belongs to."""
    people: int
    unreachable: int
    contacts: int
    by_channel: dict[str, int] = {}
    by_language: dict[str, int] = {}
    rule: Json | None = None


class DispatchChunkFinished(Event, frozen=True, kw_only=True):
    """Outcomes of at most 500 deliveries of one notice.

    Its stream id is derived from the claim, so that a retried commit is recognised.
    """

    notice: UUID
    number: int
    outcomes: tuple[Outcome, ...]


class DispatchCompleted(Event, frozen=True, kw_only=True):
    """Every delivery has a final state."""

    notice: UUID
    number: int
    by_state: dict[str, int] = {}


class DispatchRetried(Event, frozen=True, kw_only=True):
    """Deliveries that failed technically were queued again, because the cause has been fixed."""

    notice: UUID
    number: int
    amount: int
    """Number of deliveries."""


class DispatchPaused(Event, frozen=True, kw_only=True):
    """A bulletin was paused for its hard-bounce rate: nothing more is sent until a person resumes it."""

    notice: UUID
    number: int
    bounced: int
    outcomes: int
    """E-mail outcomes at the time."""


class DispatchResumed(Event, frozen=True, kw_only=True):
    """A person resumed a paused dispatch despite the bounces."""

    notice: UUID
    number: int
    reason: str = ""


class DispatchStopped(Event, frozen=True, kw_only=True):
    """Unsent deliveries are cancelled; the thread stays live."""

    notice: UUID
    number: int
    reason: str


# --- sources, triggers, team, keys -------------------------------------------------------------------------------


class PolicyRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule of a policy. The first match applies; an absent clause matches everything."""

    then: PolicyAnswer
    kinds: tuple[NoticeKind, ...] | None = None
    areas: AreaJson | None = None
    """Matches if the notice, or every point of the change, lies wholly inside their union."""
    severities: tuple[Severity, ...] | None = None


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policy of a source or key: the actions it may take by itself."""

    version: int = 1
    default: PolicyAnswer = "draft"
    rules: tuple[PolicyRule, ...] = ()


class SourceConnected(Event, frozen=True, kw_only=True):
    """A webhook integration was connected. The secret is sealed under the source's own key."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    name: str
    kind: Literal["standard-webhook", "cap", "json"]
    policy: Policy
    secret: str | None
    mapping: Json | None = None


class SourceRevised(Event, frozen=True, kw_only=True):
    """The source has another policy or mapping."""

    policy: Policy
    mapping: Json | None = None


class SourceSecretRotated(Event, frozen=True, kw_only=True):
    """The source has a new secret."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    secret: str | None


class SourceDisconnected(Event, frozen=True, kw_only=True):
    """The source's webhooks are refused from now on."""


class TriggerReceived(Event, frozen=True, kw_only=True):
    """A webhook was accepted; its result is part of the event, decided in the same transaction."""

    private: ClassVar[tuple[str, ...]] = ("body",)
    source: str
    kind: str
    """The webhook's type, or CAP's msgType."""
    external_id: str
    state: Literal["recorded", "drafted", "issued", "parked"]
    incident: UUID | None = None
    service_change: UUID | None = None
    notices: tuple[UUID, ...] = ()
    reason: str = ""
    digest: str = ""
    """SHA-256 of the body."""
    body: str = ""
    """Body of a parked trigger, so that a person can decide; else empty."""


class TriggerRejected(Event, frozen=True, kw_only=True):
    """A webhook was refused and recorded: malformed, invalid or oversized. Its stream is the source's rejections."""

    source: str
    status: int
    reason: str
    digest: str = ""


class TeamMemberInvited(Event, frozen=True, kw_only=True):
    """A console user was invited."""

    personal: ClassVar[tuple[str, ...]] = ("email", "name")
    email: str | None
    name: str | None = None
    contact: int
    """Contact point number of the sign-in address, for exercises and tests (RULES 15)."""


class RoleGranted(Event, frozen=True, kw_only=True):
    """A role was granted: viewer < author < approver < admin."""

    role: Literal["viewer", "author", "approver", "admin"]


class RoleRevoked(Event, frozen=True, kw_only=True):
    """The member no longer has a role."""


class ApiKeyIssued(Event, frozen=True, kw_only=True):
    """An API key was issued. Only a hash of its secret is stored."""

    private: ClassVar[tuple[str, ...]] = ("secret_hash",)
    name: str
    scopes: tuple[str, ...]
    policy: Policy
    secret_hash: str
    person: UUID | None = None
    """Team member it was issued for: the identity compared in approvals."""
    rate: float | None = None
    """Limit in requests per second; None for the default."""


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """The API key is refused from now on."""


# --- receipts, bounces, inbound texts ------------------------------------------------------------------------------


class ReceiptReceived(Event, frozen=True, kw_only=True):
    """A provider reported on a message after accepting it. Its stream is the delivery's receipts."""

    number: int
    """Number of the notice."""
    contact: int
    channel: Channel
    provider: str
    status: Literal["delivered", "failed"]
    was: DeliveryState
    """State of the delivery before the receipt."""
    state: DeliveryState
    """State of the delivery after it; the same if the receipt changed nothing."""
    reason: str = ""
    at: datetime | None = None
    """Time by the provider's clock."""
    reference: str = ""
    """The provider's own id of the message."""
    language: str = ""
    area: str = ""


class ContactPointBounced(Event, frozen=True, kw_only=True):
    """A message bounced, or its reader complained. Its stream is the delivery's receipts."""

    contact: int
    number: int | None = None
    """Number of the notice, if the report identifies the message."""
    kind: Literal["hard", "soft", "complaint"]
    provider: str = "smtp"
    reason: str = ""
    external_id: str = ""
    """Idempotency key of the report; "" if it has none."""


class InboundTextReceived(Event, frozen=True, kw_only=True):
    """A text message was received. Of its content only the recognised keyword is stored."""

    provider: str
    word: Literal["stop", "start", "help", "other"]
    contact: int | None = None
    """Contact point with the sender's number, if known."""
    external_id: str = ""
    at: datetime | None = None
    """Time of writing, by the provider's clock."""


# --- newsletters ------------------------------------------------------------------------------------------------


class NewsletterSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Schedule of the issues: an RFC 5545 RRULE of days, a local time `HH:MM` of an IANA zone."""

    rrule: str
    at: str
    timezone: str


class NewsletterStarted(Event, frozen=True, kw_only=True):
    """A newsletter was started; subscribed to as topic `newsletter/<slug>`."""

    slug: str
    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterScheduleSet(Event, frozen=True, kw_only=True):
    """The newsletter has another name, schedule (None: no fixed times) or sections."""

    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterEnded(Event, frozen=True, kw_only=True):
    """The newsletter has ended; there are no further issues."""

    reason: str = ""


# --- webhooks out -----------------------------------------------------------------------------------------------


class WebhookAdded(Event, frozen=True, kw_only=True):
    """An outgoing webhook was added; events after `after` are posted to it, signed.

    The secret is sealed under the webhook's own key.
    """

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    private: ClassVar[tuple[str, ...]] = ("url",)
    url: str
    events: tuple[str, ...]
    """Event topics, or `*`."""
    area: AreaJson | None = None
    secret: str | None
    key: UUID
    """The API key that added it."""
    person: UUID | None = None
    """Team member that the key was issued for; notified if the webhook fails for days."""
    after: int = 0
    """Log position after which it begins."""


class WebhookReplayed(Event, frozen=True, kw_only=True):
    """Events after a position are posted again; this also re-enables the webhook."""

    after: int


class WebhookDisabled(Event, frozen=True, kw_only=True):
    """The webhook failed for days and is disabled until it is replayed."""

    reason: str
    at_position: int


class WebhookRemoved(Event, frozen=True, kw_only=True):
    """The webhook was removed; nothing more is posted to it."""


# --- due items, imports -----------------------------------------------------------------------------------------


class ImportStarted(Event, frozen=True, kw_only=True):
    """An import of a file of subscribers began; `digest` is its SHA-256, by which a resumed import is recognised."""

    digest: str
    rows: int


class ImportRowRefused(Event, frozen=True, kw_only=True):
    """A row was refused. Only its line, field and reason are stored, no address."""

    line: int
    field: str
    reason: str


class ImportFinished(Event, frozen=True, kw_only=True):
    """The import ended."""

    taken: int
    refused: int
    known: int = 0
    """Subscribers that existed already and were left unchanged."""


CATALOGUE = Catalogue.of(
    IncidentReported,
    IncidentConfirmed,
    IncidentSeverityRevised,
    IncidentAreaRevised,
    IncidentResolved,
    IncidentDismissed,
    PlaceDefined,
    PlaceRevised,
    PlaceRetired,
    TopicDefined,
    TopicRetired,
    SegmentDefined,
    SegmentRevised,
    SegmentRetired,
    ServicePointOpened,
    ServicePointHoursSet,
    ServicePointMoved,
    ServicePointClosed,
    ServiceChangeAnnounced,
    ServiceChangeRevised,
    ServiceChangeTookEffect,
    ServiceChangeWithdrawn,
    NoticeDrafted,
    NoticeRevised,
    NoticeSubmitted,
    NoticeReturned,
    NoticeRejected,
    NoticeApproved,
    ApprovalVoided,
    NoticeScheduled,
    NoticeIssued,
    NoticeSuperseded,
    NoticeCancelled,
    NoticeCleared,
    NoticeExpired,
    DispatchPlanned,
    DispatchChunkFinished,
    DispatchCompleted,
    DispatchRetried,
    DispatchPaused,
    DispatchResumed,
    DispatchStopped,
    SourceConnected,
    SourceRevised,
    SourceSecretRotated,
    SourceDisconnected,
    TriggerReceived,
    TriggerRejected,
    TeamMemberInvited,
    RoleGranted,
    RoleRevoked,
    ApiKeyIssued,
    ApiKeyRevoked,
    ReceiptReceived,
    ContactPointBounced,
    InboundTextReceived,
    NewsletterStarted,
    NewsletterScheduleSet,
    NewsletterEnded,
    WebhookAdded,
    WebhookReplayed,
    WebhookDisabled,
    WebhookRemoved,
    ImportStarted,
    ImportRowRefused,
    ImportFinished,
)
