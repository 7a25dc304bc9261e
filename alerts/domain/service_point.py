"""A place people go to for a service. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain.events import PointFacts


class PointState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one service point add up to."""

    id: UUID
    version: int
    facts: PointFacts
    source: str
    open: bool
    opened_at: datetime
    position: int = 0
