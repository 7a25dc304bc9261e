"""A person (or group, or integration) who asked to be told. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from alerts.domain.words.terms import Channel
from subscribers.domain.events import Consent, Preferences


class ContactState(msgspec.Struct, frozen=True, kw_only=True):
    """One contact point. It is sent to only when `state` is verified and nothing suppresses it."""

    number: int
    channel: Channel
    address: str | None
    """None after an erasure."""
    state: Literal["unverified", "verified", "removed"]
    suppressed: str | None = None
    """Why it is never sent to: hard-bounce, complaint, opt-out, by-hand."""


class SubscriberState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one subscriber add up to."""

    id: UUID
    version: int
    phase: Literal["requested", "confirmed", "lapsed", "ended", "erased"]
    preferences: Preferences | None
    """None after an erasure."""
    contacts: tuple[ContactState, ...]
    consent: Consent | None
    how: str
    since: datetime
    """First event."""
    confirmed_at: datetime | None = None
    """The current confirmation (RULES 22, `subscribed_before`)."""
    paused_until: datetime | None = None
    ended_reason: str = ""
    position: int = 0
