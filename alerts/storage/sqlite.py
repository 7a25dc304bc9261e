"""SQLite: one file per part, in WAL, with one writing connection that alone checkpoints."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, cast

from alerts.kernel.errors import Unavailable
from alerts.storage.base import BadUrl, BaseDatabase, BaseTransaction, FaultKind, NotDurable, Part, driver_error
from alerts.storage.connection_pool import Pool
from alerts.storage.multi_row_insert import write_rows
from alerts.storage.ports import Dialect, Row, Statement, Value

BESIDE, NEW = "-audience", ".new"
"""File name suffixes of a read model's blob, and of its draft (`alerts.storage.blob_store`)."""
_BUSY_MS = 15_000
_FULL, _NORMAL = 2, 1
_TRANSIENT = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
    )
)
_CONFLICT = frozenset((sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE))
_UNSYNCED = frozenset((sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC))

_log = logging.getLogger(__name__)


def fail_stop(error: sqlite3.Error) -> None:
    """Exit this process at once (exit code 1), without answering any caller.

    After a failed sync the system forgets the affected pages: the next sync succeeds, and reads return what was
    written, until power is lost. Only a restarted process, which reads what is really on disk, can promise anything.
    """
    _log.critical(
        "the disk did not take what was written (%s): this process ends, because nothing that it writes from here on "
        "could be trusted. Check the disk, then start it again: it begins with what is on the disk",
        error,
    )
    logging.shutdown()
    os._exit(1)


def file_of(url: str, part: Part, generation: int = 1) -> Path:
    """Return the file of a part: three slashes are relative to the working directory, four absolute."""
    if not url.startswith("sqlite:///") or len(url) == len("sqlite:///"):
        raise BadUrl(f"ALERTS_DATABASE_URL {url!r} names no file: write sqlite:///var/alerts.db")
    main = Path(url.removeprefix("sqlite:///"))
    if part == "main":
        return main
    stem = main.name.removesuffix(".db")
    return main.with_name(f"{stem}.keys.db" if part == "keys" else f"{stem}.views-{generation}.db")


class SQLiteTransaction(BaseTransaction):
    """Open transaction."""

    dialect: Dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return self.connection.execute(sql, params).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        write_rows(self.connection, sql, rows)

    def execute_all(self, statements: Sequence[Statement]) -> None:
        for sql, params in statements:
            self.connection.execute(sql, params)

    def script(self, sql: str) -> None:
        # Not executescript(): that commits the open transaction first.
        statement = ""
        for line in sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self.connection.execute(statement)
                statement = ""
        if statement.strip() and not all(part.lstrip().startswith("--") for part in statement.splitlines() if part):
            raise ValueError(f"a statement without its semicolon: {statement.strip()[:80]}")


class SQLiteDatabase(BaseDatabase):
    """SQLite file. Durable parts use WAL with synchronous=FULL, which is set and read back at start."""

    dialect: Dialect = "sqlite"

    def __init__(
        self,
        file: Path,
        part: Part,
        generation: int = 1,
        *,
        readonly: bool = False,
        unsynced: Callable[[sqlite3.Error], None] = fail_stop,
    ) -> None:
        """`unsynced` is called when the disk failed to sync; it returns only in tests."""
        self.file, self.part, self.generation, self._readonly = file, part, generation, readonly
        self._unsynced = unsynced
        if not readonly:
            _make_private(file)
        self._synchronous = _NORMAL if part == "views" else _FULL
        self._mutex = Lock()
        self._owner: int | None = None
        self._writer: sqlite3.Connection | None = None if readonly else self._open_writer()
        self._readers: Pool[sqlite3.Connection] = Pool(
            self._open_reader, lambda connection: connection.close(), lambda connection: True, limit=64
        )

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.file, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=512
            )
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The database {self.file} cannot be opened: {error}") from error
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if self.part == "keys":
            connection.execute("PRAGMA secure_delete = ON")
        self._assert_durable(connection)
        self._empty_wal(connection)
        return connection

    def _empty_wal(self, connection: sqlite3.Connection) -> None:
        """Checkpoint the WAL of a process that died: a failed sync there would never be reported later.

        Current readers are not waited for.
        """
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            _log.warning("%s: what its last process left could not be written to its place yet: %s", self.file, error)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")

    def _assert_durable(self, connection: sqlite3.Connection) -> None:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if mode != "wal" or synchronous < self._synchronous:
            raise NotDurable(
                f"{self.file} does not take the durable settings (journal_mode is {mode}, synchronous {synchronous}): "
                "move it to a local file system that supports WAL, not a network share"
            )

    def _open_reader(self) -> sqlite3.Connection:
        if self._readonly and not self.file.exists():
            raise Unavailable(
                f"There is no database at {self.file} yet: start the server once, or run `alerts migrate`"
            )
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        # Only the writing connection checkpoints: SQLite before 3.51.3 may reset the WAL under another one.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    @contextmanager
    def read(self) -> Iterator[SQLiteTransaction]:
        with self._readers.take() as connection:
            try:
                connection.execute("BEGIN")
                yield SQLiteTransaction(connection)
            except sqlite3.Error as error:
                if self.fault_kind(error) == "transient":
                    raise Unavailable(f"{self.file} cannot be read just now ({error}). Try again.") from error
                raise
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[SQLiteTransaction]:
        if self._owner == get_ident():
            raise RuntimeError("a write transaction within a write transaction of the same file")
        with self._mutex:
            connection = self._writer
            if connection is None:
                raise Unavailable(f"{self.file} is closed, or open for reading only.")
            self._owner = get_ident()
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield SQLiteTransaction(connection)
                    connection.execute("COMMIT")
                except BaseException as error:
                    if isinstance(error, sqlite3.Error) and _code(error) in _UNSYNCED:
                        self._unsynced(error)
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            finally:
                self._owner = None

    def data_version(self, connection: sqlite3.Connection) -> int:
        """Number that changes when another connection, of any process, has committed."""
        return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def open_watcher(self) -> sqlite3.Connection:
        """Open a separate connection for `data_version`; the caller closes it."""
        return self._open_reader()

    def fault_kind(self, error: BaseException) -> FaultKind | None:
        error = driver_error(error)
        if not isinstance(error, sqlite3.Error):
            return None
        code = _code(error)
        if code in _CONFLICT:
            return "conflict"
        if code & 0xFF in _TRANSIENT:
            return "transient"
        return "schema" if code == sqlite3.SQLITE_ERROR else "other"

    def exists(self) -> bool:
        return self.file.exists() and self.file.stat().st_size > 0

    def drop(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm", BESIDE, BESIDE + NEW):
            Path(f"{self.file}{suffix}").unlink(missing_ok=True)

    def wipe_deleted(self) -> None:
        """Empty the WAL, which still holds deleted rows; secure_delete overwrites those in the file."""
        with self._mutex:
            if self._writer is None:
                raise Unavailable(f"{self.file} is closed, or open for reading only.")
            busy: tuple[Any, ...] = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy[0]:
            raise Unavailable("Somebody is still reading what is being erased. Try again in a moment.")

    def close(self) -> None:
        # Readers first: the last connection to close checkpoints, and that must be the writer.
        self._readers.close()
        with self._mutex:
            if self._writer is not None:
                self._writer.close()
                self._writer = None


def _code(error: sqlite3.Error) -> int:
    """SQLite's extended error code, 0 for errors of the Python module."""
    return cast(int, getattr(error, "sqlite_errorcode", 0))


def _make_private(file: Path) -> None:
    """Create the file readable by its owner alone; SQLite gives -wal and -shm the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not file.is_file():
            raise Unavailable(f"The database {file} cannot be created: something else stands there.") from None
        if not os.access(file, os.R_OK | os.W_OK):
            raise Unavailable(
                f"The database {file} may not be read and written by this user: run as the user to whom it belongs."
            ) from None
    except OSError as error:
        raise Unavailable(f"The database {file} cannot be created: {error.strerror}") from error
