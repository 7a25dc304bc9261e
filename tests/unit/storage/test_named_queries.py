"""Named statements, and how they are turned for PostgreSQL."""

from __future__ import annotations

import pytest

from alerts.settings.package_data import find
from alerts.storage.named_queries import parse
from alerts.storage.postgres import copied, translated

TEXT = """
-- What this file is for.

-- name: first
-- A comment for the reader.
SELECT a
FROM t
WHERE b = ?;

-- name: second
DELETE FROM t
"""


def test_statements_by_name() -> None:
    queries = parse(TEXT, "t.sql")
    assert queries.first == queries["first"] == "SELECT a\nFROM t\nWHERE b = ?"
    assert queries.second == "DELETE FROM t"
    with pytest.raises(AttributeError, match="there are first, second"):
        _ = queries.third


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "two statements named a"),
        ("SELECT 1", "before the first"),
        ("-- name: a\n-- name: b\nSELECT 1", "nothing under a"),
    ],
)
def test_a_file_that_is_not_well_formed_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text, "t.sql")


@pytest.mark.parametrize(
    ("sql", "turned"),
    [
        ("SELECT ? + ?", "SELECT %s + %s"),
        ("SELECT '?', ?, 'it''s ?'", "SELECT '?', %s, 'it''s ?'"),
        ("SELECT a FROM t WHERE b LIKE '%?%' AND c % ? = 1", "SELECT a FROM t WHERE b LIKE '%%?%%' AND c %% %s = 1"),
    ],
)
def test_parameters_for_postgresql(sql: str, turned: str) -> None:
    assert translated(sql) == turned


@pytest.mark.parametrize(
    ("sql", "copy"),
    [
        ("INSERT INTO t (a, b) VALUES (?, ?)", "COPY t (a, b) FROM STDIN"),
        ("insert into t(a)\nvalues (?);", "COPY t (a) FROM STDIN"),
        ("INSERT INTO t (a, b) VALUES (?, 1)", None),
        ("INSERT INTO t (a, b) VALUES (?)", None),
        ("INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO NOTHING", None),
        ("INSERT INTO t (a) VALUES (?) RETURNING a", None),
        ("INSERT INTO t (a) SELECT ?", None),
        ("UPDATE t SET a = ?", None),
    ],
)
def test_only_a_plain_insert_goes_by_copy(sql: str, copy: str | None) -> None:
    assert copied(sql) == copy


def test_data_files_are_found_or_their_absence_said() -> None:
    assert (find("migrations", "sqlite") / "0001_log.sql").is_file()
    with pytest.raises(FileNotFoundError, match="install it again"):
        find("no", "such", "thing")


@pytest.mark.parametrize("folder", ["", "keys", "views"])
def test_both_databases_have_the_same_migrations(folder: str) -> None:
    names = [
        sorted(f.name for f in find("migrations", d).joinpath(folder).glob("*.sql")) for d in ("sqlite", "postgresql")
    ]
    assert names[0] == names[1] != []
