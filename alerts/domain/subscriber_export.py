"""Export of subscribers: state and fold. Pure."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ExportFinished, ExportStarted
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded


class ExportState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one export."""

    finished: bool = False


def evolve(state: ExportState | None, recorded: Recorded) -> ExportState:
    """Fold one event."""
    if isinstance(recorded.event, ExportStarted):
        return ExportState()
    if state is None:
        unexpected_first_event("export", recorded)
    return replace(state, finished=isinstance(recorded.event, ExportFinished))
