"""Request bodies as fixed by CONTRACT: those of the API, and the `data` of a Standard Webhook.

Unknown fields are refused by name, wrong types by path (msgspec). The commands validate the meaning beyond the type.
`AREA` and `RULE` stay raw here and are parsed by `kernel.geometry` and `kernel.rules`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from alerts.kernel.terms import (
    Category,
    Certainty,
    ChangeKind,
    Channel,
    Frequency,
    NoticeKind,
    Priority,
    Severity,
    Status,
    Urgency,
)

Json = dict[str, Any]
Area = Json | list[Json]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body."""


class IncidentBody(Body, frozen=True, kw_only=True):
    """POST /incidents, `incident.reported`."""

    headline: str
    description: str = ""
    language: str | None = None
    category: Category = "Other"
    urgency: Urgency = "Unknown"
    severity: Severity = "Unknown"
    certainty: Certainty = "Unknown"
    topic: str | None = None
    area: Area | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    source_ref: str | None = None


class ContentBody(Body, frozen=True, kw_only=True):
    """Content in one language."""

    title: str
    body: str = ""
    instruction: str = ""
    sms: str = ""


class ResolveBody(Body, frozen=True, kw_only=True):
    """POST /incidents/{id}/resolve, `incident.resolved`."""

    source_ref: str | None = None
    all_clear: dict[str, ContentBody] | None = None


class AnswerBody(Body, frozen=True, kw_only=True):
    """POST /reports/{id}/answer."""

    words: str


class PrintBatchBody(Body, frozen=True, kw_only=True):
    """POST /print-batches."""

    channel: Literal["letter", "phone"]


class MarkBody(Body, frozen=True, kw_only=True):
    """POST /print-batches/{id}/mark: delivery ids, absent for all of the batch."""

    deliveries: tuple[str, ...] | None = None
    outcome: Literal["sent", "failed"] = "sent"
    reason: str = ""


class DismissBody(Body, frozen=True, kw_only=True):
    """POST /reports/{id}/dismiss."""

    reason: str


class PlaceBody(Body, frozen=True, kw_only=True):
    """POST /places."""

    slug: str
    name: dict[str, str]
    area: Area


class TopicBody(Body, frozen=True, kw_only=True):
    """POST /topics."""

    slug: str
    name: dict[str, str]
    categories: tuple[Category, ...] = ()


class SegmentBody(Body, frozen=True, kw_only=True):
    """POST /segments."""

    slug: str
    name: str
    rule: Json


class OrganisationBody(Body, frozen=True, kw_only=True):
    """An issuing organisation. `areas` (AREA) and `kinds` limit its notices; absent: no limit."""

    slug: str
    name: dict[str, str]
    sender_name: str
    consent: dict[str, str] = {}
    areas: Area | None = None
    kinds: tuple[NoticeKind, ...] | None = None


class NewsletterScheduleBody(Body, frozen=True, kw_only=True):
    """Schedule of a newsletter's issues: days by RFC 5545, a local time HH:MM of a zone (default: the instance's)."""

    rrule: str
    at: str
    timezone: str | None = None


class NewsletterBody(Body, frozen=True, kw_only=True):
    """POST /newsletters; PATCH takes a merge patch of the same shape without `slug`.

    `organisation`: in whose name the issues go out; absent: the only one that the caller writes for, else the service.
    """

    slug: str
    name: str
    schedule: NewsletterScheduleBody | None = None
    sections: tuple[str, ...] = ()
    organisation: str | None = None


class BulletinBody(Body, frozen=True, kw_only=True):
    """POST /newsletters/{id}/bulletins: an issue; without `send_at` it is sent at the schedule's next time."""

    content: dict[str, ContentBody]
    send_at: datetime | None = None


class VisitBody(Body, frozen=True, kw_only=True):
    """Visit of a mobile unit at this point."""

    dtstart: datetime
    minutes: int
    rrule: str | None = None


class ServicePointBody(Body, frozen=True, kw_only=True):
    """POST /service-points."""

    kind: str
    name: str
    lat: float
    lon: float
    address: str = ""
    opening_hours: str | None = None
    visits: tuple[VisitBody, ...] = ()
    reach_km: float = 3.0
    source_ref: str | None = None


class ChangeAfterBody(Body, frozen=True, kw_only=True):
    """State of one service point after a change."""

    opening_hours: str | None = None
    lat: float | None = None
    lon: float | None = None
    address: str | None = None
    visits: tuple[VisitBody, ...] = ()


class PointRef(Body, frozen=True, kw_only=True):
    """Reference to a service point by the same source's own `source_ref`."""

    source_ref: str


class ServiceChangeBody(Body, frozen=True, kw_only=True):
    """POST /service-changes, `service-change.announced`."""

    headline: str
    description: str = ""
    language: str | None = None
    kind: ChangeKind
    service_points: tuple[UUID | PointRef, ...]
    effective: datetime
    until: datetime | None = None
    after: dict[str, ChangeAfterBody] = {}
    """Keyed by service point id, or by the source's own reference."""
    topic: str | None = None
    source_ref: str | None = None


class NoticeBody(Body, frozen=True, kw_only=True):
    """POST /notices, …/update, /audience, `notice.requested`. What is absent comes from the incident or change."""

    kind: NoticeKind
    incident: UUID | None = None
    service_change: UUID | None = None
    topic: str | None = None
    area: Area | None = None
    urgency: Urgency | None = None
    severity: Severity | None = None
    certainty: Certainty | None = None
    status: Status = "Actual"
    priority: Priority | None = None
    audience: Json | None = None
    channels: tuple[Channel, ...] | None = None
    content: dict[str, ContentBody] | None = None
    send_at: datetime | None = None
    expires: datetime | None = None
    organisation: str | None = None
    """Organisation in whose name it goes out; absent: the caller's own, else the service itself."""


class ReasonBody(Body, frozen=True, kw_only=True):
    """return, reject, stop."""

    reason: str


class ResumeBody(Body, frozen=True, kw_only=True):
    """resume; it may be left out."""

    reason: str = ""


class ApproveBody(Body, frozen=True, kw_only=True):
    """Version and people as shown by GET /notices/{id}."""

    version: int
    people: int


class ScheduleBody(Body, frozen=True, kw_only=True):
    """schedule."""

    send_at: datetime


class CancelBody(Body, frozen=True, kw_only=True):
    """cancel."""

    reason: str
    content: dict[str, ContentBody] | None = None


class AllClearBody(Body, frozen=True, kw_only=True):
    """all-clear."""

    content: dict[str, ContentBody] | None = None


class EmptyBody(Body, frozen=True, kw_only=True):
    """submit, issue."""


class PushKeys(Body, frozen=True, kw_only=True):
    """A browser's keys."""

    p256dh: str
    auth: str


class PushBody(Body, frozen=True, kw_only=True):
    """A browser's push subscription."""

    endpoint: str
    keys: PushKeys


class PostalBody(Body, frozen=True, kw_only=True):
    """A letter's address."""

    name: str
    lines: tuple[str, ...]


class SubscriberPlaceBody(Body, frozen=True, kw_only=True):
    """Exactly one of lat+lon, place, postcode, area."""

    lat: float | None = None
    lon: float | None = None
    radius_km: float | None = None
    name: str = ""
    place: str | None = None
    postcode: str | None = None
    area: Area | None = None


class QuietHoursBody(Body, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Local times HH:MM."""

    start: str
    end: str
    wake_for: Literal["danger", "emergency"] = "danger"


class ConsentBody(Body, frozen=True, kw_only=True):
    """Consent of a person: the wording, the time and the means."""

    wording: str
    given_at: datetime
    how: str


class SubscriberBody(Body, frozen=True, kw_only=True):
    """POST /subscribers; PATCH takes a merge patch of the same shape plus `paused_until`."""

    email: str | None = None
    phone: str | None = None
    push: PushBody | None = None
    postal: PostalBody | None = None
    call: str | None = None
    """Number that volunteers call to read a notice out; a landline will do."""
    relay: bool = False
    """True for somebody who passes messages on to others, who get words for that."""
    places: tuple[SubscriberPlaceBody, ...] = ()
    topics: tuple[str, ...] = ()
    severity_at_least: Severity | None = None
    channels: tuple[Channel, ...] | None = None
    language: str | None = None
    timezone: str | None = None
    frequency: Frequency = "immediate"
    quiet_hours: QuietHoursBody | None = None
    danger_to_life: bool = True
    tester: bool = False
    discreet: bool = False
    confirmed: bool = False
    consent: ConsentBody | None = None


class MemberBody(Body, frozen=True, kw_only=True):
    """POST /team. `areas` (AREA) and `kinds` limit what the role is for; absent: no limit."""

    email: str
    role: Literal["viewer", "author", "approver", "admin"]
    name: str = ""
    areas: Area | None = None
    kinds: tuple[NoticeKind, ...] | None = None
    organisations: tuple[str, ...] | None = None
    """Organisations in whose names they write and approve; absent: no limit."""


class WebhookBody(Body, frozen=True, kw_only=True):
    """POST /webhooks. `events`: event types, or `*`."""

    url: str
    events: tuple[str, ...]
    area: Area | None = None


TRIGGER_BODIES: dict[str, type[IncidentBody | ResolveBody | ServiceChangeBody | NoticeBody]] = {
    "incident.reported": IncidentBody,
    "incident.resolved": ResolveBody,
    "service-change.announced": ServiceChangeBody,
    "notice.requested": NoticeBody,
}
"""Webhook type → type of its `data`: the API's own bodies."""
