"""A SQLite database and a key vault in memory: the real migrations and statements, and no file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from uuid import UUID

from alerts.settings.package_data import find
from alerts.storage.base import Part
from alerts.storage.ports import Dialect
from alerts.storage.sqlite import SQLiteTransaction


@cache
def _migrated(part: Part) -> bytes:
    """The image of a database with every migration of a part."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for file in sorted(find("migrations", "sqlite", *([] if part == "main" else [part])).glob("*.sql")):
            connection.executescript(file.read_text(encoding="utf-8"))
        return connection.serialize()
    finally:
        connection.close()


class MemoryDatabase:
    """`alerts.storage.ports.Database` over one connection; one thread at a time."""

    dialect: Dialect = "sqlite"

    def __init__(self, part: Part) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.deserialize(_migrated(part))
        self._lock = RLock()

    @contextmanager
    def read(self) -> Iterator[SQLiteTransaction]:
        with self._lock:
            yield SQLiteTransaction(self.connection)

    @contextmanager
    def write(self) -> Iterator[SQLiteTransaction]:
        with self._lock:
            self.connection.execute("BEGIN")
            try:
                yield SQLiteTransaction(self.connection)
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()


class MemoryKeys:
    """A vault in memory: sealing is reversing behind the subject's id, so that what is sealed is not found in clear."""

    def __init__(self) -> None:
        self.destroyed: set[UUID] = set()

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        return subject.bytes + plaintext[::-1]

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        assert sealed[:16] == subject.bytes, "unsealed for another subject"
        return None if subject in self.destroyed else sealed[16:][::-1]

    def prefetch(self, subjects: object) -> None:
        """Nothing is loaded."""

    def destroy(self, subject: UUID) -> None:
        """Make everything sealed for a subject unreadable."""
        self.destroyed.add(subject)
