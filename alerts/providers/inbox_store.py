"""Ports for a provider's own tables, independent of the database, and an implementation on SQLite."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

Value = None | int | float | str | bytes


class InboxTransaction(Protocol):
    """An open transaction, used by one thread; `?` for parameters."""

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row of parameters."""


class Tables(Protocol):
    """A database: implemented by `alerts.eventlog.ports.Database` and by `SqliteTables`."""

    def read(self) -> AbstractContextManager[InboxTransaction]:
        """Open a consistent snapshot, from any thread."""

    def write(self) -> AbstractContextManager[InboxTransaction]:
        """Open a transaction: committed to disk at the end of the block, rolled back if it raises."""

    def close(self) -> None:
        """Close every connection."""


class _Connection:
    """Adapts a sqlite3 connection to `Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._connection.executemany(sql, rows)


class SqliteTables:
    """SQLite file (WAL, synchronous=FULL) with a writing and a reading connection, each behind a lock."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # personal messages: readable by the owner only
        self._writing, self._reading = self._open(path), self._open(path)
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        return connection

    @contextmanager
    def read(self) -> Iterator[InboxTransaction]:
        """See `Tables.read`."""
        with self._read_lock:
            yield from _transaction(self._reading, "BEGIN")

    @contextmanager
    def write(self) -> Iterator[InboxTransaction]:
        """See `Tables.write`."""
        with self._write_lock:
            yield from _transaction(self._writing, "BEGIN IMMEDIATE")

    def scrub(self) -> None:
        """Empty the WAL, which still contains deleted rows; in the file they are overwritten (secure_delete)."""
        with self._write_lock, self._read_lock:
            self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """See `Tables.close`."""
        with self._write_lock, self._read_lock:
            self._writing.close()
            self._reading.close()


def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[InboxTransaction]:
    connection.execute(begin)
    try:
        yield _Connection(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
