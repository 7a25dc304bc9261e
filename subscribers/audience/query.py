"""Audience query: everything RULES 1–12 and 15 need, resolved at one log position. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from alerts.kernel.terms import ChangeKind, Channel, NoticeKind, Priority, Severity, Status

if TYPE_CHECKING:
    from alerts.kernel.geometry import Area
    from alerts.kernel.rules import Rule


@dataclass(frozen=True, slots=True)
class ReachPoint:
    """Service point that a change concerns, at its old position."""

    id: UUID
    lat: float
    lon: float
    reach_km: float


@dataclass(frozen=True, slots=True)
class ChangeReach:
    """Reach of a service change in place of an area (RULES 11).

    `open_points`: (id, lat, lon) of all points of that kind open at `effective` but for this change, those concerned
    included; used when `kind` is closure or move ("nearest open point is among them"). A change of points of several
    kinds lists each further kind's open points in `further`.
    """

    kind: ChangeKind
    points: tuple[ReachPoint, ...]
    open_points: tuple[tuple[UUID, float, float], ...]
    further: tuple[tuple[tuple[UUID, float, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class AudienceQuery:
    """Resolved audience criteria of a notice.

    `topic` is already defaulted (`service-changes`); `rule` has its segments inlined and its places resolved; None
    means everyone.
    """

    kind: NoticeKind
    status: Status
    topic: str | None
    severity: Severity
    priority: Priority
    danger_to_life: bool
    area: Area | None
    change: ChangeReach | None
    rule: Rule | None
    channels: frozenset[Channel]
    at: datetime


class AudienceCount(msgspec.Struct, frozen=True, kw_only=True):
    """Audience count at a log position. `people`: with a contact point due; `by_channel`: contact points."""

    people: int
    unreachable: int
    by_channel: dict[str, int]
    by_language: dict[str, int]
    position: int
    sample: tuple[UUID, ...] = ()
    near: int | None = None
    """Number of further people whom a wider area would reach; None if that was not asked."""
