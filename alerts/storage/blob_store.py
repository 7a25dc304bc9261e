"""Blob store of one generation of the read models, dropped with it: a file on SQLite, a table on PostgreSQL.

It holds one blob, replaced atomically. Every machine that sees the read models sees it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, cast

from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.sqlite import BESIDE, NEW, SQLiteDatabase

_PIECE = 1 << 20
_READ = "SELECT bytes FROM audience_copy WHERE piece = ?"
_WRITE = "INSERT INTO audience_copy (piece, bytes) VALUES (?, ?)"


class ReadableBlob(Protocol):
    """Stored blob, from its beginning."""

    def read(self, size: int, /) -> bytes:
        """Read the next `size` bytes, fewer only at the end."""


@contextmanager
def stored_blob(views: BaseDatabase) -> Iterator[ReadableBlob | None]:
    """Open the blob of these read models; None if there is none."""
    if views.dialect == "postgresql":
        with views.read() as tx:
            pieces = _Pieces(tx)
            yield pieces if pieces.any else None
        return
    try:
        file = _file(views).open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        yield file


class BlobDraft:
    """Blob being written: `commit` or `discard` it at the end. Only its owner can read it."""

    def __init__(self, views: BaseDatabase) -> None:
        self._views = views
        self._path: Path | None = None
        if views.dialect == "postgresql":
            self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (`discard` closes it)
            return
        own = _file(views)
        self._path = own.with_name(own.name + NEW)
        self._path.unlink(missing_ok=True)
        self.file = open(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b")  # noqa: SIM115

    def commit(self) -> None:
        """Replace the stored blob; durable on return."""
        self.file.flush()
        if self._path is None:
            self.file.seek(0)
            with self._views.write() as tx:
                # Serialized: two at once would conflict on each other's rows.
                tx.execute("LOCK TABLE audience_copy IN EXCLUSIVE MODE")
                tx.execute("DELETE FROM audience_copy")
                tx.executemany(_WRITE, enumerate(iter(lambda: self.file.read(_PIECE), b"")))
        else:
            os.fsync(self.file.fileno())
            self._path.rename(_file(self._views))
            _flush(self._path.parent)
        self.discard()

    def discard(self) -> None:
        """Delete the draft, unless committed. Safe to repeat."""
        self.file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class _Pieces:
    """Rows of the table as one stream."""

    def __init__(self, tx: BaseTransaction) -> None:
        self._tx, self._number = tx, 0
        self._rest = self._piece()
        self.any = bool(self._rest)

    def read(self, size: int, /) -> bytes:
        found = []
        while size and self._rest:
            found.append(self._rest[:size])
            size -= len(found[-1])
            self._rest = self._rest[len(found[-1]) :] or self._piece()
        return b"".join(found)

    def _piece(self) -> memoryview:
        rows = self._tx.execute(_READ, (self._number,))
        self._number += 1
        return memoryview(rows[0][0] if rows else b"")


def _file(views: BaseDatabase) -> Path:
    own = cast(SQLiteDatabase, views).file
    return own.with_name(own.name + BESIDE)


def _flush(folder: Path) -> None:
    with suppress(OSError):  # not every file system can flush a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
