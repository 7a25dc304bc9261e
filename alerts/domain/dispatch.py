"""The decision to send one notice to its audience. Pure."""

from __future__ import annotations

from uuid import UUID

import msgspec

from alerts.domain.events import DispatchPlanned


class DispatchState(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one dispatch add up to (its outcomes stand in chunk streams of their own)."""

    notice: UUID
    version: int
    planned: DispatchPlanned | None
    stopped: str | None = None
    completed: bool = False
    position: int = 0
