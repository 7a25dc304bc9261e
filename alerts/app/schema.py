"""Schema of an instance: migrations of every part, the read models computed afresh, the audience prepared offline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from alerts.app.catalogue import CATALOGUE
from alerts.app.event_keys import event_authenticator
from alerts.dispatch.warm_start import write_checkpoint_offline
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.kernel.times import utc_now
from alerts.projections import projections
from alerts.projections.rebuild import rebuild
from alerts.settings import Settings
from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase, Part
from alerts.storage.connect import connect
from alerts.storage.generations import LiveViews, current_generation, is_outdated, open_generation
from alerts.storage.migrate import migrate, pending
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.vault import Vault

_MIGRATED: tuple[Part, ...] = ("main", "keys")


def migrate_all(settings: Settings) -> list[str]:
    """Migrate every part of the database; return the applied files."""
    applied: list[str] = []
    for part in _MIGRATED:
        database = connect(settings.database_url, part)
        try:
            applied += migrate(database, migrations_folder(database, part))
            if part == "main":
                generation = current_generation(database)
        finally:
            database.close()
    folder = migrations_folder(database, "views")
    views = connect(settings.database_url, "views", generation)
    try:
        outdated = is_outdated(views, folder)
    finally:
        views.close()
    if outdated:
        return [*applied, f"read models, generation {compute_afresh(settings)}"]
    open_generation(settings.database_url, generation, folder).close()
    return applied


def compute_afresh(settings: Settings) -> int:
    """Compute the read models from the whole log and switch to them; return their generation.

    Read models of an older version cannot be completed in place: new tables would miss earlier events.
    """
    with _offline(settings) as (main, log, _):
        generation = rebuild(settings.database_url, main, log, projections(), migrations_folder(main, "views"), utc_now)
    if settings.on_sqlite:  # no other process has it open; on PostgreSQL an older one may still read its own
        connect(settings.database_url, "views", generation - 1).drop()
    return generation


def prepare_audience(settings: Settings) -> int | None:
    """Write an audience checkpoint for the next start if there is none; return its position.

    On SQLite no process of this database may be running.
    """
    with _offline(settings) as (main, log, vault):
        views = LiveViews(settings.database_url, main, migrations_folder(main, "views"))
        with closing(views):
            return write_checkpoint_offline(log, main, CheckpointStore(log, views, vault), utc_now)


def pending_migrations(settings: Settings, *, readonly: bool = False) -> list[str]:
    """List the files that `migrate_all` would apply; changes nothing."""
    waiting: list[str] = []
    for part in _MIGRATED:
        database = connect(settings.database_url, part, readonly=readonly)
        try:
            waiting += pending(database, migrations_folder(database, part))
        finally:
            database.close()
    return waiting


def migrations_folder(database: BaseDatabase, part: Part) -> Path:
    """Folder of a part's migrations for the database's dialect."""
    return find("migrations", database.dialect, *(() if part == "main" else (part,)))


@contextmanager
def _offline(settings: Settings) -> Iterator[tuple[BaseDatabase, EventLog, Vault]]:
    """Open the log without a process around it: (main database, log, vault)."""
    with ExitStack() as stack:
        main, keys = connect(settings.database_url, "main"), connect(settings.database_url, "keys")
        stack.callback(main.close)
        stack.callback(keys.close)
        vault = Vault(keys, settings.master_key)
        log = EventLog(EventStoreApplication(main, Codec(CATALOGUE, vault, event_authenticator(main, vault))))
        stack.callback(log.close)
        yield main, log, vault
