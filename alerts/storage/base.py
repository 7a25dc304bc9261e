"""Which databases there are and how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from eventsourcing.persistence import PersistenceError

from alerts.kernel.errors import DomainError
from alerts.storage.ports import Dialect, Row, Statement, Value

Part = Literal["main", "views", "keys"]
"""main: the log, the queue, what cannot be computed again. views: read models. keys: the wrapped keys of people."""

FaultKind = Literal["conflict", "transient", "schema", "other"]
"""What a driver's error means: another writer was first; try again later; no such table or column, or not SQL at all;
a value that cannot be kept, or a damaged file."""


def driver_error(error: BaseException) -> BaseException:
    """The driver's error behind one that the `eventsourcing` library's recorder has translated, else the error."""
    return error.__cause__ if isinstance(error, PersistenceError) and error.__cause__ is not None else error


class BadUrl(DomainError):
    """An ALERTS_DATABASE_URL that names no database we know."""


class NotDurable(DomainError):
    """The database would lose what it has acknowledged; `str(error)` says what to set."""


class BaseTransaction(ABC):
    """`ports.Transaction` and what the event log itself needs besides."""

    dialect: Dialect

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; its rows, or [] for a statement without."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row; a plain `INSERT INTO t (…) VALUES (?, …)` goes by COPY on PostgreSQL."""

    @abstractmethod
    def execute_all(self, statements: Sequence[Statement]) -> None:
        """Run statements whose rows nobody wants, in order and in as few round trips as the driver can."""

    @abstractmethod
    def script(self, sql: str) -> None:
        """Run several statements without parameters."""


class BaseDatabase(ABC):
    """`ports.Database` and what the event log itself needs besides."""

    dialect: Dialect
    part: Part
    generation: int

    @abstractmethod
    def read(self) -> AbstractContextManager[BaseTransaction]:
        """A consistent snapshot, from any thread; never blocks a writer."""

    @abstractmethod
    def write(self) -> AbstractContextManager[BaseTransaction]:
        """A write transaction: committed at the end, rolled back on an exception."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def fault_kind(self, error: BaseException) -> FaultKind | None:
        """What an error means; None if it does not come from the database driver."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything stands there yet (a file with tables, a schema)."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the whole database; for generations of read models that nobody reads any more."""

    @abstractmethod
    def wipe_deleted(self) -> None:
        """Make sure that what was deleted is gone from the files, as far as this database can."""
