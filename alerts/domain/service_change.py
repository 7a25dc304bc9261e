"""A planned or sudden change to service points. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from alerts.domain.events import ChangeFacts


class ChangeState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one service change add up to."""

    id: UUID
    version: int
    facts: ChangeFacts
    source: str
    status: Literal["announced", "in-effect", "withdrawn"]
    announced_at: datetime
    notice: UUID | None = None
    """Set by the read model and by commands, the thread's first notice."""
    position: int = 0
