"""SQLite backup: the files of the log and of the keys, by the online backup API, beside a running server.

The log is copied first: every key is on disk before the first event that it seals, so the keys copied later open all of
it, and a key destroyed meanwhile is absent from the copy. Proofs beyond the copied log are removed; they are computed
again.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from alerts.backup.manifest import flush
from alerts.eventlog.integrity.merkle import unpacked
from alerts.kernel.errors import Unavailable
from alerts.storage.base import Part as DatabasePart
from alerts.storage.sqlite import SQLiteDatabase, file_of

PARTS: tuple[DatabasePart, ...] = ("main", "keys")
FILES: dict[DatabasePart, str] = {"main": "alerts.db", "keys": "alerts.keys.db"}


def copy(url: str, folder: Path) -> None:
    """Copy both files, each as of one moment."""
    for part in PARTS:
        source = file_of(url, part)
        if not source.exists():
            raise Unavailable(f"There is no database at {source} yet: start the server once, or run `alerts migrate`")
        with closing(SQLiteDatabase(source, part, readonly=True)) as database:
            reader, target = database.open_watcher(), sqlite3.connect(folder / FILES[part])
            with closing(reader), closing(target):
                reader.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # a single file, without -wal and -shm
    _trim(folder / FILES["main"], folder / FILES["keys"])


def _trim(main: Path, keys: Path) -> None:
    with closing(sqlite3.connect(main)) as log, closing(sqlite3.connect(keys)) as proofs:
        [(end,)] = log.execute("SELECT COALESCE(MAX(position), 0) FROM events")
        size = None
        for first, leaves in proofs.execute("SELECT first_leaf, leaves FROM leaf_batches ORDER BY first_leaf DESC"):
            if unpacked(leaves).positions[-1] <= end:
                break
            size = first
        if size is None:
            return
        proofs.execute("PRAGMA secure_delete = ON")
        proofs.execute("DELETE FROM leaf_batches WHERE first_leaf >= ?", (size,))
        proofs.execute("DELETE FROM checkpoints WHERE tree_size > ?", (size,))
        proofs.commit()


def drafted(url: str, folder: Path) -> dict[DatabasePart, Path]:
    """Copy the backup's files beside their destinations, on disk, under temporary names."""
    drafts: dict[DatabasePart, Path] = {}
    for part in PARTS:
        place = file_of(url, part)
        place.parent.mkdir(parents=True, exist_ok=True)
        drafts[part] = place.with_name(f".{place.name}.restoring")
        drafts[part].unlink(missing_ok=True)
        drafts[part].touch(0o600)
        shutil.copyfile(folder / FILES[part], drafts[part])
        flush(drafts[part])
    return drafts


def put_in_place(url: str, drafts: dict[DatabasePart, Path], stamp: str) -> list[Path]:
    """Rename the drafts to the database files; returns the renamed previous files.

    The log is renamed last, so that an existing log has its keys.
    """
    aside = [moved for part in PARTS for moved in _aside(file_of(url, part), stamp)]
    folder = file_of(url, "main").parent
    stem = file_of(url, "main").name.removesuffix(".db")
    for views in folder.glob(f"{stem}.views-*.db*"):
        views.unlink()
    for part in reversed(PARTS):
        drafts[part].rename(file_of(url, part))
        flush(folder)
    return aside


def _aside(file: Path, stamp: str) -> list[Path]:
    moved = []
    for suffix in ("", "-wal", "-shm"):
        old = Path(f"{file}{suffix}")
        if old.exists():
            moved.append(old.rename(Path(f"{file}.replaced-{stamp}{suffix}")))
    return moved
