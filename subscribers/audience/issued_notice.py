"""Issued notice as the dispatch knows it: folded from the log, held in memory while it matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from alerts.domain.events import NoticeIssued, NoticePlan
from alerts.kernel.terms import DeliveryState, Lane, MsgType, Priority

if TYPE_CHECKING:
    from alerts.domain.organisation import OrganisationState
    from alerts.domain.reference_data import PlaceState
    from alerts.kernel.geometry import Area
    from subscribers.audience.nearest import OpenPoint
    from subscribers.audience.query import AudienceQuery, ChangeReach


@dataclass(slots=True)
class IssuedNotice:
    """Issued notice. Written by the projector's thread alone; senders read `ended` before the first byte."""

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
    """The notice's area at its issue."""
    query: AudienceQuery | None = None
    """Audience query at its issue; stored for emergencies, for people who become due later (RULES 7)."""
    reach: ChangeReach | None = None
    """Reach of a service change."""
    open_points: tuple[OpenPoint, ...] = field(default=())
    """Service change: the points open after it (RULES 12)."""
    point_kind: str = ""
    """Service change: the kind of its points."""
    concerned: tuple[str, ...] = ()
    """Service change: the names of its points at its issue (RULES 16)."""
    places: tuple[PlaceState, ...] | None = None
    """Registered places at its issue: words name those that the area overlaps (RULES 16). None: the current ones."""
    organisation: OrganisationState | None = None
    """Organisation in whose name it was issued, as it was then; None for the service itself."""
    effective: datetime | None = None
    """Service change: its effective time."""
    ended: DeliveryState | None = None
    """Final state of rows not handed over: superseded, cancelled or expired; None while it is live."""
    ended_reason: str = ""
    request: UUID | None = None
    """Id of the request that issued it (`Recorded.command`), for log lines about its dispatch."""

    def verdict(self, now: datetime) -> tuple[DeliveryState, str] | None:
        """Return the state and reason that forbid sending more of it, or None if it may be sent."""
        if self.ended is not None:
            return self.ended, self.ended_reason
        if now >= self.expires:
            return "expired", "its time ran out before it could leave"
        return None


def lane_of(event: NoticeIssued, thread: list[IssuedNotice]) -> Lane:
    """Choose the lane: a follow-up that ends an emergency uses the emergency lane too."""
    ends = event.msg_type in ("Cancel", "AllClear")
    if event.priority == "emergency" or (ends and any(earlier.lane == "emergency" for earlier in thread)):
        return "emergency"
    return "bulletin" if event.priority == "bulletin" else "notice"


def end_of_older(msg_type: MsgType) -> tuple[DeliveryState, str]:
    """Final state and reason for unsent deliveries of older thread members once this one is issued (RULES 14)."""
    if msg_type == "Cancel":
        return "cancelled", "the notice was cancelled"
    if msg_type == "AllClear":
        return "superseded", "all clear was given"
    return "superseded", "an update took its place"
