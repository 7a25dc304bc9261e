"""Fan-out to disk, beside one INSERT … SELECT of the same rows with the same key and index.

On SQLite in a temporary folder; also on PostgreSQL if a server is available (`alerts.bench.postgres`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import numpy as np

from alerts.bench.postgres import fresh_database
from alerts.bench.row import Row
from alerts.delivery_queue.frozen_audience import FrozenAudience, freeze
from alerts.dispatch import planner
from alerts.domain.events import CATALOGUE, NoticePlan
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import UnitOfWork
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.ids import SHARDS
from alerts.kernel.times import micros
from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate
from alerts.storage.named_queries import load
from subscribers.audience.index import AudienceColumns
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.vault import Vault

_sql = load("alerts.delivery_queue", "queue.sql")
_TARGET = 1.5
_WORKER = 1
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Seconds until every row of the fan-out is on disk, the audience given; and until the first page is."""
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="alerts-bench-") as folder:
            yield from _measured(f"sqlite:///{folder}/alerts.db", "sqlite", size)
    with fresh_database() as server:
        if server is None:
            return
        for size in sizes:
            with server() as url:
                yield from _measured(url, "postgresql", size)


def _measured(url: str, dialect: str, size: int) -> Iterator[Row]:
    database, keys = connect(url, "main"), connect(url, "keys")
    try:
        migrate(database, find("migrations", dialect))
        migrate(keys, find("migrations", dialect, "keys"))
        ours, first = _ours(database, Vault(keys, bytes(32)), size)
        limit = _limit(database, size)
    finally:
        database.close()
        keys.close()
    stated = size >= 1_000_000
    yield Row(
        name=f"fan-out, {_NAMES[dialect]}",
        size=size,
        unit="s",
        ours=ours,
        limit=limit,
        target=_TARGET if stated else None,
        better="lower",
    )
    yield Row(
        name=f"fan-out, first page, {_NAMES[dialect]}",
        size=size,
        unit="s",
        ours=first,
        target=1.0,
        better="lower",
    )


def _audience(size: int) -> FrozenAudience:
    random = np.random.default_rng(7)
    contacts = np.arange(1, size + 1, dtype=np.int64) * SHARDS + random.integers(0, SHARDS, size)
    return freeze(contacts, np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8))


def _ours(database: BaseDatabase, vault: Vault, size: int) -> tuple[float, float]:
    """Measure (total seconds, seconds until the first page): the job with its frozen audience, then its pages."""
    now = datetime.now(UTC)
    codec = Codec(CATALOGUE, vault)
    application = EventStoreApplication(database, codec)
    log = EventLog(application)
    writer = GroupCommitWriter(
        application, lambda: datetime.now(UTC), flush_keys=vault.flush, grown=log.notify_appended
    )
    projector = AudienceProjector(log, AudienceColumns(), ReferenceData(), clock=lambda: now)
    audience = _audience(size)
    issued = IssuedNotice(
        id=UUID(int=1),
        number=1,
        thread=UUID(int=1),
        msg_type="Alert",
        plan=NoticePlan(kind="announcement"),
        priority="emergency",
        danger_to_life=False,
        expires=now + timedelta(days=1),
        issued_at=now,
        position=1,
        lane="emergency",
    )
    first = 0.0
    begun = perf_counter()
    writer.submit(lambda unit: _job(unit, issued, audience), by="bench").result()
    while (found := planner.next_page(database)) is not None:
        page = planner.prepare(database, projector, issued, found[1], now)
        writer.submit(lambda unit, page=page: planner.write(unit, _WORKER, page), by="bench").result()  # type: ignore[misc]
        first = first or perf_counter() - begun
    whole = perf_counter() - begun
    writer.close()
    log.close()
    return whole, first


def _job(unit: UnitOfWork, issued: IssuedNotice, audience: FrozenAudience) -> None:
    pages = list(audience.pages())
    times = (issued.position, micros(issued.issued_at), micros(issued.expires))
    head = (issued.number, issued.id.bytes, issued.thread.bytes, 0, None, 0, *times)
    unit.write(_sql.job_insert, (*head, len(pages), len(audience), 0, len(audience), None, None))
    unit.write_many(
        _sql.audience_insert,
        [
            (issued.number, number, int(page.shards[0]), int(page.shards[-1]), *page.packed())
            for number, page in enumerate(pages)
        ],
    )


def _limit(database: BaseDatabase, size: int) -> float:
    """Seconds to write the same rows by INSERT … SELECT into an empty table with the same key and index."""
    with database.write() as tx:
        tx.execute("CREATE TABLE raw_rows (shard INTEGER, contact BIGINT)")
        audience = _audience(size)
        tx.executemany(
            "INSERT INTO raw_rows (shard, contact) VALUES (?, ?)",
            zip(audience.shards.tolist(), audience.contacts.tolist(), strict=True),
        )
        tx.execute("DELETE FROM deliveries")
    begun = perf_counter()
    with database.write() as tx:
        tx.execute(
            "INSERT INTO deliveries (shard, notice, contact, lane, state, channel, flags)"
            " SELECT shard, 1, contact, 0, 0, 0, 0 FROM raw_rows ORDER BY shard, contact"
        )
    return perf_counter() - begun
