"""A notice that is out, as the dispatch knows it: folded from the log, kept in memory while it matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from alerts.domain.events import NoticeIssued, NoticePlan
from alerts.kernel.terms import DeliveryState, Lane, MsgType, Priority

if TYPE_CHECKING:
    from alerts.kernel.geometry import Area
    from subscribers.audience.nearest import OpenPoint
    from subscribers.audience.query import AudienceQuery, ChangeReach


@dataclass(slots=True)
class IssuedNotice:
    """One issued notice. Written by the follower's thread alone; `ended` is read by senders right before each byte."""

    id: UUID
    number: int
    thread: UUID
    msg_type: MsgType
    plan: NoticePlan
    priority: Priority
    danger_to_life: bool
    expires: datetime
    issued_at: datetime
    position: int
    lane: Lane
    area: Area | None = None
    """The notice's area as it was at its issue."""
    query: AudienceQuery | None = None
    """Who is due, as asked at its issue; kept of emergencies, for whoever becomes due later (RULES 7)."""
    reach: ChangeReach | None = None
    """Of a service change: whom it reaches."""
    open_points: tuple[OpenPoint, ...] = field(default=())
    """Of a service change: the points open after it (RULES 12)."""
    point_kind: str = ""
    """Of a service change: the kind of its points."""
    effective: datetime | None = None
    """Of a service change: from when it holds."""
    ended: DeliveryState | None = None
    """What its rows that have not left become: superseded, cancelled or expired; None while it is live."""
    ended_reason: str = ""
    request: UUID | None = None
    """The request that issued it (`Recorded.command`): log lines about its dispatch name it."""

    def verdict(self, now: datetime) -> tuple[DeliveryState, str] | None:
        """Why nothing more of it may leave, or None if it may."""
        if self.ended is not None:
            return self.ended, self.ended_reason
        if now >= self.expires:
            return "expired", "its time ran out before it could leave"
        return None


def lane_of(event: NoticeIssued, thread: list[IssuedNotice]) -> Lane:
    """Which lane: a follow-up that ends an emergency goes as fast as the emergency did."""
    ends = event.msg_type in ("Cancel", "AllClear")
    if event.priority == "emergency" or (ends and any(earlier.lane == "emergency" for earlier in thread)):
        return "emergency"
    return "bulletin" if event.priority == "bulletin" else "notice"


def end_of_older(msg_type: MsgType) -> tuple[DeliveryState, str]:
    """What becomes of what has not left of a thread's older members once this one is out (RULES 14)."""
    if msg_type == "Cancel":
        return "cancelled", "the notice was cancelled"
    if msg_type == "AllClear":
        return "superseded", "all clear was given"
    return "superseded", "an update took its place"
