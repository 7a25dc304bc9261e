"""`alerts backup`: copies the log, the queue and the wrapped keys into a folder, beside a running server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import sleep
from typing import NamedTuple

from alerts.app.bootstrap import PROOF_SECRET
from alerts.app.schema import pending_migrations
from alerts.backup import manifest as manifests
from alerts.backup import sqlite
from alerts.backup.manifest import Manifest, Table
from alerts.eventlog.integrity.merkle import SECRET_BYTES, CheckpointSigner
from alerts.eventlog.integrity.verifier import FIRST_PROOF_S, Report, verify
from alerts.kernel.errors import Unavailable
from alerts.settings import Settings
from alerts.storage.base import BaseDatabase
from alerts.storage.ports import ReadableDatabase
from alerts.storage.sqlite import SQLiteDatabase
from subscribers.vault import stored_secret

KEY_FILES = ("master.key", "secret.key")
_MIGRATIONS = "SELECT name FROM migrations ORDER BY name"


def backup(settings: Settings, destination: Path, *, with_keys: bool = False) -> tuple[Manifest, Report]:
    """Create the folder `destination` with everything acknowledged before the call.

    Raises `Invalid` if it exists, `Unavailable` if migrations are pending.
    """
    if waiting := pending_migrations(settings, readonly=True):
        raise Unavailable(f"The database lacks {', '.join(waiting)}: run `alerts migrate` first")
    with manifests.new_folder(destination) as folder:
        made_at = datetime.now(UTC)
        copied = _copied(settings, folder)
        if copied.report.unproven:
            sleep(FIRST_PROOF_S)
            copied = _copied(settings, folder)
        report = copied.report
        keys_too = with_keys and _copy_keys(settings.folder, folder)
        made = Manifest(
            format=manifests.FORMAT,
            made_at=made_at,
            version=version("community-alerts"),
            dialect="sqlite" if settings.on_sqlite else "postgresql",
            position=report.position,
            events=report.events,
            whole=report.whole,
            checkpoint=report.checkpoint,
            migrations=copied.migrations,
            parts=[manifests.part_of(file) for file in sorted(folder.iterdir())],
            tables=copied.tables,
            sequences=copied.sequences,
            keys=keys_too,
        )
        manifests.write(folder, made)
    return made, report


class _Copied(NamedTuple):
    tables: list[Table]
    sequences: dict[str, int]
    migrations: dict[str, list[str]]
    report: Report


def _copied(settings: Settings, folder: Path) -> _Copied:
    """Copy both databases into the folder, over existing copies, and verify them."""
    if not settings.on_sqlite:
        return _postgres(settings, folder)
    sqlite.copy(settings.database_url, folder)
    with opened(folder / sqlite.FILES["main"], folder / sqlite.FILES["keys"]) as (main, keys):
        migrations = {"alerts": _names(main), "keys": _names(keys)}
        return _Copied([], {}, migrations, verified(main, keys, settings.master_key))


def verified(main: ReadableDatabase, keys: ReadableDatabase, master_key: bytes) -> Report:
    """Verify the log against its proofs. Raises `WrongMasterKey`."""
    secret = stored_secret(keys, master_key, PROOF_SECRET, SECRET_BYTES)
    return verify(main, keys, None if secret is None else CheckpointSigner(secret), datetime.now(UTC))


@contextmanager
def opened(main: Path, keys: Path) -> Iterator[tuple[BaseDatabase, BaseDatabase]]:
    """Open two files of a backup for reading."""
    with ExitStack() as stack:
        log, wrapped = SQLiteDatabase(main, "main", readonly=True), SQLiteDatabase(keys, "keys", readonly=True)
        stack.enter_context(closing(log))
        stack.enter_context(closing(wrapped))
        yield log, wrapped


def _names(database: BaseDatabase) -> list[str]:
    with database.read() as tx:
        return [str(row[0]) for row in tx.execute(_MIGRATIONS)]


def _postgres(settings: Settings, folder: Path) -> _Copied:
    from alerts.backup import postgres
    from alerts.storage.postgres import PostgresDatabase

    with ExitStack() as stack:
        database = stack.enter_context(closing(PostgresDatabase(settings.database_url, "main", readonly=True)))
        connection = stack.enter_context(closing(database.open_connection()))
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tables, sequences = postgres.export(connection, folder)
        main, keys = postgres.Schema(connection, "alerts"), postgres.Schema(connection, "keys")
        return _Copied(tables, sequences, postgres.applied(connection), verified(main, keys, settings.master_key))


def _copy_keys(source: Path, folder: Path) -> bool:
    there = [source / name for name in KEY_FILES if (source / name).is_file()]
    for file in there:
        shutil.copyfile(file, folder / file.name)
    return bool(there)
