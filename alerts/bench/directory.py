"""How fast the directory is projected from the log, beside raw upserts of the very rows that it writes.

Sealing is reported apart: the projection needs no key (it carries ciphertexts over), so what opening them costs is
measured where it is paid, at reading contact cards.
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
from alerts.data import find
from alerts.domain.words.events import Recorded
from alerts.domain.words.ids import contact_number, new_id
from alerts.eventlog import append
from alerts.eventlog.codec import Codec
from alerts.eventlog.database import BaseDatabase, connect
from alerts.eventlog.log import EventLog
from alerts.eventlog.migrate import migrate
from alerts.eventlog.runner import Runner
from subscribers.directory import Directory, DirectoryProjection
from subscribers.domain.events import CATALOGUE, Consent, ContactRef, Place, Preferences, SubscriberRegistered
from subscribers.sealed import Closed
from subscribers.vault import Vault

_BATCH = 1000
_START = datetime(2026, 1, 1, tzinfo=UTC)
_CARDS = 500
_CARD_READS = 40
_COLUMNS = {"people": 7, "contact_points": 7}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """For each number of subscribers: the projection, per row written, and the opening of contact cards."""
    for size in sizes:
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            yield from _measured(Path(folder), size)


def _measured(folder: Path, size: int) -> Iterator[Row]:
    seed = random.Random(size)
    main, keys = _open(folder, "log", "main"), _open(folder, "log", "keys")
    master = seed.randbytes(32)
    vault = Vault(keys, master)
    numbers = _fill(main, size, vault, seed)
    log = EventLog(main, Codec(CATALOGUE, Closed()))
    views = _open(folder, "ours", "views")
    runner = Runner(log, views, [DirectoryProjection()], lambda: _START)
    begun = perf_counter()
    runner.catch_up(log.position())
    seconds = perf_counter() - begun
    written = _written(folder / "ours.views-1.db")
    count = sum(len(table) for table in written.values())
    yield Row(
        name="projection of the directory",
        size=size,
        unit="rows/s",
        ours=count / seconds,
        limit=count / _raw(folder, written),
        target=0.2,
    )
    del written
    yield _cards(Directory(views, Vault(keys, master)), numbers, seed, size)
    log.close()
    for database in (main, keys, views):
        database.close()


def _open(folder: Path, name: str, part: Any) -> BaseDatabase:
    """A fresh part of a database, with its tables."""
    database = connect(f"sqlite:///{folder}/{name}.db", part)
    migrate(database, find("migrations", "sqlite", *([] if part == "main" else [part])))
    return database


def _fill(main: BaseDatabase, size: int, vault: Vault, seed: random.Random) -> list[int]:
    """A log of `size` registrations, as an import writes it; the contact points' numbers."""
    codec = Codec(CATALOGUE, vault)
    numbers: list[int] = []
    for start in range(0, size, _BATCH):
        with main.write() as tx:
            position = append.begin(tx)
            batch: list[append.EventRow] = []
            for sequence in range(start + 1, min(start + _BATCH, size) + 1):
                person = new_id()
                number = contact_number(sequence, person)
                numbers.append(number)
                recorded = Recorded(
                    originator_id=person,
                    originator_version=1,
                    event=_registration(number, sequence, seed),
                    at=_START,
                    by="system",
                )
                topic, state = codec.encode(recorded)
                batch.append((position + len(batch) + 1, person.bytes, 1, topic, state))
            vault.flush()
            append.insert(tx, batch)
    return numbers


def _registration(number: int, sequence: int, seed: random.Random) -> SubscriberRegistered:
    place = Place(name="Home", lat=seed.uniform(51.3, 51.7), lon=seed.uniform(-0.5, 0.3), radius_km=1.0)
    return SubscriberRegistered(
        how="import",
        contacts=(ContactRef(number, "email"),),
        addresses={number: f"resident-{sequence}@example.org"},
        preferences=Preferences(places=(place,), topics=("weather", "transport"), channels=("email",)),
        consent=Consent("Tell me what happens near me.", _START, "import"),
    )


def _written(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that the projection wrote, in the order in which it wrote them."""
    connection = sqlite3.connect(file)
    people = {row[1]: row for row in connection.execute("SELECT * FROM people")}
    points = list(connection.execute("SELECT * FROM contact_points ORDER BY number / 256"))
    connection.close()
    return {"people": [people[point[2]] for point in points], "contact_points": points}


def _raw(folder: Path, written: dict[str, list[tuple[Any, ...]]]) -> float:
    """Seconds to upsert the same rows raw: same tables, same settings, as many people in a transaction."""
    _open(folder, "raw", "views").close()
    connection = sqlite3.connect(folder / "raw.views-1.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -32768")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    upserts = {"people": _upsert("people", "id"), "contact_points": _upsert("contact_points", "number")}
    begun = perf_counter()
    for start in range(0, len(written["people"]), _BATCH):
        connection.execute("BEGIN IMMEDIATE")
        for table, statement in upserts.items():
            connection.executemany(statement, written[table][start : start + _BATCH])
        connection.execute("COMMIT")
    seconds = perf_counter() - begun
    connection.close()
    return seconds


def _upsert(table: str, key: str) -> str:
    marks = ", ".join("?" * _COLUMNS[table])
    return f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT (shard, {key}) DO UPDATE SET sealed = excluded.sealed"


def _cards(directory: Directory, numbers: Sequence[int], seed: random.Random, size: int) -> Row:
    """Contact cards as a sender reads them, with no key in memory, beside the two decryptions alone that each takes:
    of the person's key and of what is sealed under it."""
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
