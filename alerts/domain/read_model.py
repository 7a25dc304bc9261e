"""Decisions about the parked events of one read model. Pure."""

from __future__ import annotations

from uuid import UUID

import msgspec

from alerts.kernel.events import Recorded


class ParkedDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state: the number of decisions is the version."""

    id: UUID
    version: int


def evolve(state: ParkedDecisions | None, recorded: Recorded) -> ParkedDecisions:
    """Fold one event."""
    return ParkedDecisions(id=recorded.originator_id, version=recorded.originator_version)
