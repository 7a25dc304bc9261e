"""Events of dispatches, and the outcomes of deliveries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain.events.types import Json
from alerts.kernel.events import Event
from alerts.kernel.terms import (
    Channel,
    DeliveryState,
    Lane,
)


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


class UnreachedListed(Event, frozen=True, kw_only=True):
    """People whom no way had reached were put on a list, to be called or written to by a person."""

    notice: UUID
    number: int
    calls: int
    letters: int
    lists: tuple[UUID, ...]
    """Print batches: one of calls, one of letters, without empty ones."""


EVENTS: tuple[type[Event], ...] = (
    DispatchPlanned,
    DispatchCompleted,
    DispatchRetried,
    DispatchPaused,
    DispatchResumed,
    DispatchStopped,
    UnreachedListed,
)

CHUNK_EVENTS: tuple[type[Event], ...] = (DispatchChunkFinished,)
"""Outcomes have streams of their own: thousands a second would make one long stream."""
