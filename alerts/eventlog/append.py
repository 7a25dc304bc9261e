"""Appending rows to the log inside an open transaction: the one place where the two databases differ."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.storage.base import BaseTransaction

EventRow = tuple[int, bytes, int, str, bytes]
"""position, originator id (16 bytes), originator version, topic, state."""

CHANNEL = "alerts_events"
"""On which PostgreSQL tells listeners that the log has grown; the payload is the last position."""

_LOCK = 0x6576_656E_7473  # "events"
_INSERT = "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"


def begin(tx: BaseTransaction) -> int:
    """Become the only one who appends until the transaction ends; the last position ever given, 0 if none.

    Positions are then visible in their order: nobody else can be given a higher one and commit it first. On SQLite
    the write transaction itself is that lock. On PostgreSQL it is an advisory lock, which serves as the library's
    EXCLUSIVE table lock does, but does not make an append wait for autovacuum's ANALYZE of the table.
    """
    if tx.dialect == "sqlite":
        rows = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(rows[0][0]) if rows else 0
    tx.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    last, called = tx.execute("SELECT last_value, is_called FROM events_position")[0]
    return int(last) if called else 0


def insert(tx: BaseTransaction, rows: Sequence[EventRow]) -> None:
    """Write rows whose positions follow what `begin` returned. A version that is there is the driver's conflict."""
    if not rows:
        return
    tx.executemany(_INSERT, rows)
    if tx.dialect == "postgresql":
        end = rows[-1][0]
        tx.execute("SELECT setval('events_position', ?), pg_notify(?, ?)", (end, CHANNEL, str(end)))


def touched_since(tx: BaseTransaction, position: int, limit: int) -> list[int] | None:
    """The streams (`UUID.int`) that have events after a position; None if more than `limit` events came."""
    rows = tx.execute("SELECT originator_id FROM events WHERE position > ? LIMIT ?", (position, limit + 1))
    return None if len(rows) > limit else [int.from_bytes(row[0]) for row in rows]
