"""Tail cache: the last events that this process appended, for the readers that follow the log in it.

They read each event a moment after it was written: from here it costs them no query, and no row of it that Python's
driver would let go of the interpreter for. The rows are as they are on disk: what is personal in them is sealed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock

from eventsourcing.persistence import Notification

_MOST_ROWS, _MOST_BYTES = 4_000, 8_000_000


class RecentRows:
    """Rows without a gap up to the last commit of this process that it knows of. Any thread may call it."""

    def __init__(self, rows: int = _MOST_ROWS, bytes: int = _MOST_BYTES) -> None:
        """At most so many rows, and so many bytes of events, are kept."""
        self._most_rows, self._most_bytes = rows, bytes
        self._lock = Lock()
        self._rows: list[Notification] = []
        self._bytes = 0

    def add(self, rows: Sequence[Notification]) -> None:
        """What was committed now, in order. What other processes wrote in between leaves a gap: then it begins anew."""
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
        """Whether it may hold all that comes after that position."""
        rows = self._rows
        return bool(rows) and rows[0].id - 1 <= position <= rows[-1].id

    def between(self, after: int, end: int, limit: int, topics: Collection[str] = ()) -> list[Notification] | None:
        """Up to `limit` rows at positions > `after`, of these topics (none named: of all), where `end` is a position
        that the log has come to. None if not all of them as far as `end` are here: ask the database."""
        with self._lock:
            if not self._rows or after + 1 < self._rows[0].id or self._rows[-1].id < end:
                return None
            behind = after + 1 - self._rows[0].id
            if not topics:
                return self._rows[behind : behind + limit]
            rows = self._rows[behind:]
        return [row for row in rows if row.topic in topics][:limit]
