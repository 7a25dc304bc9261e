"""PostgreSQL backup: every table of the schemas `alerts` and `keys` by COPY, in one snapshot.

No external program is needed. A restore is one transaction: the schemas are created by the same migrations as those of
the backup, filled, and verified before the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from alerts.backup.manifest import BadBackup, Manifest, Table
from alerts.storage.migrate import TABLE
from alerts.storage.postgres import Connection, PostgresTransaction

SCHEMAS = ("alerts", "keys")
_TABLES = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_SEQUENCES = "SELECT schemaname::text, sequencename::text FROM pg_sequences WHERE schemaname = ANY (%s)"
_OURS = "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('alerts', 'keys') OR nspname ~ '^views_[0-9]+$'"
_CHUNK = 1 << 20


class Schema:
    """A schema on a connection with an open transaction, readable by the verifier."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name = connection, name

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        search(self._connection, self._name)
        yield PostgresTransaction(self._connection)


def search(connection: Connection, schema: str) -> None:
    """Set the search path to this schema until the end of the transaction."""
    connection.execute("SELECT set_config('search_path', %s, true)", (schema,))


def export(connection: Connection, folder: Path) -> tuple[list[Table], dict[str, int]]:
    """Export every table to a file, in the connection's snapshot; returns the tables and the sequences' values."""
    tables = []
    for schema in SCHEMAS:
        for name, columns in connection.execute(_TABLES, (schema,)).fetchall():
            table = Table(schema=schema, name=name, columns=list(columns), file=f"{schema}.{name}.copy")
            copy = connection.cursor().copy(_copy(table, "TO STDOUT"))
            with (folder / table.file).open("wb") as out, copy as rows:
                for chunk in rows:
                    out.write(chunk)
            tables.append(table)
    sequences = {}
    for schema, name in connection.execute(_SEQUENCES, (list(SCHEMAS),)).fetchall():
        query = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}")
        [value] = connection.execute(query.format(sql.Identifier(schema, name))).fetchone() or (0,)
        sequences[f"{schema}.{name}"] = int(value)
    return tables, sequences


def applied(connection: Connection) -> dict[str, list[str]]:
    """Applied migrations by schema."""
    query = sql.SQL("SELECT name FROM {} ORDER BY name")
    return {
        schema: [row[0] for row in connection.execute(query.format(sql.Identifier(schema, "migrations"))).fetchall()]
        for schema in SCHEMAS
    }


def is_used(connection: Connection) -> bool:
    """True if there is a log with events."""
    found = connection.execute("SELECT to_regclass('alerts.events') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return False
    return connection.execute("SELECT 1 FROM alerts.events LIMIT 1").fetchone() is not None


def load(connection: Connection, folder: Path, manifest: Manifest, files: dict[str, Path]) -> None:
    """Replace the existing schemas by the backup, in the open transaction. `files`: migrations by schema."""
    for (schema,) in connection.execute(_OURS).fetchall():
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    for schema in SCHEMAS:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        search(connection, schema)
        connection.execute(TABLE)
        for name in manifest.migrations[schema]:
            if not (files[schema] / name).is_file():
                raise BadBackup(f"the backup has {name}, which this version does not know: restore it with a newer one")
            PostgresTransaction(connection).script((files[schema] / name).read_text(encoding="utf-8"))
    for table in manifest.tables:
        _fill(connection, folder, table)
    for sequence, value in manifest.sequences.items():
        if value:
            connection.execute("SELECT setval(%s, %s)", (sequence, value))


def _fill(connection: Connection, folder: Path, table: Table) -> None:
    connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table.schema, table.name)))
    copy = connection.cursor().copy(_copy(table, "FROM STDIN"))
    with (folder / table.file).open("rb") as source, copy as rows:
        while chunk := source.read(_CHUNK):
            rows.write(chunk)


def _copy(table: Table, way: LiteralString) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    name = sql.Identifier(table.schema, table.name)
    return sql.SQL("COPY {} ({}) ").format(name, columns) + sql.SQL(way)
