"""Something that happened or is happening in a place. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from alerts.domain.events import IncidentFacts


class IncidentState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one incident add up to."""

    id: UUID
    version: int
    facts: IncidentFacts
    source: str
    status: Literal["open", "resolved", "dismissed"]
    reported_at: datetime
    revised_at: datetime | None = None
    ended_at: datetime | None = None
    notice: UUID | None = None
    """Not folded from this stream: set by the read model and by commands, the thread's first notice."""
    position: int = 0
