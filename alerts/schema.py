"""The database's schema as an operator sees it: bring it up to date, say what is missing, say whether it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alerts import data
from alerts.eventlog.database import BaseDatabase, Part, connect
from alerts.eventlog.generations import current_generation
from alerts.eventlog.migrate import migrate, pending

PARTS: tuple[Part, ...] = ("main", "keys", "views")
"""The views last: which generation is live stands in the main database."""


def migrate_all(url: str) -> list[str]:
    """Bring every part up to date; the names of what was applied. Safe to run twice, while running, to interrupt."""
    applied = []
    for part in PARTS:
        with _opened(url, part) as (database, folder):
            applied += [f"{part}/{name}" for name in migrate(database, folder)]
    return applied


def pending_all(url: str) -> list[str]:
    """What `migrate_all` would apply; changes nothing."""
    missing = []
    for part in PARTS:
        with _opened(url, part) as (database, folder):
            missing += [f"{part}/{name}" for name in pending(database, folder)]
    return missing


def is_empty(url: str) -> bool:
    """Whether there is no log yet, or one without an event."""
    with _opened(url, "main") as (database, folder):
        if pending(database, folder):
            return not database.exists() or len(pending(database, folder)) == len(list(folder.glob("*.sql")))
        with database.read() as tx:
            return not tx.execute("SELECT 1 FROM events LIMIT 1")


def sqlite_version() -> tuple[int, ...]:
    """Of the SQLite that Python brings."""
    import sqlite3

    return sqlite3.sqlite_version_info


@contextmanager
def _opened(url: str, part: Part) -> Iterator[tuple[BaseDatabase, Path]]:
    """One part, and the folder of its migrations."""
    generation = _live_generation(url) if part == "views" else 1
    database = connect(url, part, generation)
    try:
        folder = ("migrations", database.dialect) if part == "main" else ("migrations", database.dialect, part)
        yield database, data.find(*folder)
    finally:
        database.close()


def _live_generation(url: str) -> int:
    with _opened(url, "main") as (main, folder):
        return 1 if pending(main, folder) else current_generation(main)
