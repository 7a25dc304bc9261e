"""A notice's life: one message we decide to tell people, from draft to its end. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain.events import NoticePlan
from alerts.domain.words.terms import MsgType, NoticePhase, Priority


class NoticeState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one notice add up to. The read model keeps it as it stands."""

    id: UUID
    number: int
    version: int
    phase: NoticePhase
    msg_type: MsgType
    thread: UUID
    references: tuple[UUID, ...]
    plan: NoticePlan
    source: str | None
    drafted_at: datetime
    drafted_by: str
    hands: frozenset[str]
    """Creator, editors and submitter since the last approval was asked for: none of them may approve."""
    approved_by: str | None = None
    approved_at: datetime | None = None
    approved_people: int | None = None
    approved_hash: str | None = None
    send_at: datetime | None = None
    issued_at: datetime | None = None
    issued_position: int | None = None
    priority: Priority | None = None
    danger_to_life: bool = False
    expires: datetime | None = None
    ended_at: datetime | None = None
    replaced_by: UUID | None = None
    reason: str = ""
    """Why it was returned, rejected or cancelled, or why its approval was voided."""
    position: int = 0
    """Of the last event folded."""
