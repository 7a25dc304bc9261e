"""Checksums of read models, row by row: proof that a rebuild equals the live ones (P7)."""

from __future__ import annotations

import hashlib

import msgspec

from alerts.storage.ports import Database, Transaction

TABLES: dict[str, tuple[str, ...]] = {
    "notices": ("id",),
    "dispatches": ("id",),
    "incidents": ("id",),
    "service_points": ("id",),
    "service_changes": ("id",),
    "places": ("id",),
    "topics": ("id",),
    "segments": ("id",),
    "organisations": ("id",),
    "newsletters": ("id",),
    "message_templates": ("id",),
    "sources": ("id",),
    "api_keys": ("id",),
    "members": ("id",),
    "triggers": ("id",),
    "reports": ("id",),
    "feedback": ("id",),
    "timeline": ("position",),
    "outcome_counts": ("number", "channel", "state", "language", "area"),
    "people": ("shard", "id"),
    "contact_points": ("shard", "number"),
    "people_counts": ("phase",),
}
"""Tables of the read models with their keys; the runner's tracking table is not one of them."""

_PAGE = 5000


def checksums(database: Database) -> dict[str, str]:
    """Compute a checksum of each table's rows, independent of their order.

    Equal on SQLite and PostgreSQL for the same log. All tables are read in one snapshot, a page of rows at a time.
    """
    with database.read() as tx:
        return {table: _checksum(tx, table, key) for table, key in TABLES.items()}


def _checksum(tx: Transaction, table: str, key: tuple[str, ...]) -> str:
    """Sum of the rows' SHA-256 digests; `table` and `key` are identifiers from TABLES."""
    if tx.dialect == "sqlite" and key[0] == "shard":
        key = key[::-1]  # The table's key order there: a page is then found without sorting all rows.
    order, marks = ", ".join(key), ", ".join("?" * len(key))
    select = f"SELECT {order}, {table}.* FROM {table}"
    total = 0
    rows = tx.execute(f"{select} ORDER BY {order} LIMIT {_PAGE}")
    while rows:
        for row in rows:
            total += int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(row[len(key) :])).digest())
        last = rows[-1][: len(key)]
        rows = tx.execute(f"{select} WHERE ({order}) > ({marks}) ORDER BY {order} LIMIT {_PAGE}", last)
    return f"{total % 2**256:064x}"
