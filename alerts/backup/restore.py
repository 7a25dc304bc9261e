"""`alerts restore`: replaces the database by a backup, verified first, and rebuilds the read models."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from alerts.app import schema
from alerts.backup import manifest as manifests
from alerts.backup import sqlite
from alerts.backup.backup import opened, verified
from alerts.backup.manifest import BadBackup, Manifest
from alerts.eventlog.integrity.verifier import Report
from alerts.kernel.errors import Conflict
from alerts.operations.control_socket import AlreadyRunning, lock
from alerts.settings import Settings
from alerts.settings.package_data import find
from alerts.storage.sqlite import file_of


class RestoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a restore."""

    manifest: Manifest
    report: Report
    generation: int
    """Generation of the read models."""
    aside: list[str]
    """Files of the previous database, renamed."""


def restore(settings: Settings, source: Path, *, force: bool = False) -> RestoreResult:
    """Restore a backup. Nothing is changed until it is verified.

    Raises `BadBackup` for a damaged or altered backup or one of the other database kind, `Conflict` if a database
    exists and `force` is not set.
    """
    manifest = manifests.read(source)
    ours = "sqlite" if settings.on_sqlite else "postgresql"
    if manifest.dialect != ours:
        raise BadBackup(f"the backup is of {manifest.dialect}, and ALERTS_DATABASE_URL names a database of {ours}")
    aside: list[str] = []
    with ExitStack() as stack:
        if settings.on_sqlite:
            try:
                stack.enter_context(lock(settings.lock_file))
            except AlreadyRunning as error:
                raise Conflict(f"{error}; stop it first") from error
            report, aside = _sqlite(settings, source, manifest, force)
        else:
            report = _postgres(settings, source, manifest, force)
        schema.migrate_all(settings)
        generation = schema.compute_afresh(settings)
    return RestoreResult(manifest=manifest, report=report, generation=generation, aside=aside)


def _refuse(where: str) -> Conflict:
    return Conflict(f"there is a database at {where} already: say --force to put the backup in its place")


def _sqlite(settings: Settings, source: Path, manifest: Manifest, force: bool) -> tuple[Report, list[str]]:
    url = settings.database_url
    if file_of(url, "main").exists() and not force:
        raise _refuse(str(file_of(url, "main")))
    drafts = sqlite.drafted(url, source)
    try:
        with opened(drafts["main"], drafts["keys"]) as (main, keys):
            report = verified(main, keys, settings.master_key)
        _check_unaltered(report, manifest)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        return report, [str(file) for file in sqlite.put_in_place(url, drafts, stamp)]
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _postgres(settings: Settings, source: Path, manifest: Manifest, force: bool) -> Report:
    from alerts.backup import postgres
    from alerts.storage.postgres import PostgresDatabase

    files = {"alerts": find("migrations", "postgresql"), "keys": find("migrations", "postgresql", "keys")}
    with ExitStack() as stack:
        database = stack.enter_context(closing(PostgresDatabase(settings.database_url, "main")))
        connection = stack.enter_context(closing(database.open_connection()))
        if postgres.is_used(connection) and not force:
            raise _refuse("ALERTS_DATABASE_URL")
        connection.execute("BEGIN")
        connection.execute("SET LOCAL lock_timeout = '10s'")
        postgres.load(connection, source, manifest, files)
        main, keys = postgres.Schema(connection, "alerts"), postgres.Schema(connection, "keys")
        report = verified(main, keys, settings.master_key)
        _check_unaltered(report, manifest)
        connection.execute("COMMIT")
        return report


def _check_unaltered(report: Report, manifest: Manifest) -> None:
    """Check that a backup that verified when it was made still verifies and has the same root."""
    if not manifest.whole:
        return  # Altered before the backup was made; the report says so again.
    if not report.whole:
        raise BadBackup(f"the backup was altered: {report.findings[0].words}. Nothing was touched; use another backup")
    then, now = manifest.checkpoint, report.checkpoint
    if report.position != manifest.position or (then and now and (then.size, then.root) != (now.size, now.root)):
        raise BadBackup("the backup was altered: it is not the log that its manifest speaks of. Nothing was touched")
