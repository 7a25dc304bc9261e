"""Who runs the projections of one generation: on SQLite this process, on PostgreSQL whoever holds the lock."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, cast

from alerts.storage.base import BaseDatabase

if TYPE_CHECKING:  # psycopg is loaded only where PostgreSQL is used.
    from alerts.storage.postgres import Connection, PostgresDatabase

_LOCK = 0x7275_6E00
_POLL_INTERVAL_S = 1.0


class AdvisoryLockLeader:
    """A session lock on a connection of its own: it is free again at the moment its holder dies.

    It only spares the others work. What keeps two from applying an event twice is the tracking row.
    """

    def __init__(self, database: BaseDatabase, lock: int = _LOCK, *, every: float = _POLL_INTERVAL_S) -> None:
        """`lock` names the work that is led; each generation of a part has its own. `every`: seconds between asking
        for it."""
        self._database, self._lock, self._every = database, lock, every
        self._connection: Connection | None = None
        self._asked = self._sure = float("-inf")

    def is_leader(self) -> bool:
        """Whether this process holds the lock, asked for now and then. Raises what the driver raises."""
        if self._database.dialect == "sqlite":
            return True
        if self._connection is not None:
            if self._holds(self._connection):
                return True
            self.release()
        if monotonic() - self._asked < self._every:
            return False
        self._asked = monotonic()
        connection = cast("PostgresDatabase", self._database).open_connection()
        lock = self._lock + self._database.generation
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
        if row is not None and row[0]:
            self._connection, self._sure = connection, monotonic()
            return True
        connection.close()
        return False

    def _holds(self, connection: Connection) -> bool:
        """A session that says nothing does not learn that its server was restarted: it is asked once a second."""
        if monotonic() - self._sure < _POLL_INTERVAL_S:
            return True
        try:
            connection.execute("SELECT 1")
        except Exception:
            return False
        self._sure = monotonic()
        return True

    def release(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
