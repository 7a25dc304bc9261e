"""Schema migrations: numbered SQL files, each applied once, in its own transaction."""

from __future__ import annotations

from pathlib import Path

from alerts.kernel.errors import DomainError
from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.citus import distribute

_LOCK = 0x616C_6572_7473  # "alerts": one migration of one database at a time, whoever runs it.
TABLE = "CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL PRIMARY KEY)"
"""Table of applied files, in every part."""


class NewerSchema(DomainError):
    """The database was migrated by a newer version of this product."""


def migrate(db: BaseDatabase, folder: Path) -> list[str]:
    """Apply the pending `.sql` files of `folder`, by name, and distribute the sharded tables on Citus.

    Returns the files' names and those of the tables. Safe to run twice, by several processes at once, and to interrupt:
    each file is applied atomically. Raises `NewerSchema` if a file was applied that this version does not know.
    """
    files = sorted(folder.glob("*.sql"), key=lambda file: file.name)
    applied = []
    for file in files:
        with db.write() as tx:
            _prepare(db, tx)
            if tx.execute("SELECT 1 FROM migrations WHERE name = ?", (file.name,)):
                continue
            tx.script(file.read_text(encoding="utf-8"))
            tx.execute("INSERT INTO migrations (name) VALUES (?)", (file.name,))
        applied.append(file.name)
    _assert_known(db, {file.name for file in files})
    return applied + [f"distribution of {table}" for table in distribute(db, _LOCK)]


def pending(db: BaseDatabase, folder: Path) -> list[str]:
    """List the files that `migrate` would apply; changes nothing."""
    names = sorted(file.name for file in folder.glob("*.sql"))
    if not db.exists():
        return names
    with db.read() as tx:
        if not _has_table(tx):
            return names
        done = {row[0] for row in tx.execute("SELECT name FROM migrations")}
    return [name for name in names if name not in done]


def _prepare(db: BaseDatabase, tx: BaseTransaction) -> None:
    """Take the lock and create the table of applied files if missing."""
    if db.dialect == "postgresql":
        tx.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        # Not only IF NOT EXISTS: that needs the right to create schemas even if the schema exists.
        schema = str(tx.execute("SELECT current_setting('search_path')")[0][0])
        if not tx.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)):
            tx.script(f"CREATE SCHEMA {schema}")
    if not _has_table(tx):
        tx.execute(TABLE)


def _has_table(tx: BaseTransaction) -> bool:
    if tx.dialect == "postgresql":
        return bool(tx.execute("SELECT to_regclass('migrations') IS NOT NULL")[0][0])
    return bool(tx.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"))


def _assert_known(db: BaseDatabase, names: set[str]) -> None:
    if not names:
        return
    with db.read() as tx:
        unknown = sorted(row[0] for row in tx.execute("SELECT name FROM migrations") if row[0] not in names)
    if unknown:
        raise NewerSchema(
            f"The database has {', '.join(unknown)}, which this version of Community Alerts does not know: "
            "run the newer version that brought it up to date"
        )
