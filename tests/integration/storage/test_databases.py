"""Opening, reading, writing and migrating both databases."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

import psycopg
import pytest

from alerts.kernel.errors import Unavailable
from alerts.storage.base import BadUrl, BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import NewerSchema, migrate, pending
from alerts.storage.sqlite import SQLiteDatabase, file_of

if TYPE_CHECKING:
    from tests.support.databases import Databases


@pytest.fixture
def table(database: BaseDatabase) -> BaseDatabase:
    blob = "BLOB" if database.dialect == "sqlite" else "BYTEA"
    real = "REAL" if database.dialect == "sqlite" else "DOUBLE PRECISION"
    with database.write() as tx:
        tx.execute(f"CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT, raw {blob}, ratio {real})")
    return database


def test_values_are_the_same_on_both(table: BaseDatabase) -> None:
    row = (1 << 40, "it's 100% ? – ė", b"\x00\xff\\", 0.1)
    many = [(n, "a\tb\n\\N\\", bytes([n]), None) for n in range(100)]
    with table.write() as tx:
        assert tx.execute("INSERT INTO t (id, word, raw, ratio) VALUES (?, ?, ?, ?)", row) == []
        tx.executemany("INSERT INTO t (id, word, raw, ratio) VALUES (?, ?, ?, ?)", many)
        tx.executemany("UPDATE t SET word = ? WHERE id = ?", (("changed", n) for n in range(3)))
        tx.executemany("UPDATE t SET word = ? WHERE id = ?", [])
        tx.execute_all(
            [("UPDATE t SET ratio = ? WHERE id = ?", (0.5, 7)), ("UPDATE t SET ratio = 1.5 WHERE id = 8", ())]
        )
        tx.execute_all([])
    with table.read() as tx:
        assert tx.execute("SELECT * FROM t WHERE id = ?", (1 << 40,)) == [row]
        assert tx.execute("SELECT word FROM t WHERE id IN (2, 3) ORDER BY id") == [("changed",), ("a\tb\n\\N\\",)]
        assert tx.execute("SELECT ratio FROM t WHERE id IN (7, 8, 9) ORDER BY id") == [(0.5,), (1.5,), (None,)]
        (total, compared, count) = tx.execute("SELECT SUM(id), MAX(id) > 5, COUNT(*) FROM t WHERE id < 100")[0]
        assert (total, compared, count) == (4950, 1, 100)
        assert type(total) is int and type(compared) is int
        assert tx.execute("SELECT raw FROM t WHERE id = 1")[0][0] == b"\x01"
        assert tx.execute("SELECT word FROM t WHERE word LIKE '%?%'") == [(row[1],)]


def test_a_block_that_raises_changes_nothing(table: BaseDatabase) -> None:
    with pytest.raises(ZeroDivisionError), table.write() as tx:
        tx.execute("INSERT INTO t (id) VALUES (1)")
        raise ZeroDivisionError
    with pytest.raises(Exception) as error, table.write() as tx:
        tx.execute("INSERT INTO t (id) VALUES (1)")
        tx.executemany("INSERT INTO t (id) VALUES (?)", [(n,) for n in range(50)])
    assert table.fault_kind(error.value) == "conflict"
    with pytest.raises(Exception) as error, table.write() as tx:
        tx.execute("SELECT no_such_column FROM t")
    assert table.fault_kind(error.value) == "schema"
    assert table.fault_kind(ValueError()) is None
    with table.write() as tx:
        assert tx.execute("SELECT COUNT(*) FROM t") == [(0,)]


def test_a_read_is_a_snapshot_and_blocks_nobody(table: BaseDatabase) -> None:
    with table.read() as reader:
        assert reader.execute("SELECT COUNT(*) FROM t") == [(0,)]
        with table.write() as tx:
            tx.execute("INSERT INTO t (id) VALUES (1)")
        with table.read() as later:
            assert later.execute("SELECT COUNT(*) FROM t") == [(1,)]
        assert reader.execute("SELECT COUNT(*) FROM t") == [(0,)]
    with pytest.raises(Exception), table.read() as reader:  # noqa: B017  the two drivers raise errors of their own
        reader.execute("INSERT INTO t (id) VALUES (2)")


def test_reading_and_writing_from_many_threads(table: BaseDatabase) -> None:
    def work(n: int) -> int:
        with table.write() as tx:
            tx.execute("INSERT INTO t (id) VALUES (?)", (n,))
        with table.read() as tx:
            return int(tx.execute("SELECT COUNT(*) FROM t WHERE id = ?", (n,))[0][0])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(200))) == [1] * 200


def test_a_closed_database_says_so(table: BaseDatabase) -> None:
    table.close()
    for way in (table.read, table.write):
        with pytest.raises(Unavailable), way() as tx:
            tx.execute("SELECT 1")


def test_sqlite_is_durable_private_and_in_three_files(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/alerts.db"
    for part, level in (("main", 2), ("keys", 2), ("views", 1)):
        database = connect(url, part, 3)  # type: ignore[arg-type]
        with database.write() as tx:
            assert tx.execute("PRAGMA journal_mode") == [("wal",)]
            assert tx.execute("PRAGMA synchronous") == [(level,)]
            if part == "keys":
                assert tx.execute("PRAGMA secure_delete") == [(1,)]
        database.close()
    files = sorted(file.name for file in (tmp_path / "deep").iterdir())
    assert files == ["alerts.db", "alerts.keys.db", "alerts.views-3.db"]
    assert all(os.stat(tmp_path / "deep" / name).st_mode & 0o777 == 0o600 for name in files)


def test_sqlite_urls(tmp_path: Path) -> None:
    assert file_of("sqlite:///var/alerts.db", "main") == Path("var/alerts.db")
    assert file_of("sqlite:////srv/a.db", "views", 7) == Path("/srv/a.views-7.db")
    assert file_of("sqlite:////srv/a", "keys") == Path("/srv/a.keys.db")
    for wrong in ("sqlite://var/alerts.db", "sqlite:///", "mysql://x", "", "alerts.db", "postgresql://[bad"):
        with pytest.raises(BadUrl):
            connect(wrong, "main")
    with pytest.raises(Unavailable):
        connect("sqlite:////proc/no/alerts.db", "main")
    with pytest.raises(Unavailable), connect(f"sqlite:///{tmp_path}/none.db", "main", readonly=True).read():
        pass


def test_only_the_writer_checkpoints(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "a.db", "main")
    with database.read() as tx:
        assert tx.execute("PRAGMA wal_autocheckpoint") == [(0,)]
        assert tx.execute("PRAGMA query_only") == [(1,)]
    database.close()


def test_what_a_dead_process_left_in_the_wal_is_written_anew(tmp_path: Path) -> None:
    """A sync may have failed there without a later one telling: only what is written again is synced again."""
    dead, folder = SQLiteDatabase(tmp_path / "a.db", "main"), tmp_path / "begun-again"
    with dead.write() as tx:
        tx.execute("CREATE TABLE t (x BIGINT)")
        tx.execute("INSERT INTO t (x) VALUES (7)")
    folder.mkdir()
    for file in tmp_path.glob("a.db*"):
        shutil.copy(file, folder / file.name)  # as a kill leaves them
    assert (folder / "a.db-wal").stat().st_size > 0
    again = SQLiteDatabase(folder / "a.db", "main")
    assert (folder / "a.db-wal").stat().st_size == 0
    with again.read() as tx:
        assert tx.execute("SELECT x FROM t") == [(7,)]
    for database in (dead, again):
        database.close()


def test_a_failed_sync_is_told_before_anything_else_is_done(tmp_path: Path) -> None:
    told: list[sqlite3.Error] = []
    database = SQLiteDatabase(tmp_path / "a.db", "main", unsynced=told.append)

    def fail(code: int) -> sqlite3.Error:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        return error

    for code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC):
        with pytest.raises(sqlite3.OperationalError), database.write():
            raise fail(code)
    assert [error.sqlite_errorcode for error in told] == [sqlite3.SQLITE_IOERR_FSYNC]
    database.close()


def test_a_reader_whom_the_disk_fails_is_told_to_try_again(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "a.db", "main")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with pytest.raises(Unavailable, match="cannot be read just now"), database.read():
        raise error
    with pytest.raises(sqlite3.OperationalError, match="no such table"), database.read() as tx:
        tx.execute("SELECT 1 FROM missing")
    database.close()


def test_a_write_within_a_write_is_a_mistake_that_is_said(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "a.db", "main")
    with pytest.raises(RuntimeError, match="within"), database.write(), database.write():
        pass
    database.close()


def test_postgresql_survives_the_loss_of_its_connections(new_postgres: Callable[[], str], postgres_server: str) -> None:
    database = connect(new_postgres(), "main")
    migrate(database, _migrations("postgresql"))
    with database.read() as tx:
        name = tx.execute("SELECT current_database()")[0][0]
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    with pytest.raises(psycopg.OperationalError) as error, database.write() as tx:
        tx.execute("SELECT 1")
    assert database.fault_kind(error.value) == "transient"
    with database.write() as tx:
        assert tx.execute("SELECT 1") == [(1,)]
    database.close()


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        connect(f"postgresql:///x?host={tmp_path}", "main")


def _migrations(dialect: str) -> Path:
    from alerts.settings.package_data import find

    return find("migrations", dialect)


def test_migrations_are_applied_once_each_in_order(databases: Databases, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "0001_a.sql").write_text(
        "-- first\nCREATE TABLE a (x BIGINT); -- one\nCREATE TABLE b (x BIGINT);\n"
    )
    db = databases.another("views", 5)
    assert pending(db, tmp_path / "m") == ["0001_a.sql"]
    assert migrate(db, tmp_path / "m") == ["0001_a.sql"]
    assert migrate(db, tmp_path / "m") == []
    (tmp_path / "m" / "0002_b.sql").write_text("INSERT INTO a (x) VALUES (1);\nINSERT INTO b (y) VALUES (1);\n")
    with pytest.raises(Exception, match="y"):
        migrate(db, tmp_path / "m")
    with db.read() as tx:
        assert tx.execute("SELECT * FROM a") == [], "half a file is no file"
    (tmp_path / "m" / "0002_b.sql").write_text("INSERT INTO a (x) VALUES (2);\n")
    assert pending(db, tmp_path / "m") == ["0002_b.sql"]
    assert migrate(db, tmp_path / "m") == ["0002_b.sql"]
    with db.read() as tx:
        assert tx.execute("SELECT x FROM a") == [(2,)]
    (tmp_path / "m" / "0002_b.sql").unlink()
    with pytest.raises(NewerSchema, match="0002_b"):
        migrate(db, tmp_path / "m")


def test_migrations_by_several_processes_at_once(databases: Databases) -> None:
    opened = [databases.another("views", 9) for _ in range(4)]
    go = Flag()
    applied: list[list[str]] = []
    wrong: list[Exception] = []

    def run(db: BaseDatabase) -> None:
        go.wait()
        try:
            applied.append(migrate(db, databases.migrations("views")))
        except Exception as error:
            wrong.append(error)

    threads = [Thread(target=run, args=(db,)) for db in opened]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    names = sorted(f.name for f in databases.migrations("views").glob("*.sql"))
    assert sorted(name for names in applied for name in names) == names


def test_dropping_a_generation_leaves_the_others(databases: Databases) -> None:
    first, second = databases.another("views", 1), databases.another("views", 2)
    for db in (first, second):
        migrate(db, databases.migrations("views"))
    second.drop()
    assert databases.another("views", 1).exists()
    with databases.another("views", 1).read() as tx:
        assert tx.execute("SELECT COUNT(*) FROM tracking") == [(0,)]
    if databases.dialect == "sqlite":
        assert not file_of(databases.url, "views", 2).exists()


def test_a_damaged_sqlite_file_is_an_error_and_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        connect(f"sqlite:///{tmp_path}/a.db", "main")
    assert (tmp_path / "a.db").read_bytes().startswith(b"this is no")
