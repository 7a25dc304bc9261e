"""The few tables a provider may keep, without knowing which database stands behind them."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

Value = None | int | float | str | bytes


class Transaction(Protocol):
    """One open transaction, used by one thread; `?` for parameters."""

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row."""


class Tables(Protocol):
    """A database: `alerts.eventlog.ports.Database` is one, `SqliteTables` another."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent snapshot, from any thread."""

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that is on disk when the block ends, and undone if it raises."""

    def close(self) -> None:
        """Close every connection."""


class _Connection:
    """A sqlite3 connection as a `Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._connection.executemany(sql, rows)


class SqliteTables:
    """One SQLite file (WAL, synchronous=FULL): one writing connection, one reading, each behind its lock."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # people's messages: for the owner alone
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
    def read(self) -> Iterator[Transaction]:
        """See `Tables.read`."""
        with self._read_lock:
            yield from _transaction(self._reading, "BEGIN")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """See `Tables.write`."""
        with self._write_lock:
            yield from _transaction(self._writing, "BEGIN IMMEDIATE")

    def scrub(self) -> None:
        """Deleted rows are overwritten (secure_delete); here the WAL that still holds them is emptied too."""
        with self._write_lock, self._read_lock:
            self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """See `Tables.close`."""
        with self._write_lock, self._read_lock:
            self._writing.close()
            self._reading.close()


def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[Transaction]:
    connection.execute(begin)
    try:
        yield _Connection(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
