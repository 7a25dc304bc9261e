"""Base classes of databases and transactions, and the kinds of fault."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from eventsourcing.persistence import PersistenceError

from alerts.kernel.errors import DomainError
from alerts.storage.ports import Dialect, Row, Statement, Value

Part = Literal["main", "views", "keys"]
"""main: the log, the queue, data that cannot be recomputed. views: read models. keys: the wrapped keys of people."""

FaultKind = Literal["conflict", "transient", "schema", "other"]
"""Classification of a driver's error.

conflict: another writer was first. transient: try again later. schema: no such table or column, or not SQL at all.
other: a value that cannot be stored, or a damaged file.
"""


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's error that the library's recorder has translated, else the error itself."""
    return error.__cause__ if isinstance(error, PersistenceError) and error.__cause__ is not None else error


class BadUrl(DomainError):
    """ALERTS_DATABASE_URL names no supported database."""


class NotDurable(DomainError):
    """The database would lose acknowledged writes; `str(error)` says what to set."""


class BaseTransaction(ABC):
    """`ports.Transaction` and the additions that the event log needs."""

    dialect: Dialect

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; return its rows, or [] for a statement without."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row; a plain `INSERT INTO t (…) VALUES (?, …)` uses COPY on PostgreSQL."""

    @abstractmethod
    def execute_all(self, statements: Sequence[Statement]) -> None:
        """Run statements whose rows are not needed, in order and in as few round trips as possible."""

    @abstractmethod
    def script(self, sql: str) -> None:
        """Run several statements without parameters."""


class BaseDatabase(ABC):
    """`ports.Database` and the additions that the event log needs."""

    dialect: Dialect
    part: Part
    generation: int

    @abstractmethod
    def read(self) -> AbstractContextManager[BaseTransaction]:
        """Open a consistent snapshot, from any thread; never blocks a writer."""

    @abstractmethod
    def write(self) -> AbstractContextManager[BaseTransaction]:
        """Open a write transaction: committed at the end, rolled back on an exception."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def fault_kind(self, error: BaseException) -> FaultKind | None:
        """Classify an error; None if it does not come from the database driver."""

    @abstractmethod
    def exists(self) -> bool:
        """True if the database exists (a file with tables, a schema)."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the whole database; for unused generations of read models."""

    @abstractmethod
    def wipe_deleted(self) -> None:
        """Remove deleted data from the files, as far as this database can."""
