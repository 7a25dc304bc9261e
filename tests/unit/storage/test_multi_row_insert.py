"""Many rows by few statements: the same as one by one."""

from __future__ import annotations

import sqlite3

import pytest

from alerts.storage.multi_row_insert import write_rows

_UPSERT = """
INSERT INTO t (id, n, name) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n, name = excluded.name
"""


def _written(rows: list[tuple[int, int, str]], sql: str, *, at_once: bool) -> tuple[list[tuple[int, int, str]], int]:
    """The table afterwards, and how many statements it took."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name TEXT)")
    run: list[str] = []
    connection.set_trace_callback(run.append)
    if at_once:
        write_rows(connection, sql, rows)
    else:
        connection.executemany(sql, rows)
    connection.set_trace_callback(None)
    return connection.execute("SELECT * FROM t ORDER BY id").fetchall(), len(run)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 63, 64, 65, 200, 600])
def test_the_table_is_the_same_as_one_by_one(count: int) -> None:
    rows = [(i % 50, i, f"n{i}") for i in range(count)]  # a row may change what one before it in its statement wrote
    one_by_one, _ = _written(rows, _UPSERT, at_once=False)
    at_once, _ = _written(rows, _UPSERT, at_once=True)
    assert at_once == one_by_one


def test_two_hundred_rows_take_few_statements() -> None:
    rows = [(i, i, "x") for i in range(200)]
    _, statements = _written(rows, "INSERT INTO t (id, n, name) VALUES (?, ?, ?)", at_once=True)
    assert statements == 4  # three of 64 rows, one of 8


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET n = ?2, name = ?3 WHERE id = ?1",
        "INSERT INTO t (id, n, name) VALUES (?, ? + 1, ?)",
        "INSERT INTO t (id, n, name) SELECT ?, ?, ?",
        "INSERT INTO t (id, n, name) VALUES (?, ?, 'x') ON CONFLICT (id) DO UPDATE SET name = ?",
    ],
)
def test_any_other_statement_runs_row_by_row(sql: str) -> None:
    rows = [(i, i, "x") for i in range(20)]
    assert _written(rows, sql, at_once=True) == _written(rows, sql, at_once=False)


def test_a_key_that_is_there_already_is_the_drivers_own_error() -> None:
    with pytest.raises(sqlite3.IntegrityError):
        _written([(1, 1, "x")] * 10, "INSERT INTO t (id, n, name) VALUES (?, ?, ?)", at_once=True)
