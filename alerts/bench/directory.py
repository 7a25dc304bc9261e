"""Projection of the directory from the log, beside raw upserts of the same rows.

Sealing is reported separately: the projection needs no key (it copies ciphertexts), so the cost of opening them is
measured where it arises, when contact cards are read.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from alerts.bench.row import Row
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.kernel.events import Recorded
from alerts.kernel.ids import contact_number, new_id
from alerts.projections.runner import ProjectionRunner
from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate
from subscribers.directory import Directory, DirectoryProjection
from subscribers.domain.events import CATALOGUE, Consent, ContactRef, Preferences, SubscriberPlace, SubscriberRegistered
from subscribers.vault import Vault

_BATCH = 1000
_SMALL = 100_000
_START = datetime(2026, 1, 1, tzinfo=UTC)
_CARDS = 500
_CARD_READS = 40
_COLUMNS = {"people": 7, "contact_points": 7}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of subscribers: the projection, per row written, and the opening of contact cards."""
    for size in sizes:
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            yield from _measured(Path(folder), size)


def _measured(folder: Path, size: int) -> Iterator[Row]:
    seed = random.Random(size)
    main, keys = _open(folder, "log", "main"), _open(folder, "log", "keys")
    opened = [main, keys]
    master = seed.randbytes(32)
    vault = Vault(keys, master)
    numbers = _fill(main, size, vault, seed)
    log = EventLog(EventStoreApplication(main, Codec(CATALOGUE, vault)))
    seconds = raw = float("inf")
    # Alternating runs, and the best of each: other load on the machine then affects both.
    for round_number in range(3 if size <= _SMALL else 1):
        views = _open(folder, f"ours-{round_number}", "views")
        opened.append(views)
        runner = ProjectionRunner(log, views, [DirectoryProjection()], lambda: _START)
        begun = perf_counter()
        runner.catch_up(log.position())
        seconds = min(seconds, perf_counter() - begun)
        count, took = _raw(folder, round_number)
        raw = min(raw, took)
    yield Row(
        name="projection of the directory",
        size=size,
        unit="rows/s",
        ours=count / seconds,
        limit=count / raw,
        target=0.2,
    )
    yield _cards(Directory(views, Vault(keys, master)), numbers, seed, size)
    log.close()
    for database in opened:
        database.close()


def _open(folder: Path, name: str, part: Any) -> BaseDatabase:
    """Create a part of a database, with its tables."""
    database = connect(f"sqlite:///{folder}/{name}.db", part)
    migrate(database, find("migrations", "sqlite", *([] if part == "main" else [part])))
    return database


def _fill(main: BaseDatabase, size: int, vault: Vault, seed: random.Random) -> list[int]:
    """A log of `size` registrations, as an import writes it; the contact points' numbers."""
    application = EventStoreApplication(main, Codec(CATALOGUE, vault))
    numbers: list[int] = []
    for start in range(0, size, _BATCH):
        batch: list[Recorded] = []
        for sequence in range(start + 1, min(start + _BATCH, size) + 1):
            person = new_id()
            numbers.append(contact_number(sequence, person))
            event = _registration(numbers[-1], sequence, seed)
            batch.append(Recorded(originator_id=person, originator_version=1, event=event, at=_START, by="system"))
        application.save(*batch, before_insert=vault.flush)
    return numbers


def _registration(number: int, sequence: int, seed: random.Random) -> SubscriberRegistered:
    place = SubscriberPlace(name="Home", lat=seed.uniform(51.3, 51.7), lon=seed.uniform(-0.5, 0.3), radius_km=1.0)
    return SubscriberRegistered(
        how="import",
        contacts=(ContactRef(number, "email"),),
        addresses={number: f"resident-{sequence}@example.org"},
        preferences=Preferences(places=(place,), topics=("weather", "transport"), channels=("email",)),
        consent=Consent("Tell me what happens near me.", _START, "import"),
    )


def _raw(folder: Path, round_number: int) -> tuple[int, float]:
    """Count the rows that the projection wrote, and time raw upserts of them in seconds.

    Same tables, settings and order, and as many people in a transaction. Reading the rows is not timed.
    """
    _open(folder, f"raw-{round_number}", "views").close()
    ours = sqlite3.connect(folder / f"ours-{round_number}.views-1.db")
    raw = sqlite3.connect(folder / f"raw-{round_number}.views-1.db", isolation_level=None)
    for setting in ("synchronous = NORMAL", "cache_size = -32768", "wal_autocheckpoint = 4000"):
        raw.execute(f"PRAGMA {setting}")
    people = ours.execute("SELECT * FROM people ORDER BY id")
    points = ours.execute("SELECT * FROM contact_points ORDER BY number")
    count, seconds = 0, 0.0
    while batch := people.fetchmany(_BATCH):
        contacts = points.fetchmany(_BATCH)
        begun = perf_counter()
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(_upsert("people", "id"), batch)
        raw.executemany(_upsert("contact_points", "number"), contacts)
        raw.execute("COMMIT")
        seconds += perf_counter() - begun
        count += len(batch) + len(contacts)
    ours.close()
    raw.close()
    return count, seconds


def _upsert(table: str, key: str) -> str:
    marks = ", ".join("?" * _COLUMNS[table])
    return f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT (shard, {key}) DO UPDATE SET sealed = excluded.sealed"


def _cards(directory: Directory, numbers: Sequence[int], seed: random.Random, size: int) -> Row:
    """Read contact cards as a sender does, with no key in memory, beside the two decryptions that each takes.

    These are of the person's key, and of the data sealed under it.
    """
    samples = [seed.sample(numbers, min(_CARDS, len(numbers))) for _ in range(_CARD_READS)]
    begun = perf_counter()
    read = sum(len(directory.cards(sample)) for sample in samples)
    seconds = perf_counter() - begun
    cipher, nonce, person = AESGCM(seed.randbytes(32)), seed.randbytes(12), new_id().bytes
    wrapped, sealed = (cipher.encrypt(nonce, seed.randbytes(length), person) for length in (32, 250))
    begun = perf_counter()
    for _ in range(read):
        AESGCM(cipher.decrypt(nonce, wrapped, person))
        cipher.decrypt(nonce, sealed, person)
    return Row(
        name="contact cards, read and opened",
        size=size,
        unit="cards/s",
        ours=read / seconds,
        limit=read / (perf_counter() - begun),
    )
