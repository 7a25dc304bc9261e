"""Calls of `migrate` to Citus. Citus itself is not on PyPI: minimal stubs of its three names answer here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate

CITUS = """
CREATE TABLE pg_dist_partition (logicalrelid REGCLASS PRIMARY KEY, partkey TEXT NOT NULL);
CREATE TABLE emptied (relation REGCLASS);
CREATE FUNCTION create_distributed_table(relation REGCLASS, col TEXT) RETURNS VOID LANGUAGE sql AS
    'INSERT INTO pg_dist_partition VALUES (relation, col)';
CREATE FUNCTION truncate_local_data_after_distributing_table(relation REGCLASS) RETURNS VOID LANGUAGE plpgsql AS
    'BEGIN INSERT INTO emptied VALUES (relation); EXECUTE format(''TRUNCATE %s'', relation); END';
"""
TABLES = """
CREATE TABLE big (shard INTEGER, id BIGINT, PRIMARY KEY (shard, id));
CREATE TABLE small (id BIGINT PRIMARY KEY, shard INTEGER);
"""


@pytest.fixture
def database(new_postgres: Callable[[], str], tmp_path: Path) -> Iterator[BaseDatabase]:
    opened = connect(new_postgres(), "main")
    (tmp_path / "0001_tables.sql").write_text(TABLES, encoding="utf-8")
    yield opened
    opened.close()


def _spread(database: BaseDatabase) -> list[tuple[object, ...]]:
    with database.read() as tx:
        return tx.execute("SELECT logicalrelid::text, partkey FROM pg_dist_partition")


def test_without_citus_nothing_is_spread(database: BaseDatabase, tmp_path: Path) -> None:
    assert migrate(database, tmp_path) == ["0001_tables.sql"]
    assert migrate(database, tmp_path) == []


def test_tables_that_begin_with_their_shard_are_spread_once(database: BaseDatabase, tmp_path: Path) -> None:
    migrate(database, tmp_path)
    with database.write() as tx:
        tx.script(CITUS)
    assert migrate(database, tmp_path) == ["distribution of big"]
    assert _spread(database) == [("big", "shard")]
    assert migrate(database, tmp_path) == []


def test_rows_that_stay_behind_out_of_sight_are_removed(database: BaseDatabase, tmp_path: Path) -> None:
    migrate(database, tmp_path)
    with database.write() as tx:
        tx.script(CITUS)
        tx.execute("INSERT INTO big VALUES (1, 1)")
    migrate(database, tmp_path)
    migrate(database, tmp_path)
    with database.read() as tx:
        assert tx.execute("SELECT relation::text FROM emptied") == [("big",)]


def test_spreading_that_was_broken_off_is_finished(database: BaseDatabase, tmp_path: Path) -> None:
    """The process ended between the two steps: the next run removes what stayed behind."""
    migrate(database, tmp_path)
    with database.write() as tx:
        tx.script(CITUS)
        tx.execute("INSERT INTO big VALUES (1, 1)")
        tx.execute("INSERT INTO pg_dist_partition VALUES ('big', 'shard')")
    assert migrate(database, tmp_path) == []
    with database.read() as tx:
        assert tx.execute("SELECT relation::text FROM emptied") == [("big",)]
