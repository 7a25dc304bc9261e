"""Generations of read models: built beside the live ones, then switched to by moving one pointer.

The pointer is a row of the main database. Readers use `LiveViews`, which the runner switches to the new generation once
that one has caught up with the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from alerts.kernel.errors import DomainError
from alerts.storage.base import BaseDatabase, BaseTransaction, FaultKind, Part
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate, pending
from alerts.storage.ports import Dialect

_POINTED = "SELECT generation FROM pointers WHERE name = 'views'"
POINT = "UPDATE pointers SET generation = ? WHERE name = 'views' AND generation = ? RETURNING generation"


class OutdatedViews(DomainError):
    """The read models were computed by an older version with another schema."""


def current_generation(main: BaseDatabase) -> int:
    """Return the number of the live generation of read models."""
    with main.read() as tx:
        return int(tx.execute(_POINTED)[0][0])


def open_generation(url: str, generation: int, migrations: Path) -> BaseDatabase:
    """Open a generation of read models, created if missing. Raises `OutdatedViews`."""
    database = connect(url, "views", generation)
    if is_outdated(database, migrations):
        database.close()
        raise OutdatedViews("The read models are an older version's: run `alerts migrate`, which computes them afresh")
    migrate(database, migrations)
    return database


def is_outdated(database: BaseDatabase, migrations: Path) -> bool:
    """True if read models exist but lack tables: created now, those would miss all earlier events.

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
    """Live read models, of the current generation; a transaction stays in the generation it began in."""

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
        """Generation that is read now."""
        return self._current

    def newer(self) -> BaseDatabase | None:
        """Open the generation that the pointer names, if it is not this one."""
        pointed = current_generation(self._main)
        return None if pointed == self.generation else open_generation(self._url, pointed, self._migrations)

    def switch(self, to: BaseDatabase) -> None:
        """Read and write `to` from now on. The preceding one is kept for its readers; older ones are dropped."""
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
