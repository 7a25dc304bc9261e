"""What every fold shares."""

from __future__ import annotations

from typing import NoReturn

from alerts.domain.words.events import Recorded


def cannot_begin(kind: str, recorded: Recorded) -> NoReturn:
    """A stream of ours always begins with the event that makes the thing; anything else is damage, not a state."""
    raise ValueError(f"{recorded.event.topic()} cannot be the first event of a {kind} ({recorded.originator_id})")
