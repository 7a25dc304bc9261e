"""Import of a file of subscribers: state and fold. Pure.

The refused rows of each page are in a stream of their own, so that no stream grows with the file. The cause
(`Recorded.cause`) of each of them, and of each imported subscriber, is the import's ImportStarted.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from alerts.domain.events import ImportFinished, ImportStarted
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded


class ImportState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one file's import. A repeated import of the file begins again in the same stream."""

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
    """Count the refused rows of a page."""
    return (state or 0) + 1
