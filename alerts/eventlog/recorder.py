"""The event log as the `eventsourcing` library sees it: its `ProcessRecorder` over our tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

from alerts.eventlog import append
from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.ports import Value

_TRACK = """
INSERT INTO tracking (name, position) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE tracking.position < excluded.position
RETURNING position
"""


class Recorder(ProcessRecorder):
    """Positions rise in the order of commit; tracking rows move with the events that they belong to."""

    def __init__(self, database: BaseDatabase) -> None:
        self.database = database

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Write events, and `tracking` if given, in one transaction; their positions, None for no event.

        Raises the library's `IntegrityError` if a version is there already or the tracking is behind.
        """
        tracking: Tracking | None = kwargs.get("tracking")
        with self._errors(), self.database.write() as tx:
            if tracking is not None:
                _track(tx, tracking)
            if not stored_events:
                return None
            start = append.begin(tx) + 1
            rows = [
                (start + i, _raw(e.originator_id), e.originator_version, e.topic, e.state)
                for i, e in enumerate(stored_events)
            ]
            append.insert(tx, rows)
            return [row[0] for row in rows]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's events by version."""
        sql = "SELECT originator_version, topic, state FROM events WHERE originator_id = ?"
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
        with self._errors(), self.database.read() as tx:
            return [StoredEvent(_id(originator_id), *row) for row in tx.execute(sql, params)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The log by position, from `start` to `stop`."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        sql = "SELECT originator_id, originator_version, topic, state, position FROM events WHERE position > ?"
        params: list[Value] = [after]
        if stop is not None:
            sql += " AND position <= ?"
            params.append(stop)
        if topics:
            sql += f" AND topic IN ({', '.join('?' * len(topics))})"
            params.extend(topics)
        params.append(limit)
        with self._errors(), self.database.read() as tx:
            rows = tx.execute(f"{sql} ORDER BY position LIMIT ?", params)
        return [Notification(UUID(bytes=row[0]), *row[1:]) for row in rows]

    def max_notification_id(self) -> int | None:
        """The last position, None if the log is empty."""
        with self._errors(), self.database.read() as tx:
            last: int | None = tx.execute("SELECT MAX(position) FROM events")[0][0]
        return last

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """The log from after `gt` on, then what comes; it looks every 50 ms (our own runner is woken instead)."""
        return _PollingSubscription(self, gt, topics)

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move a reactor's position forward; `IntegrityError` if it is there or further."""
        with self._errors(), self.database.write() as tx:
            _track(tx, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far a reactor has come, None if it has not begun."""
        with self._errors(), self.database.read() as tx:
            rows = tx.execute("SELECT position FROM tracking WHERE name = ?", (application_name,))
        return int(rows[0][0]) if rows else None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The driver's errors as the library's."""
        try:
            yield
        except Exception as error:
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


def _track(tx: BaseTransaction, tracking: Tracking) -> None:
    if not tx.execute(_TRACK, (tracking.application_name, tracking.notification_id)):
        raise IntegrityError(f"{tracking.application_name} has already come to {tracking.notification_id}")


def _id(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


def _raw(originator_id: UUID | str) -> bytes:
    return _id(originator_id).bytes
