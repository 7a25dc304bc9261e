"""Events of notices, and the plan that they carry."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain.events.types import AreaJson, Json
from alerts.kernel.events import Event
from alerts.kernel.terms import (
    Category,
    Certainty,
    Channel,
    MsgType,
    NoticeKind,
    Priority,
    Severity,
    Status,
    Urgency,
)


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


class TemplateUse(msgspec.Struct, frozen=True, kw_only=True):
    """Message template that a notice was written from, and which of its published versions (1, 2, …)."""

    slug: str
    number: int


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
    """Absent in an event: the channels that there were at first. New plans name theirs."""
    send_at: datetime | None = None
    expires: datetime | None = None
    """None: 24 h after issue for alerts, 30 days for others."""
    cap: CapOrigin | None = None
    template: TemplateUse | None = None
    organisation: str | None = None
    """Organisation in whose name it goes out; None for the service itself."""


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
    """The notice was submitted for approval.

    `note`: a word for the approver. `let_stand`: warnings of the guide that the author let stand, such as `where-pl`.
    """

    note: str = ""
    let_stand: tuple[str, ...] = ()


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


ENDINGS: tuple[type[Event], ...] = (NoticeSuperseded, NoticeCancelled, NoticeCleared, NoticeExpired)
"""After these a notice is not sent any more."""

EVENTS: tuple[type[Event], ...] = (
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
)
