"""Command results: small frozen structs, stored under an idempotency key and returned again unchanged."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from alerts.kernel.terms import Channel, NoticePhase


class Result(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all results. `position`: the log position from which a read model includes the change."""

    id: UUID
    version: int
    position: int = 0


class Saved(Result, frozen=True, kw_only=True):
    """Result for an incident, service point, service change, place, topic or segment."""

    created: bool = False
    """False if it existed already (identical, or revised)."""
    notice: UUID | None = None
    """Latest notice about it that the policy produced."""


class NoticeSaved(Result, frozen=True, kw_only=True):
    """Result for a notice."""

    number: int
    thread: UUID
    state: NoticePhase
    dispatch: bool = False
    """True if it has just been issued."""
    reason: str = ""
    """Reason for which its approval was voided instead."""


class ContactSaved(msgspec.Struct, frozen=True, kw_only=True):
    """A contact point in a result."""

    number: int
    channel: Channel
    state: Literal["unverified", "verified", "removed"]


class SubscriberSaved(Result, frozen=True, kw_only=True):
    """Result for a subscriber."""

    state: Literal["requested", "confirmed", "lapsed", "ended", "erased"]
    contacts: tuple[ContactSaved, ...]
    created: bool = False
    repeated: bool = False
    """True for an erasure that was done before."""


class SourceSaved(Result, frozen=True, kw_only=True):
    """Result for a source; its secret is returned once."""

    name: str
    secret: str | None = None


class KeySaved(Result, frozen=True, kw_only=True):
    """Result for an API key; its secret is returned once."""

    secret: str | None = None


class MemberSaved(Result, frozen=True, kw_only=True):
    """Result for a team member."""

    created: bool = False


class TriggerSaved(Result, frozen=True, kw_only=True):
    """Result for an inbound webhook."""

    state: Literal["recorded", "drafted", "issued", "parked"]
    incident: UUID | None = None
    service_change: UUID | None = None
    notices: tuple[UUID, ...] = ()
    reason: str = ""
    created: bool = False
    """False for a repeat; this is the first result."""


class CodeTried(Result, frozen=True, kw_only=True):
    """Result of a confirmation code."""

    confirmed: bool
    left: int = 0
    """Tries that are left."""


AnyResult = Saved | NoticeSaved | SubscriberSaved | CodeTried | SourceSaved | KeySaved | MemberSaved | TriggerSaved
