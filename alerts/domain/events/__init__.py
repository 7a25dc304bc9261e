"""What can happen to everything but subscribers. Topics are the class names (VOCABULARY); fields are public words.

`geometry` fields are AREA as JSON (docs/integrating.md), validated and mended before the event was decided.
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
    """What is known of an incident."""

    headline: dict[str, str]
    """By language tag, the first one the reporter's own."""
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
    """Something happened or is happening."""

    facts: IncidentFacts
    source: str


class IncidentConfirmed(Event, frozen=True, kw_only=True):
    """A person vouches for it."""


class IncidentSeverityRevised(Event, frozen=True, kw_only=True):
    """The same source said it again with other facts (any but the area alone)."""

    facts: IncidentFacts


class IncidentAreaRevised(Event, frozen=True, kw_only=True):
    """The same source said it again for another area."""

    facts: IncidentFacts


class IncidentResolved(Event, frozen=True, kw_only=True):
    """It is over."""

    reason: str = ""


class IncidentDismissed(Event, frozen=True, kw_only=True):
    """It should not have been reported."""

    reason: str


# --- places, topics, segments ------------------------------------------------------------------------------------


class PlaceDefined(Event, frozen=True, kw_only=True):
    """A named area, version 1. `geometry` is GeoJSON Polygon or MultiPolygon."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRevised(Event, frozen=True, kw_only=True):
    """The same slug, its next version."""

    slug: str
    name: dict[str, str]
    geometry: Json


class PlaceRetired(Event, frozen=True, kw_only=True):
    """No longer to be chosen."""

    slug: str


class TopicDefined(Event, frozen=True, kw_only=True):
    """A subject people may choose; again for its next version."""

    slug: str
    name: dict[str, str]
    categories: tuple[Category, ...] = ()


class TopicRetired(Event, frozen=True, kw_only=True):
    """No longer to be chosen."""

    slug: str


class SegmentDefined(Event, frozen=True, kw_only=True):
    """A named, saved audience rule, version 1."""

    slug: str
    name: str
    rule: Json


class SegmentRevised(Event, frozen=True, kw_only=True):
    """Its next version."""

    slug: str
    name: str
    rule: Json


class SegmentRetired(Event, frozen=True, kw_only=True):
    """No longer to be used."""

    slug: str


# --- service points and changes ---------------------------------------------------------------------------------


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a mobile unit stands here: a first start, a length, an RFC 5545 RRULE for the rest."""

    dtstart: datetime
    minutes: int
    rrule: str | None = None


class PointFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place people go to for a service."""

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
    """It is there."""

    facts: PointFacts
    source: str


class ServicePointHoursSet(Event, frozen=True, kw_only=True):
    """Anything but its position is other than before: hours, name, address, visits."""

    facts: PointFacts


class ServicePointMoved(Event, frozen=True, kw_only=True):
    """It stands elsewhere now."""

    facts: PointFacts


class ServicePointClosed(Event, frozen=True, kw_only=True):
    """It is no longer there."""

    reason: str = ""


class ChangeAfter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one point is after the change, as far as it says so."""

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
    """By service point id (text)."""
    topic: str | None = None
    source_ref: str | None = None


class ServiceChangeAnnounced(Event, frozen=True, kw_only=True):
    """It will be so."""

    facts: ChangeFacts
    source: str


class ServiceChangeRevised(Event, frozen=True, kw_only=True):
    """The same source said it again, otherwise."""

    facts: ChangeFacts


class ServiceChangeTookEffect(Event, frozen=True, kw_only=True):
    """Its time has come."""


class ServiceChangeWithdrawn(Event, frozen=True, kw_only=True):
    """It will not be so."""

    reason: str = ""


# --- notices ----------------------------------------------------------------------------------------------------


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One language's words; limits: title 200, body 20,000, sms 612 characters."""

    title: str
    body: str = ""
    instruction: str = ""
    sms: str = ""


class CapOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a notice came from, when it came as CAP."""

    sender: str
    identifier: str
    sent: str
    event: dict[str, str] = {}
    """The CAP `event` by language."""


class NoticePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a notice that people write and approve. None: to come from the incident or change, or a default.

    A decided event holds the resolved plan: nothing that the rules need at issue is left to be looked up elsewhere,
    but for the places' and segments' current versions.
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
    """RULE as JSON; None means no narrowing was given."""
    channels: tuple[Channel, ...] = ("email", "sms", "push", "letter")
    send_at: datetime | None = None
    expires: datetime | None = None
    """None: 24 h after issue for alerts, 30 days for others."""
    cap: CapOrigin | None = None


class NoticeDrafted(Event, frozen=True, kw_only=True):
    """A notice begins. `thread` is the id of the thread's first notice (its own for a new thread)."""

    number: int
    msg_type: MsgType = "Alert"
    thread: UUID
    references: tuple[UUID, ...] = ()
    """The notices it refers back to, oldest first; empty for a new thread."""
    plan: NoticePlan
    source: str | None = None


class NoticeRevised(Event, frozen=True, kw_only=True):
    """The plan as a whole, as it stands from now on."""

    plan: NoticePlan


class NoticeSubmitted(Event, frozen=True, kw_only=True):
    """Given to an approver."""


class NoticeReturned(Event, frozen=True, kw_only=True):
    """Back to its author, with the reason."""

    reason: str


class NoticeRejected(Event, frozen=True, kw_only=True):
    """Never to be sent."""

    reason: str


class NoticeApproved(Event, frozen=True, kw_only=True):
    """Approved as bound by `hash`: words, rule with segment versions, area, channels, validity; and the count seen.

    `approver` is `person:{id}` or `policy:{name}@{version}`.
    """

    approver: str
    people: int | None
    hash: str


class ApprovalVoided(Event, frozen=True, kw_only=True):
    """An edit, or a count that moved by more than 10 % and 50 people."""

    reason: str


class NoticeScheduled(Event, frozen=True, kw_only=True):
    """To be issued at that time."""

    send_at: datetime


class NoticeIssued(Event, frozen=True, kw_only=True):
    """It is out: the audience is computed at this event's position. Carries all that the fan-out needs."""

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
    """An update took its place."""

    replaced_by: UUID


class NoticeCancelled(Event, frozen=True, kw_only=True):
    """It should not have stood."""

    replaced_by: UUID
    reason: str = ""


class NoticeCleared(Event, frozen=True, kw_only=True):
    """The danger is over."""

    replaced_by: UUID


class NoticeExpired(Event, frozen=True, kw_only=True):
    """Its time ran out."""


# --- dispatch ---------------------------------------------------------------------------------------------------


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """What became of one attempt, or of one row that never left. Nothing personal.

    `area` is the slug of the registered place that statistics count it under, where known.
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
    """The audience of one notice, frozen."""

    notice: UUID
    number: int
    lane: Lane
    position: int
    """Of the NoticeIssued that it belongs to."""
    people: int
    unreachable: int
    contacts: int
    by_channel: dict[str, int] = {}
    by_language: dict[str, int] = {}
    rule: Json | None = None


class DispatchChunkFinished(Event, frozen=True, kw_only=True):
    """Outcomes of at most 500 deliveries of one notice. Its stream is the claim's, so that a retry is recognised."""

    notice: UUID
    number: int
    outcomes: tuple[Outcome, ...]


class DispatchCompleted(Event, frozen=True, kw_only=True):
    """Every delivery has a final state."""

    notice: UUID
    number: int
    by_state: dict[str, int] = {}


class DispatchRetried(Event, frozen=True, kw_only=True):
    """What had failed for technical reasons is queued again: somebody has mended what was wrong."""

    notice: UUID
    number: int
    amount: int
    """Deliveries."""


class DispatchPaused(Event, frozen=True, kw_only=True):
    """Too many addresses of a bulletin refused it for good: nothing more leaves until a person says so."""

    notice: UUID
    number: int
    bounced: int
    outcomes: int
    """Of e-mail, at the time."""


class DispatchResumed(Event, frozen=True, kw_only=True):
    """A person lets a paused dispatch go on, bounces or not."""

    notice: UUID
    number: int
    reason: str = ""


class DispatchStopped(Event, frozen=True, kw_only=True):
    """What has not left is cancelled; the thread stays live."""

    notice: UUID
    number: int
    reason: str


# --- sources, triggers, team, keys -------------------------------------------------------------------------------


class PolicyRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """First match wins; an absent clause holds for all."""

    then: PolicyAnswer
    kinds: tuple[NoticeKind, ...] | None = None
    areas: AreaJson | None = None
    """The notice, or every point of the change, lies wholly inside their union."""
    severities: tuple[Severity, ...] | None = None


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source or key may do by itself."""

    version: int = 1
    default: PolicyAnswer = "draft"
    rules: tuple[PolicyRule, ...] = ()


class SourceConnected(Event, frozen=True, kw_only=True):
    """A webhook integration. The secret is sealed under the source's own key."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    name: str
    kind: Literal["standard-webhook", "cap", "json"]
    policy: Policy
    secret: str | None
    mapping: Json | None = None


class SourceRevised(Event, frozen=True, kw_only=True):
    """Another policy or mapping."""

    policy: Policy
    mapping: Json | None = None


class SourceSecretRotated(Event, frozen=True, kw_only=True):
    """A new secret."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    secret: str | None


class SourceDisconnected(Event, frozen=True, kw_only=True):
    """Its webhooks are refused from now on."""


class TriggerReceived(Event, frozen=True, kw_only=True):
    """A webhook was taken; what became of it stands here too, decided in the same transaction."""

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
    """The body of a parked trigger, so that a person can decide on it; else empty."""


class TriggerRejected(Event, frozen=True, kw_only=True):
    """A webhook was refused and recorded: malformed, invalid or oversized. Its stream is the source's rejections."""

    source: str
    status: int
    reason: str
    digest: str = ""


class TeamMemberInvited(Event, frozen=True, kw_only=True):
    """A person of the console."""

    personal: ClassVar[tuple[str, ...]] = ("email", "name")
    email: str | None
    name: str | None = None
    contact: int
    """Contact point number of the sign-in address, for exercises and tests (RULES 15)."""


class RoleGranted(Event, frozen=True, kw_only=True):
    """viewer < author < approver < admin."""

    role: Literal["viewer", "author", "approver", "admin"]


class RoleRevoked(Event, frozen=True, kw_only=True):
    """No role any more."""


class ApiKeyIssued(Event, frozen=True, kw_only=True):
    """A key for programs. Only a hash of its secret is kept."""

    private: ClassVar[tuple[str, ...]] = ("secret_hash",)
    name: str
    scopes: tuple[str, ...]
    policy: Policy
    secret_hash: str
    person: UUID | None = None
    """The team member it was issued for: the one who is compared in approvals."""
    rate: float | None = None
    """Requests a second it may make; None: what every key may."""


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """Refused from now on."""


# --- receipts, bounces, texts that came in -----------------------------------------------------------------------


class ReceiptReceived(Event, frozen=True, kw_only=True):
    """A provider says what became of a message after it took it. Its stream is the delivery's receipts."""

    number: int
    """The notice's."""
    contact: int
    channel: Channel
    provider: str
    status: Literal["delivered", "failed"]
    was: DeliveryState
    """The delivery's state before."""
    state: DeliveryState
    """Its state since: the same as before if the receipt changed nothing."""
    reason: str = ""
    at: datetime | None = None
    """When, by the provider's clock."""
    reference: str = ""
    """The provider's own id of the message."""
    language: str = ""
    area: str = ""


class ContactPointBounced(Event, frozen=True, kw_only=True):
    """A message came back, or its reader complained. Its stream is the delivery's receipts."""

    contact: int
    number: int | None = None
    """The notice's, where the report names the message."""
    kind: Literal["hard", "soft", "complaint"]
    provider: str = "smtp"
    reason: str = ""
    external_id: str = ""
    """By which the same report is recognised; "" if it has none."""


class InboundTextReceived(Event, frozen=True, kw_only=True):
    """Somebody texted us. What they wrote is not kept but for the word that we act on."""

    provider: str
    word: Literal["stop", "start", "help", "other"]
    contact: int | None = None
    """The contact point whose number it came from, where we know one."""
    external_id: str = ""
    at: datetime | None = None
    """When it was written, by the provider's clock."""


# --- newsletters ------------------------------------------------------------------------------------------------


class NewsletterSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """When issues are due: an RFC 5545 RRULE of days, a local time `HH:MM` of an IANA zone."""

    rrule: str
    at: str
    timezone: str


class NewsletterStarted(Event, frozen=True, kw_only=True):
    """A series; subscribed to as topic `newsletter/<slug>`."""

    slug: str
    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterScheduleSet(Event, frozen=True, kw_only=True):
    """The series as it stands from now on: name, schedule (None: no fixed times), sections."""

    name: str
    schedule: NewsletterSchedule | None = None
    sections: tuple[str, ...] = ()


class NewsletterEnded(Event, frozen=True, kw_only=True):
    """No further issues."""

    reason: str = ""


# --- webhooks out -----------------------------------------------------------------------------------------------


class WebhookAdded(Event, frozen=True, kw_only=True):
    """Events are posted to a program from here on, signed. The secret is sealed under the webhook's own key."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    private: ClassVar[tuple[str, ...]] = ("url",)
    url: str
    events: tuple[str, ...]
    """Topics, or `*`."""
    area: AreaJson | None = None
    secret: str | None
    key: UUID
    """The API key that added it."""
    person: UUID | None = None
    """The team member whom that key was issued for: who is told if it fails for days."""
    after: int = 0
    """The log position behind which it begins."""


class WebhookReplayed(Event, frozen=True, kw_only=True):
    """Its events are sent again from behind a position; that switches it on again too."""

    after: int


class WebhookDisabled(Event, frozen=True, kw_only=True):
    """It failed for days: nothing more is posted until somebody replays it."""

    reason: str
    at_position: int


class WebhookRemoved(Event, frozen=True, kw_only=True):
    """Nothing more is posted to it."""


# --- due items, imports -----------------------------------------------------------------------------------------


class ImportStarted(Event, frozen=True, kw_only=True):
    """A file of subscribers; `digest` is its SHA-256, by which a resumed import knows itself."""

    digest: str
    rows: int


class ImportRowRefused(Event, frozen=True, kw_only=True):
    """One row that could not be taken: no address is kept, only where and why."""

    line: int
    field: str
    reason: str


class ImportFinished(Event, frozen=True, kw_only=True):
    """How it ended."""

    taken: int
    refused: int
    known: int = 0
    """Who was there already, and was left as they are."""


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
