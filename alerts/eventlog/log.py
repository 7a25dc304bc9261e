"""Log reader: by position, by stream, and waiting for new events."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import Notification

from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.ports import Log, UnreadableEvent
from alerts.eventlog.position_waiter import PositionWaiter
from alerts.eventlog.recorder import CHANNEL
from alerts.kernel.errors import Unavailable
from alerts.kernel.events import Recorded, Stream

if TYPE_CHECKING:  # psycopg is loaded only where PostgreSQL is used.
    from alerts.storage.postgres import PostgresDatabase

S = TypeVar("S")

_PAGE = 500
_POLL = 0.05
_SLOW_POLL = 1.0
_SILENCE_CHECK_S = 2.0
_SILENT = 15.0
"""Seconds after which an idle transaction that others wait for is terminated."""
_END_SILENT = """
SELECT pg_terminate_backend(holder.pid) FROM pg_stat_activity holder
WHERE holder.datname = current_database() AND holder.usename = current_user
  AND holder.xact_start IS NOT NULL AND holder.wait_event = 'ClientRead'
  AND holder.state_change < clock_timestamp() - make_interval(secs => %s)
  AND EXISTS (SELECT 1 FROM pg_stat_activity waiting WHERE waiting.datname = current_database()
              AND waiting.wait_event_type = 'Lock' AND holder.pid = ANY (pg_blocking_pids(waiting.pid)))
"""


class EventLog:
    """`ports.Log` over the application. `close` it at the end: on PostgreSQL it has a listening connection."""

    def __init__(self, application: EventStoreApplication) -> None:
        self._application = application
        self._database, self._codec = application.database, application.codec
        self._grown = PositionWaiter()
        self._watching = Lock()
        self._watcher: Thread | None = None
        self._stopped = Event()

    def read(self, after: int, limit: int, topics: Collection[str] = ()) -> list[Recorded]:
        """Read up to `limit` events at positions > `after`, in order. A damaged event raises `UnreadableEvent`."""
        return self._read(self.notifications(after, limit, topics))

    def read_each(
        self, after: int, limit: int, topics: Collection[str] = (), *, unseal: bool = True
    ) -> list[Recorded | UnreadableEvent]:
        """Like `read`, with the error in the place of each unreadable event.

        Without `unseal` no key is used: personal fields read as None, and the sealed bytes are in `sealed`.
        """
        return self._codec.decode_many(self.notifications(after, limit, topics), unseal=unseal)

    def notifications(self, after: int, limit: int, topics: Collection[str] = ()) -> Sequence[Notification]:
        """Like `read`, in stored form: sealed, not decoded."""
        log = self._application.notification_log
        return log.select(after, limit, topics=sorted(topics), inclusive_of_start=False)

    def read_at(self, positions: Sequence[int]) -> list[Recorded]:
        """Read the events at these positions, in log order. Raises `UnreadableEvent`."""
        events: list[Recorded] = []
        for start in range(0, len(positions), _PAGE):
            events += self._read(self._application.recorder.select_at(positions[start : start + _PAGE]))
        return events

    def hash_at(self, position: int) -> bytes:
        """Fingerprint of the log up to this position: SHA-256 over the last event up to there."""
        digest = hashlib.sha256()
        last = self._application.recorder.select_last(position)
        if last is not None:
            stream = cast(UUID, last.originator_id).bytes
            for value in (last.id, stream, last.originator_version, last.topic, last.state):
                digest.update(value if isinstance(value, bytes) else str(value).encode())
        return digest.digest()

    def stream(self, stream_id: UUID, up_to: int | None = None) -> list[Recorded]:
        """Read a stream's events, optionally only those at positions ≤ `up_to`. Raises `UnreadableEvent`."""
        found = cast("Sequence[Notification]", self._application.recorder.select_events(stream_id))
        return self._read([n for n in found if up_to is None or n.id <= up_to])

    def state(self, stream: Stream[S], stream_id: UUID, up_to: int | None = None) -> S | None:
        """Fold a stream, optionally up to a position; None if it had no event."""
        return self._application.state(stream, stream_id, up_to)

    def states(self, stream: Stream[S], stream_ids: Sequence[UUID]) -> dict[UUID, S]:
        """Fold many streams with few statements; one that had no event is missing. Raises `UnreadableEvent`."""
        folded: dict[UUID, S] = {}
        for start in range(0, len(stream_ids), _PAGE):
            for recorded in self._read(self._application.recorder.select_streams(stream_ids[start : start + _PAGE])):
                state = stream.evolve(folded.get(recorded.originator_id), recorded)
                folded[recorded.originator_id] = state
        return folded

    def position(self) -> int:
        """Last position in the log, 0 if it is empty."""
        return self._application.recorder.max_notification_id() or 0

    def _read(self, stored: Sequence[Notification]) -> list[Recorded]:
        """Decode events, with their keys loaded together. Raises `UnreadableEvent`."""
        events = []
        for found in self._codec.decode_many(stored):
            if isinstance(found, UnreadableEvent):
                raise found
            events.append(found)
        return events

    def notify_appended(self, position: int) -> None:
        """Wake this process's waiters after a commit of its writer, without a poll."""
        self._grown.advance(position)

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until the log reaches `position`; False after `timeout` seconds.

        Other processes' commits are noticed at once on PostgreSQL (LISTEN), within 50 ms on SQLite.
        """
        self._watch()
        return self._grown.wait_for(position, timeout)

    def end_waits(self) -> None:
        """Let every thread that waits for a position go on, now and from now on: the process stops."""
        self._grown.end()

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """Asynchronous version of `wait_for`."""
        self._watch()
        return await self._grown.wait_for_async(position, timeout)

    def close(self) -> None:
        """Stop watching for other processes' commits."""
        self._stopped.set()
        if self._watcher is not None:
            self._watcher.join(timeout=5)

    def _watch(self) -> None:
        """Start the thread that notices other processes' commits, on the first wait."""
        if self._watcher is not None or self._stopped.is_set():
            return
        with self._watching:
            if self._watcher is None:
                target = self._listen if self._database.dialect == "postgresql" else self._poll
                self._watcher = Thread(target=target, name="log watcher", daemon=True)
                self._watcher.start()

    def _poll(self) -> None:
        """SQLite: poll the number that changes when another connection commits."""
        from alerts.storage.sqlite import SQLiteDatabase

        database = cast(SQLiteDatabase, self._database)
        connection, seen = database.open_watcher(), -1
        try:
            while not self._stopped.is_set():
                try:
                    version = database.data_version(connection)
                    if version != seen:
                        self._grown.advance(self.position())
                        seen = version
                    self._stopped.wait(_POLL)
                except Exception as error:
                    self._pause_after(error)
        finally:
            connection.close()

    def _listen(self) -> None:
        """PostgreSQL: every append notifies; a slow poll is the fallback."""
        database = cast("PostgresDatabase", self._database)
        while not self._stopped.is_set():
            try:
                self._listen_once(database)
            except Exception as error:
                self._pause_after(error)

    def _pause_after(self, error: Exception) -> None:
        """Pause while the database is away; waiters time out meanwhile. Any other error is raised."""
        if self._database.fault_kind(error) is None and not isinstance(error, Unavailable):
            raise error
        self._stopped.wait(_SLOW_POLL)

    def _listen_once(self, database: PostgresDatabase) -> None:
        connection = database.open_connection()
        try:
            connection.execute(f"LISTEN {CHANNEL}")
            polled = looked = 0.0
            while not self._stopped.is_set():
                if monotonic() - looked >= _SILENCE_CHECK_S:
                    # A process that was stopped in mid-statement (a pipeline, a COPY) keeps its locks for ever, and no
                    # server timeout counts that as idle.
                    connection.execute(_END_SILENT, (_SILENT,))
                    looked = monotonic()
                if monotonic() - polled >= _SLOW_POLL:
                    self._grown.advance(self.position())
                    polled = monotonic()
                for notice in connection.notifies(timeout=0.1, stop_after=1):
                    self._grown.advance(int(notice.payload))
        finally:
            connection.close()


def read_before(log: Log, after: int, unreadable: UnreadableEvent, topics: Collection[str] = ()) -> list[Recorded]:
    """Events before an unreadable one, read one by one, so that they need not wait for a repaired log."""
    found: list[Recorded] = []
    while after < unreadable.position - 1:
        try:
            one = log.read(after, 1, topics)
        except UnreadableEvent:
            break
        if not one:
            break
        found += one
        after = one[0].position
    return found
