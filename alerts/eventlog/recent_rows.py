"""Tail cache: the last events that this process appended, for the readers that follow the log in it.

They read each event a moment after it was written: the cache saves them a query, and the driver's release of the
interpreter lock at each row. The rows are as on disk: personal data is sealed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock

from eventsourcing.persistence import Notification

_MOST_ROWS, _MOST_BYTES = 4_000, 8_000_000


class RecentRows:
    """Rows without a gap up to this process's last known commit. Thread-safe."""

    def __init__(self, rows: int = _MOST_ROWS, bytes: int = _MOST_BYTES) -> None:
        """`rows`, `bytes`: limits of the cache."""
        self._most_rows, self._most_bytes = rows, bytes
        self._lock = Lock()
        self._rows: list[Notification] = []
        self._bytes = 0

    def add(self, rows: Sequence[Notification]) -> None:
        """Add committed rows, in order. A gap, left by another process's events, clears the cache."""
        size = sum([len(row.state) for row in rows])
        with self._lock:
            if self._rows and self._rows[-1].id + 1 != rows[0].id:
                self._rows, self._bytes = [], 0
            self._rows.extend(rows)
            self._bytes += size
            if len(self._rows) > self._most_rows or self._bytes > self._most_bytes:
                self._rows = list(rows) if len(rows) <= self._most_rows and size <= self._most_bytes else []
                self._bytes = size if self._rows else 0

    def begins_before(self, position: int) -> bool:
        """True if it may hold all that comes after that position."""
        rows = self._rows
        return bool(rows) and rows[0].id - 1 <= position <= rows[-1].id

    def between(self, after: int, end: int, limit: int, topics: Collection[str] = ()) -> list[Notification] | None:
        """Up to `limit` rows at positions > `after`, of these topics (none: all).

        `end` is a position that the log has reached. None if not all of them up to `end` are cached: query the
        database.
        """
        with self._lock:
            if not self._rows or after + 1 < self._rows[0].id or self._rows[-1].id < end:
                return None
            behind = after + 1 - self._rows[0].id
            if not topics:
                return self._rows[behind : behind + limit]
            rows = self._rows[behind:]
        return [row for row in rows if row.topic in topics][:limit]
