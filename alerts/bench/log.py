"""Append of events, beside raw rows of the same bytes.

Ours is the complete path: the unit of work, the codec, positions and indexes, the commit. The limit writes the
resulting rows: `executemany` on SQLite, binary COPY on PostgreSQL, into the same table with the same settings.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast
from uuid import UUID

from alerts.bench.postgres import Fresh, fresh_database
from alerts.bench.row import Row
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import LOG_COLUMNS, Codec
from alerts.eventlog.event_mac import KEY, EventAuthenticator, new_secret
from alerts.eventlog.ports import UnitOfWork
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.events import Catalogue, Event, Stream
from alerts.kernel.ids import new_id
from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate

_SAVE = 1000
_TARGET = 0.25
_PAGE = 10_000
_ROUNDS, _SHORT = 3, 100_000


EventRow = tuple[int, bytes, int, str, bytes]


class Happened(Event, frozen=True, kw_only=True):
    """An event of about the usual size."""

    headline: str
    number: int
    about: UUID


_HAPPENED: Stream[int] = Stream("bench", lambda state, recorded: recorded.originator_version)


class _NoSealer:
    """Sealer without effect: the events have no personal fields."""

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        return plaintext

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        return sealed

    def prefetch(self, subjects: Collection[UUID]) -> None:
        """Do nothing: there are no keys."""


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of events: SQLite, and PostgreSQL if a server is available."""
    for size in sizes:
        yield _row("append, 1000 events a save, SQLite", size, *_best_of(_on_sqlite, size))
    with fresh_database() as server:
        if server is None:
            return
        for size in sizes:
            yield _row("append, 1000 events a save, PostgreSQL", size, *_best_of(partial(_on_postgres, server), size))


def _row(name: str, size: int, ours: float, limit: float) -> Row:
    return Row(name=name, size=size, unit="events/s", ours=size / ours, limit=size / limit, target=_TARGET)


def _best_of(measured: Callable[[int], tuple[float, float]], size: int) -> tuple[float, float]:
    """Best of several alternating runs of each: other load on the machine, or a slow disk, then affects both."""
    rounds = [measured(size) for _ in range(_ROUNDS if size <= _SHORT else 1)]
    return min(ours for ours, _ in rounds), min(limit for _, limit in rounds)


def _on_sqlite(size: int) -> tuple[float, float]:
    with TemporaryDirectory(prefix="alerts-bench-") as folder:
        ours, kept = _ours(f"sqlite:///{folder}/ours.db", size)
        return ours, _raw_sqlite(Path(folder), kept)


def _on_postgres(server: Fresh, size: int) -> tuple[float, float]:
    with server() as ours_url, server() as raw_url:
        ours, kept = _ours(ours_url, size)
        return ours, _raw_postgres(raw_url, kept)


def _ours(url: str, size: int) -> tuple[float, list[EventRow]]:
    """Seconds through the writer, and the resulting rows."""
    database = _open(url)
    application = EventStoreApplication(
        database, Codec(Catalogue.of(Happened), _NoSealer(), EventAuthenticator(new_secret(bytes(KEY), 0)))
    )
    writer = GroupCommitWriter(application, lambda: datetime.now(UTC))
    streams = [new_id() for _ in range(size)]
    begun = perf_counter()
    for start in range(0, size, _SAVE):
        writer.submit(_save(streams[start : start + _SAVE]), by="system").result()
    seconds = perf_counter() - begun
    writer.close()
    kept: list[EventRow] = []
    while page := application.recorder.select_notifications(len(kept), _PAGE, inclusive_of_start=False):
        kept += [(n.id, cast(UUID, n.originator_id).bytes, n.originator_version, n.topic, n.state) for n in page]
    database.close()
    return seconds, kept


def _save(streams: Sequence[UUID]) -> Callable[[UnitOfWork], None]:
    def work(unit: UnitOfWork) -> None:
        for number, stream in enumerate(streams):
            unit.append(_HAPPENED, stream, Happened(headline="A water main has burst", number=number, about=stream))

    return work


def _open(url: str) -> BaseDatabase:
    database = connect(url, "main")
    migrate(database, find("migrations", database.dialect))
    return database


def _raw_sqlite(folder: Path, kept: Sequence[EventRow]) -> float:
    """Seconds to write the same rows by `executemany`, synchronous=FULL."""
    _open(f"sqlite:///{folder}/raw.db").close()
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    for pragma in ("synchronous = FULL", "cache_size = -32768", "wal_autocheckpoint = 4000"):
        connection.execute(f"PRAGMA {pragma}")
    begun = perf_counter()
    for start in range(0, len(kept), _SAVE):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            f"INSERT INTO events ({LOG_COLUMNS}) VALUES (?, ?, ?, ?, ?)", kept[start : start + _SAVE]
        )
        connection.execute("COMMIT")
    seconds = perf_counter() - begun
    connection.close()
    return seconds


def _raw_postgres(url: str, kept: Sequence[EventRow]) -> float:
    """Seconds to write the same rows by binary COPY."""
    import psycopg

    _open(url).close()
    with psycopg.connect(url, options="-c search_path=alerts -c synchronous_commit=on") as connection:
        begun = perf_counter()
        for start in range(0, len(kept), _SAVE):
            with connection.cursor().copy(f"COPY events ({LOG_COLUMNS}) FROM STDIN (FORMAT BINARY)") as sink:
                sink.set_types(["int8", "bytea", "int8", "text", "bytea"])
                for row in kept[start : start + _SAVE]:
                    sink.write_row(row)
            connection.commit()
        return perf_counter() - begun
