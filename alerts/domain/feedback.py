"""Feedback on a notice: how many found it useful, and what they wrote. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import FeedbackGiven
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded


class FeedbackState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one stream: all the votes on a notice, or one reader's words."""

    id: UUID
    notice: UUID
    version: int
    at: datetime
    useful: int = 0
    not_useful: int = 0
    language: str = ""
    words: str | None = None
    written: bool = False
    """True for words, even after their erasure."""
    position: int = 0


def evolve(state: FeedbackState | None, recorded: Recorded) -> FeedbackState:
    """Fold one event."""
    event = recorded.event
    if not isinstance(event, FeedbackGiven):
        unexpected_first_event("feedback", recorded)
    if state is None:
        state = FeedbackState(id=recorded.originator_id, notice=event.notice, version=0, at=recorded.at)
    return replace(
        state,
        version=recorded.originator_version,
        at=recorded.at,
        useful=state.useful + (event.useful is True),
        not_useful=state.not_useful + (event.useful is False),
        language=event.language,
        words=event.words,
        written=event.useful is None,
        position=recorded.position,
    )
