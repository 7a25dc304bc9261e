"""Citus, PostgreSQL's distributed form: tables whose primary key begins with `shard` are distributed by it.

Everything else (the log, positions, jobs, counts) stays on the coordinator. The functions and the catalogue are those
of Citus 11 and newer (docs.citusdata.com, "Citus Utility Functions" and "Citus Tables and Views").
"""

from __future__ import annotations

import logging

from alerts.storage.base import BaseDatabase

_log = logging.getLogger(__name__)
COLUMN = "shard"
_THERE = "SELECT 1 FROM pg_proc WHERE proname = 'create_distributed_table' LIMIT 1"
_BY_SHARD = """
SELECT c.relname FROM pg_class c
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind = 'r' AND a.attname = ?
ORDER BY c.relname
"""
_SPREAD = "SELECT 1 FROM pg_dist_partition WHERE logicalrelid = CAST(? AS regclass)"
_LEFT_BEHIND = "SELECT pg_relation_size(CAST(? AS regclass))"


def distribute(db: BaseDatabase, lock: int) -> list[str]:
    """Distribute the sharded tables, if the database has Citus; return the tables distributed now.

    Safe to run twice, by several processes at once (`lock` is the advisory lock that they share), and to interrupt:
    each table is distributed atomically. Existing rows move along; meanwhile the table can be read, not written.
    """
    if db.dialect != "postgresql":
        return []
    with db.read() as tx:
        if not tx.execute(_THERE):
            return []
        tables = [str(name) for (name,) in tx.execute(_BY_SHARD, (COLUMN,))]
    return [table for table in tables if _spread(db, table, lock)]


def _spread(db: BaseDatabase, table: str, lock: int) -> bool:
    with db.write() as tx:
        tx.execute("SELECT pg_advisory_xact_lock(?)", (lock,))
        new = not tx.execute(_SPREAD, (table,))
        if new:
            tx.execute(f"SELECT create_distributed_table(CAST(? AS regclass), '{COLUMN}')", (table,))
            _log.info("table %s is spread over the nodes of Citus by its %s", table, COLUMN)
    with db.write() as tx:
        tx.execute("SELECT pg_advisory_xact_lock(?)", (lock,))
        # The moved rows stay on the coordinator, hidden: an erasure would never reach them.
        if int(tx.execute(_LEFT_BEHIND, (table,))[0][0] or 0):
            tx.execute("SELECT truncate_local_data_after_distributing_table(CAST(? AS regclass))", (table,))
    return new
