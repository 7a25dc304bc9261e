"""Blue/green rebuild of the read models: compute a new generation beside the live one, then switch the pointer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import Projection
from alerts.kernel.errors import Conflict
from alerts.projections.runner import ProjectionRunner
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.generations import POINT, current_generation, open_generation


def rebuild(
    url: str,
    main: BaseDatabase,
    log: EventLog,
    projections: Sequence[Projection],
    migrations: Path,
    clock: Callable[[], datetime],
    progress: Callable[[int, int], None] = lambda position, end: None,
) -> int:
    """Compute the read models afresh beside the live ones, to the log's end, then switch to the new generation.

    Returns its number. Sends nothing: reactors are not projections. `progress` is called with (position, end) after
    each batch. An interrupted rebuild leaves the live ones unchanged, and the next one starts again. Raises `Conflict`
    if another one won.
    """
    old = current_generation(main)
    leftover = connect(url, "views", old + 1)
    leftover.drop()
    fresh = open_generation(url, old + 1, migrations)
    try:
        ProjectionRunner(log, fresh, projections, clock).catch_up(log.position(), progress)
    finally:
        fresh.close()
    with main.write() as tx:
        if not tx.execute(POINT, (old + 1, old)):
            raise Conflict("Another rebuild was finished first; the read models are its own. Nothing was changed.")
    return old + 1
