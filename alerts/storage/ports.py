"""Database ports: transactions and the values that they take.

SQL given to these ports uses `?` for parameters and the subset that SQLite and PostgreSQL share. Values are None, int,
float, str and bytes; booleans are 0/1 integers, times are RFC 3339 text or microseconds since 1970 as integers, ids are
16 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

Value = None | int | float | str | bytes


Row = tuple[Any, ...]


Statement = tuple[str, Sequence[Value]]


Dialect = Literal["sqlite", "postgresql"]


class Transaction(Protocol):
    """Open transaction on one connection, used by one thread."""

    dialect: Dialect

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; return its rows, or [] for a statement without."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row, as fast as the driver can."""


class ReadableDatabase(Protocol):
    """Read access to a database."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a consistent snapshot, from any thread; never blocks a writer."""


class Database(ReadableDatabase, Protocol):
    """Database (SQLite: one file; PostgreSQL: one schema of the same server)."""

    dialect: Dialect

    def write(self) -> AbstractContextManager[Transaction]:
        """Open a write transaction: committed at the end, rolled back on an exception. One writer per SQLite file."""

    def close(self) -> None:
        """Close every connection."""
