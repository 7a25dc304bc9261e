"""An import of a file of subscribers, and how its events are folded. Pure.

The refused rows of each page stand in a stream of their own, so that no stream grows with the file. The event that led
to each of them, and to each person who came, is the import's ImportStarted (`Recorded.cause`).
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ImportFinished, ImportStarted
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded


class ImportState(msgspec.Struct, frozen=True, kw_only=True):
    """One file's import. A file that is imported once more begins again in the same stream."""

    digest: str
    rows: int
    runs: int = 1
    finished: bool = False
    version: int = 1


def evolve(state: ImportState | None, recorded: Recorded) -> ImportState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, ImportStarted):
        runs = state.runs + 1 if state else 1
        return ImportState(digest=event.digest, rows=event.rows, runs=runs, version=recorded.originator_version)
    if state is None:
        unexpected_first_event("import", recorded)
    return replace(state, finished=isinstance(event, ImportFinished), version=recorded.originator_version)


def evolve_page(state: int | None, recorded: Recorded) -> int:
    """How many rows of a page were refused."""
    return (state or 0) + 1
