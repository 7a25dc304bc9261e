"""Read models by generation: built beside the live ones, then switched to by moving one pointer.

The pointer is a row of the main database. Whoever reads, reads through `CurrentViews`, which the runner moves to the
generation that is pointed to once that one stands where the old one stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock

from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import Dialect, Projection
from alerts.kernel.errors import Conflict, DomainError
from alerts.storage.base import BaseDatabase, BaseTransaction, FaultKind, Part, connect
from alerts.storage.migrate import migrate, pending

_POINTED = "SELECT generation FROM pointers WHERE name = 'views'"
_POINT = "UPDATE pointers SET generation = ? WHERE name = 'views' AND generation = ? RETURNING generation"


class OutdatedViews(DomainError):
    """The read models were computed by an older version, for other tables than this one reads."""


def current_generation(main: BaseDatabase) -> int:
    """Which generation of the read models is the live one."""
    with main.read() as tx:
        return int(tx.execute(_POINTED)[0][0])


def open_generation(url: str, generation: int, migrations: Path) -> BaseDatabase:
    """The read models of that generation, made if they are not there. Raises `OutdatedViews`."""
    database = connect(url, "views", generation)
    if is_outdated(database, migrations):
        database.close()
        raise OutdatedViews("The read models are an older version's: run `alerts migrate`, which computes them afresh")
    migrate(database, migrations)
    return database


def is_outdated(database: BaseDatabase, migrations: Path) -> bool:
    """Whether read models stand here that lack tables of ours: made in place they would miss all that happened before.

    A generation that has read no event yet is only unfinished.
    """
    if not database.exists() or not pending(database, migrations):
        return False
    with database.read() as tx:
        try:
            return bool(tx.execute("SELECT 1 FROM tracking WHERE position > 0 LIMIT 1"))
        except Exception as error:
            if database.fault_kind(error) == "schema":
                return False
            raise


class LiveViews(BaseDatabase):
    """The live read models, whichever generation that is: a transaction stays in the one it began in."""

    dialect: Dialect
    part: Part = "views"

    def __init__(self, url: str, main: BaseDatabase, migrations: Path) -> None:
        """`migrations` is the folder of the views of this dialect."""
        self._url, self._main, self._migrations = url, main, migrations
        self._lock = Lock()
        self._current = open_generation(url, current_generation(main), migrations)
        self._before: BaseDatabase | None = None
        self.dialect = self._current.dialect
        self.generation = self._current.generation

    @contextmanager
    def read(self) -> Iterator[BaseTransaction]:
        with self._current.read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[BaseTransaction]:
        with self._current.write() as tx:
            yield tx

    @property
    def current(self) -> BaseDatabase:
        """The generation that is read now."""
        return self._current

    def newer(self) -> BaseDatabase | None:
        """The generation that is pointed to, opened, if it is not this one."""
        pointed = current_generation(self._main)
        return None if pointed == self.generation else open_generation(self._url, pointed, self._migrations)

    def switch(self, to: BaseDatabase) -> None:
        """Read and write `to` from now on. The one before is kept for those who are reading it; older ones go."""
        with self._lock:
            gone, self._before, self._current = self._before, self._current, to
            self.generation = to.generation
        if gone is not None:
            gone.drop()

    def fault_kind(self, error: BaseException) -> FaultKind | None:
        return self._current.fault_kind(error)

    def exists(self) -> bool:
        return self._current.exists()

    def drop(self) -> None:
        self._current.drop()

    def wipe_deleted(self) -> None:
        self._current.wipe_deleted()

    def close(self) -> None:
        self._current.close()
        if self._before is not None:
            self._before.close()


def rebuild(
    url: str,
    main: BaseDatabase,
    log: EventLog,
    projections: Sequence[Projection],
    migrations: Path,
    clock: Callable[[], datetime],
    progress: Callable[[int, int], None] = lambda position, end: None,
) -> int:
    """Compute the read models afresh beside the live ones, to the log's end, then point to them; the new generation.

    Sends nothing: reactors are not projections. `progress` is told (position, end) after each batch. An interrupted
    rebuild leaves the live ones as they are and is begun again by the next. Raises `Conflict` if another one won.
    """
    from alerts.projections.runner import ProjectionRunner

    old = current_generation(main)
    leftover = connect(url, "views", old + 1)
    leftover.drop()
    fresh = open_generation(url, old + 1, migrations)
    try:
        ProjectionRunner(log, fresh, projections, clock).catch_up(log.position(), progress)
    finally:
        fresh.close()
    with main.write() as tx:
        if not tx.execute(_POINT, (old + 1, old)):
            raise Conflict("Another rebuild was finished first; the read models are its own. Nothing was changed.")
    return old + 1
