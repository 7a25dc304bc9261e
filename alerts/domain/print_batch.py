"""Print batch: letters or calls that people carry out together. Pure."""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import PrintBatchMade, PrintPagesMarked
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded
from alerts.kernel.terms import Channel


class PrintBatchState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one batch."""

    id: UUID
    version: int
    channel: Channel
    pages: int
    sent: int = 0
    failed: int = 0


def evolve(state: PrintBatchState | None, recorded: Recorded) -> PrintBatchState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, PrintBatchMade):
        return PrintBatchState(id=recorded.originator_id, version=1, channel=event.channel, pages=event.pages)
    if state is None:
        unexpected_first_event("print batch", recorded)
    state = replace(state, version=recorded.originator_version)
    match event:
        case PrintPagesMarked(outcome="sent", pages=pages):
            return replace(state, sent=state.sent + pages)
        case PrintPagesMarked(pages=pages):
            return replace(state, failed=state.failed + pages)
        case _:
            return state
