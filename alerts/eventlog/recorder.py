"""Recorder: the `eventsourcing` library's `ProcessRecorder` over our tables, on SQLite and PostgreSQL.

Every append and every read of events goes through this class. `events` and `reactors` are named in its SQL alone.
Exceptions: the prover and the verifier, which must not trust it; the SQLite backup, which reads a copy; the benchmark's
raw rows, which are the limit that an append is compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from threading import local
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    DatabaseError,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    Subscription,
    Tracking,
)

from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.ports import Value

CHANNEL = "alerts_events"
"""PostgreSQL notification channel of appends; the payload is the last position."""

_LOCK = 0x6576_656E_7473  # "events"
_COLUMNS = "originator_id, originator_version, topic, state, position"
_INSERT = "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
_TRACK = """
INSERT INTO reactors (name, log_position) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET log_position = excluded.log_position
WHERE reactors.log_position < excluded.log_position
RETURNING log_position
"""


class PositionedEvent(Notification):
    """Stored event of a stream that knows its position in the log; equal to one that does not."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredEvent):
            return NotImplemented
        return _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(_fields(self))


class Recorder(ProcessRecorder):
    """Events in order of commit; tracking positions move with the events that they belong to.

    A thread with an open write transaction joins it by `joined`: its reads and inserts are then part of it, and the
    driver's errors pass unchanged to the transaction's owner. Otherwise each call is a separate transaction, and errors
    are the library's.
    """

    def __init__(self, database: BaseDatabase) -> None:
        self.database = database
        self._thread = local()

    @contextmanager
    def joined(self, tx: BaseTransaction) -> Iterator[None]:
        """Run this thread's calls inside an open transaction."""
        self._thread.tx = tx
        try:
            yield
        finally:
            self._thread.tx = None

    # --- writing

    def lock(self) -> int:
        """Take the append lock until the joined transaction ends; return the last position ever used, 0 if none.

        Positions then become visible in order: no other process can get a higher one and commit it first. On SQLite the
        write transaction itself is that lock. On PostgreSQL it is an advisory lock, which serves as the library's
        EXCLUSIVE table lock does, but does not make an append wait for autovacuum's ANALYZE of the table.
        """
        with self._write() as tx:
            if tx.dialect == "sqlite":
                rows = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
                return int(rows[0][0]) if rows else 0
            tx.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            last, called = tx.execute("SELECT last_value, is_called FROM events_position")[0]
            return int(last) if called else 0

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert events and move tracking positions in one transaction; return their positions, None without events.

        Keyword arguments: `tracking`, the library's own; `positions` (name → position), several trackings at once;
        `last_position`, what `lock` returned, if the caller holds the lock; `before_insert`, called once the events are
        encoded and before the first is written (new keys must be on disk before the data they seal). Raises the
        library's `IntegrityError` if a version exists already or a tracking is behind.
        """
        tracking: Tracking | None = kwargs.get("tracking")
        positions: Mapping[str, int] = kwargs.get("positions") or {}
        before_insert: Callable[[], None] | None = kwargs.get("before_insert")
        last: int | None = kwargs.get("last_position")
        if before_insert is not None:
            before_insert()
        with self._errors(), self._write() as tx, nullcontext() if self._tx is tx else self.joined(tx):
            if tracking is not None:
                _track(tx, tracking)
            for name, position in positions.items():
                _track(tx, Tracking(name, position))
            if not stored_events:
                return None
            start = (self.lock() if last is None else last) + 1
            end = start + len(stored_events) - 1
            tx.executemany(
                _INSERT,
                [
                    (position, _raw(event.originator_id), event.originator_version, event.topic, event.state)
                    for position, event in enumerate(stored_events, start)
                ],
            )
            if tx.dialect == "postgresql":
                tx.execute("SELECT setval('events_position', ?), pg_notify(?, ?)", (end, CHANNEL, str(end)))
            return list(range(start, end + 1))

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move a reactor's position forward; `IntegrityError` if it is there or further."""
        with self._errors(), self._write() as tx:
            _track(tx, tracking)

    # --- reading

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Select a stream's events by version, each with its position (`PositionedEvent`)."""
        sql = f"SELECT {_COLUMNS} FROM events WHERE originator_id = ?"
        params: list[Value] = [_raw(originator_id)]
        if gt is not None:
            sql += " AND originator_version > ?"
            params.append(gt)
        if lte is not None:
            sql += " AND originator_version <= ?"
            params.append(lte)
        sql += f" ORDER BY originator_version {'DESC' if desc else 'ASC'}"
        if limit is not None:
            sql += " LIMIT ?"
            params.append(limit)
        with self._errors(), self._read() as tx:
            rows = tx.execute(sql, params)
        return [PositionedEvent(UUID(bytes=row[0]), *row[1:]) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Select the log by position, from `start` to `stop`."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        sql = f"SELECT {_COLUMNS} FROM events WHERE position > ?"
        params: list[Value] = [after]
        if stop is not None:
            sql += " AND position <= ?"
            params.append(stop)
        if topics:
            sql += f" AND topic IN ({', '.join('?' * len(topics))})"
            params.extend(topics)
        params.append(limit)
        return self._select(f"{sql} ORDER BY position LIMIT ?", params)

    def select_at(self, positions: Collection[int]) -> Sequence[Notification]:
        """Select the events at these positions (some hundreds at most), in log order."""
        marks = ", ".join("?" * len(positions))
        return self._select(
            f"SELECT {_COLUMNS} FROM events WHERE position IN ({marks}) ORDER BY position", list(positions)
        )

    def select_streams(self, originator_ids: Collection[UUID]) -> Sequence[Notification]:
        """Select the events of these streams (some hundreds at most), each stream by version."""
        marks = ", ".join("?" * len(originator_ids))
        sql = f"SELECT {_COLUMNS} FROM events WHERE originator_id IN ({marks})"
        return self._select(f"{sql} ORDER BY originator_id, originator_version", [_raw(one) for one in originator_ids])

    def select_last(self, up_to: int) -> Notification | None:
        """Select the last event at a position ≤ `up_to`."""
        sql = f"SELECT {_COLUMNS} FROM events WHERE position <= ? ORDER BY position DESC LIMIT 1"
        return next(iter(self._select(sql, (up_to,))), None)

    def streams_since(self, position: int, limit: int) -> list[UUID] | None:
        """List the streams with events after a position; None if there are more than `limit` events."""
        with self._errors(), self._read() as tx:
            rows = tx.execute("SELECT originator_id FROM events WHERE position > ? LIMIT ?", (position, limit + 1))
        return None if len(rows) > limit else [UUID(bytes=row[0]) for row in rows]

    def max_notification_id(self) -> int | None:
        """Return the last position, None if the log is empty."""
        with self._errors(), self._read() as tx:
            last: int | None = tx.execute("SELECT MAX(position) FROM events")[0][0]
        return last

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return a reactor's position, None if it has not begun."""
        with self._errors(), self._read() as tx:
            rows = tx.execute("SELECT log_position FROM reactors WHERE name = ?", (application_name,))
        return int(rows[0][0]) if rows else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Subscribe to the log after `gt`, polled every 50 ms (our own runner is woken instead)."""
        return _PollingSubscription(self, gt, topics)

    # --- inside

    @property
    def _tx(self) -> BaseTransaction | None:
        tx: BaseTransaction | None = getattr(self._thread, "tx", None)
        return tx

    @contextmanager
    def _read(self) -> Iterator[BaseTransaction]:
        if (tx := self._tx) is not None:
            yield tx
            return
        with self.database.read() as tx:
            yield tx

    @contextmanager
    def _write(self) -> Iterator[BaseTransaction]:
        if (tx := self._tx) is not None:
            yield tx
            return
        with self.database.write() as tx:
            yield tx

    def _select(self, sql: str, params: Sequence[Value]) -> list[Notification]:
        with self._errors(), self._read() as tx:
            rows = tx.execute(sql, params)
        return notifications(rows)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate the driver's errors to the library's, unless a transaction is joined."""
        try:
            yield
        except Exception as error:
            if self._tx is not None:
                raise
            match self.database.fault_kind(error):
                case "conflict":
                    raise IntegrityError(str(error)) from error
                case "transient":
                    raise OperationalError(str(error)) from error
                case "schema":
                    raise ProgrammingError(str(error)) from error
                case "other":
                    raise DatabaseError(str(error)) from error
            raise


class _PollingSubscription(Subscription[ApplicationRecorder]):
    def __init__(self, recorder: Recorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._waiting: list[Notification] = []

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if not self._waiting:
                found = self._recorder.select_notifications(
                    self._last_notification_id, 500, topics=self._topics, inclusive_of_start=False
                )
                self._waiting = list(reversed(found))
            if self._waiting:
                notification = self._waiting.pop()
                self._last_notification_id = notification.id
                return notification
            time.sleep(0.05)
        raise StopIteration


def notifications(rows: Iterable[Sequence[Any]]) -> list[Notification]:
    """Convert rows of `_COLUMNS` to the library's notifications."""
    return [
        Notification(UUID(bytes=stream), version, topic, state, position)
        for stream, version, topic, state, position in rows
    ]


def _track(tx: BaseTransaction, tracking: Tracking) -> None:
    if not tx.execute(_TRACK, (tracking.application_name, tracking.notification_id)):
        raise IntegrityError(f"{tracking.application_name} has already come to {tracking.notification_id}")


def _fields(event: StoredEvent) -> tuple[UUID | str, int, str, bytes]:
    return event.originator_id, event.originator_version, event.topic, event.state


def _raw(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
