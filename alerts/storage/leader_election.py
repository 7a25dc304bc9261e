"""Leader election: on SQLite this process, on PostgreSQL the holder of an advisory lock."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, cast

from alerts.storage.base import BaseDatabase

if TYPE_CHECKING:  # psycopg is loaded only where PostgreSQL is used.
    from alerts.storage.postgres import Connection, PostgresDatabase

_LOCK = 0x7275_6E00
_POLL_INTERVAL_S = 1.0


class AdvisoryLockLeader:
    """Session lock on a separate connection: released as soon as its holder dies.

    It only spares the other processes work. The tracking row is what keeps two from applying an event twice.
    """

    def __init__(self, database: BaseDatabase, lock: int = _LOCK, *, every: float = _POLL_INTERVAL_S) -> None:
        """`lock` identifies the led work; each generation of a part has its own. `every`: seconds between tries."""
        self._database, self._lock, self._every = database, lock, every
        self._connection: Connection | None = None
        self._asked = self._sure = float("-inf")

    def is_leader(self) -> bool:
        """True if this process holds the lock, tried from time to time. Raises driver errors."""
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
        """True if the session is alive: an idle one does not notice a server restart, so it is pinged every second."""
        if monotonic() - self._sure < _POLL_INTERVAL_S:
            return True
        try:
            connection.execute("SELECT 1")
        except Exception:
            return False
        self._sure = monotonic()
        return True

    def release(self) -> None:
        """Release the lock for another process."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
