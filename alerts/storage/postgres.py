"""PostgreSQL: one schema per part, selected by the connection's search path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql as pgsql
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from alerts.kernel.errors import Unavailable
from alerts.storage.base import BadUrl, BaseDatabase, BaseTransaction, FaultKind, NotDurable, Part, driver_error
from alerts.storage.connection_pool import Pool
from alerts.storage.ports import Dialect, Row, Statement, Value

Connection = psycopg.Connection[Row]

_LITERAL = re.compile(r"('(?:[^']|'')*')")
_PLAIN_INSERT = re.compile(r"\s*INSERT INTO (\w+)\s*\(([\w\s,]+)\)\s*VALUES\s*\(\s*\?(?:\s*,\s*\?)*\s*\)\s*;?\s*", re.I)
_COPY_FROM = 20
_CONNECTIONS = 12
_BEGIN_WRITE = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'"
"""Begin of a write transaction, with a server-side timeout for an idle one.

A stopped process or unreachable machine must not block the others from the log or the read models.
"""
_IDLE_TIMEOUT = "25P03"
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
_SERVER_KEEPALIVE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
"""TCP keepalives of the server. Either side notices an unreachable peer within half a minute.

The default is two hours. The server then frees the process's locks, and a process finds another server at the address.
"""


@lru_cache(maxsize=2048)
def translated(sql: str) -> str:
    """Translate `?` to psycopg's `%s`, outside of literals."""
    parts = _LITERAL.split(sql.replace("%", "%%"))
    return "".join(p if i % 2 else p.replace("?", "%s") for i, p in enumerate(parts))


@lru_cache(maxsize=512)
def copied(sql: str) -> str | None:
    """Translate a plain INSERT of one row of parameters to COPY; None for any other statement."""
    match = _PLAIN_INSERT.fullmatch(sql)
    if match is None or match[2].count(",") + 1 != sql.count("?"):
        return None
    return f"COPY {match[1]} ({match[2]}) FROM STDIN"


class _NumberLoader(Loader):
    """Loader of numeric: SUM over bigint is numeric in PostgreSQL and an integer in SQLite; readers get integers."""

    def load(self, data: Buffer) -> int | float:
        value = Decimal(bytes(data).decode())
        return int(value) if value == value.to_integral_value() else float(value)


class _TruthLoader(Loader):
    """Loader of booleans: 0 or 1, as in SQLite."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class PostgresTransaction(BaseTransaction):
    """Open transaction."""

    dialect: Dialect = "postgresql"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        cursor = self.connection.execute(translated(sql), params)
        return cursor.fetchall() if cursor.description is not None else []

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        rows = iter(rows)
        first = list(islice(rows, _COPY_FROM))
        copy = copied(sql) if len(first) == _COPY_FROM else None
        with self.connection.cursor() as cursor:
            if copy is None:
                cursor.executemany(translated(sql), [*first, *rows])
                return
            with cursor.copy(copy) as sink:
                for row in first:
                    sink.write_row(row)
                for row in rows:
                    sink.write_row(row)

    def execute_all(self, statements: Sequence[Statement]) -> None:
        if len(statements) == 1:
            self.connection.execute(translated(statements[0][0]), statements[0][1])
        elif statements:
            with self.connection.pipeline(), self.connection.cursor() as cursor:
                for sql, params in statements:
                    cursor.execute(translated(sql), params)

    def script(self, sql: str) -> None:
        self.connection.execute(sql)


class PostgresDatabase(BaseDatabase):
    """PostgreSQL schema. Durable parts commit synchronously, and a server with fsync off is refused."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, part: Part, generation: int = 1, *, readonly: bool = False) -> None:
        self.part, self.generation, self._readonly = part, generation, readonly
        self.schema = {"main": "alerts", "keys": "keys", "views": f"views_{generation}"}[part]
        self._conninfo = self._with_settings(url)
        self._durable = False
        self._pool: Pool[Connection] = Pool(
            self.open_connection,
            lambda connection: connection.close(),
            lambda connection: not connection.closed and not connection.broken,
            limit=_CONNECTIONS,
        )
        with self._pool.take():
            pass  # Connect now: a wrong address or password and a server without fsync are reported at start.

    def _with_settings(self, url: str) -> str:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise BadUrl(f"ALERTS_DATABASE_URL cannot be read: {str(error).strip()}") from error
        commit = "off" if self.part == "views" else "on"
        settings = f"-c search_path={self.schema} -c synchronous_commit={commit} -c timezone=UTC {_SERVER_KEEPALIVE}"
        given["options"] = f"{given.get('options') or ''} {settings}".strip()
        given.setdefault("application_name", f"alerts {self.part}")
        given.setdefault("connect_timeout", 10)
        for name, value in _KEEPALIVE.items():
            given.setdefault(name, value)
        return make_conninfo("", **given)

    def open_connection(self) -> Connection:
        """Open a separate connection (in autocommit), such as the one that listens; the caller closes it."""
        try:
            connection: Connection = psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {str(error).strip()}") from error
        connection.adapters.register_loader("numeric", _NumberLoader)
        connection.adapters.register_loader("bool", _TruthLoader)
        if not self._durable:
            self._assert_durable(connection)
            self._durable = True
        return connection

    def _assert_durable(self, connection: Connection) -> None:
        if self.part == "views":
            return
        wrong = [
            name
            for name, value in (
                connection.execute("SELECT %s, current_setting(%s)", (name, name)).fetchall()[0]
                for name in ("fsync", "full_page_writes", "synchronous_commit")
            )
            if value == "off"
        ]
        if wrong:
            connection.close()
            raise NotDurable(f"PostgreSQL would lose acknowledged events: switch {' and '.join(wrong)} on")

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        with self._pool.take() as connection:
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgresTransaction(connection)
            except psycopg.Error as error:
                if self.fault_kind(error) == "transient":
                    raise Unavailable(f"PostgreSQL does not answer just now ({str(error).strip()}).") from error
                raise
            finally:
                _end(connection, "ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[PostgresTransaction]:
        if self._readonly:
            raise Unavailable("This database is open for reading only.")
        with self._pool.take() as connection:
            connection.execute(_BEGIN_WRITE)
            try:
                yield PostgresTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                _end(connection, "ROLLBACK")
                raise

    def fault_kind(self, error: BaseException) -> FaultKind | None:
        error = driver_error(error)
        if not isinstance(error, psycopg.Error):
            return None
        # Class 40 is what a server rolls back to resolve a deadlock: to be decided afresh, as a conflict is.
        if isinstance(error, psycopg.errors.UniqueViolation) or (error.sqlstate or "").startswith("40"):
            return "conflict"
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or error.sqlstate == _IDLE_TIMEOUT:
            return "transient"
        return "schema" if isinstance(error, psycopg.ProgrammingError) else "other"

    def exists(self) -> bool:
        with self.read() as tx:
            return bool(tx.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (self.schema,)))

    def drop(self) -> None:
        with self.write() as tx:
            name = pgsql.Identifier(self.schema)
            tx.connection.execute(pgsql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
        self.close()

    def wipe_deleted(self) -> None:
        """Free the space of deleted rows; the server's WAL and backups keep them until they are recycled."""
        with self._pool.take() as connection:
            connection.execute("VACUUM")

    def close(self) -> None:
        self._pool.close()


def _end(connection: psycopg.Connection[Any], how: str) -> None:
    """End the transaction; a connection that fails to is closed, so that the pool drops it."""
    with suppress(psycopg.Error):
        connection.execute(how)
        return
    connection.close()
