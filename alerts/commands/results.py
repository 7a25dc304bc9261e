"""What commands answer: small frozen structs, which an idempotency key keeps and gives again as they were."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from alerts.kernel.terms import Channel, NoticePhase


class Result(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """`position`: the log position at which the answer is true (a read model there has seen it)."""

    id: UUID
    version: int
    position: int = 0


class Saved(Result, frozen=True, kw_only=True):
    """An incident, service point, service change, place, topic or segment."""

    created: bool = False
    """False: it was there already (identical, or revised)."""
    notice: UUID | None = None
    """What the policy made of it: the latest notice about it."""


class NoticeSaved(Result, frozen=True, kw_only=True):
    """A notice."""

    number: int
    thread: UUID
    state: NoticePhase
    dispatch: bool = False
    """It has just been issued."""


class ContactSaved(msgspec.Struct, frozen=True, kw_only=True):
    """One contact point."""

    number: int
    channel: Channel
    state: Literal["unverified", "verified", "removed"]


class SubscriberSaved(Result, frozen=True, kw_only=True):
    """A subscriber."""

    state: Literal["requested", "confirmed", "lapsed", "ended", "erased"]
    contacts: tuple[ContactSaved, ...]
    created: bool = False


class SourceSaved(Result, frozen=True, kw_only=True):
    """A source; its secret is told once."""

    name: str
    secret: str | None = None


class KeySaved(Result, frozen=True, kw_only=True):
    """An API key; its secret is told once."""

    secret: str | None = None


class MemberSaved(Result, frozen=True, kw_only=True):
    """A person of the console."""

    created: bool = False


class TriggerSaved(Result, frozen=True, kw_only=True):
    """What became of a webhook."""

    state: Literal["recorded", "drafted", "issued", "parked"]
    incident: UUID | None = None
    service_change: UUID | None = None
    notices: tuple[UUID, ...] = ()
    reason: str = ""
    created: bool = False
    """False: it came before; this is the first answer."""


AnyResult = Saved | NoticeSaved | SubscriberSaved | SourceSaved | KeySaved | MemberSaved | TriggerSaved
