"""Units of work within one transaction of the log: reads, decisions and writes of a batch of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import Notification

from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.stream_cache import CachedStream, StreamCache
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded, Stream
from alerts.storage.base import BaseTransaction
from alerts.storage.ports import Row, Statement, Value

S = TypeVar("S")

_NO_STREAM = UUID(int=0)
_NUMBER = """
INSERT INTO numbers (name, last_number) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last_number = numbers.last_number + excluded.last_number
RETURNING last_number
"""


class Write(NamedTuple):
    """Buffered statement with its parameters, or with many rows of them."""

    sql: str
    params: Sequence[Value] = ()
    rows: Sequence[Sequence[Value]] | None = None


class WriteBatch:
    """Accumulated events and writes of one transaction. Used by the writer's thread alone."""

    def __init__(
        self, tx: BaseTransaction, application: EventStoreApplication, states: StreamCache, start: int
    ) -> None:
        """`start` is the last position before this transaction, which the application's recorder has joined."""
        self.tx, self.application, self.states = tx, application, states
        self._start = self.end = start
        self.events: list[Recorded] = []
        self.touched: set[int] = set()
        self.stored: list[Notification] = []
        """Events that `finish` has inserted."""
        self._positions: dict[str, int] = {}
        self._pending: list[Write] = []
        self.spoilt = False
        """True once a statement of an accepted command has failed: the transaction must be rolled back."""

    @property
    def id(self) -> UUID:
        """Required by `Application.save` of an event source; a batch has many streams."""
        return _NO_STREAM

    def collect_events(self) -> list[Recorded]:
        """The library's `CollectEventsProtocol`: the events of every accepted command, in order."""
        return self.events

    def stream(self, kind: Stream[Any], stream_id: UUID) -> CachedStream:
        """Return a stream including events of this batch, loaded from the log if not cached."""
        held = self.states.get(stream_id.int)
        if held is None or (held.kind != kind.name and held.version):
            held = self._load(kind, stream_id)
            self.states.put(stream_id.int, held)
        return held

    def state_at(self, kind: Stream[S], stream_id: UUID, position: int | None) -> S | None:
        """Fold a stream up to a log position, including events of this batch."""
        state = self.application.state(kind, stream_id, position)
        for recorded in self.events:
            if recorded.originator_id == stream_id and (position is None or recorded.position <= position):
                state = kind.evolve(state, recorded)
        return state

    def _load(self, kind: Stream[Any], stream_id: UUID) -> CachedStream:
        held = self.application.stream(kind, stream_id)
        if stream_id.int not in self.touched:
            return held
        # Events of this very batch are not in the table yet, but then the stream is cached, unless it was evicted.
        return CachedStream.after(held, kind.evolve, [r for r in self.events if r.originator_id == stream_id])

    def tracked(self, name: str) -> int:
        """Position of a reactor, including moves of this batch; 0 if it has not begun."""
        return self._positions.get(name) or self.application.recorder.max_tracking_id(name) or 0

    def read(self, sql: str, params: Sequence[Value]) -> list[Row]:
        self.flush()
        return self.tx.execute(sql, params)

    def take_number(self, name: str, count: int) -> int:
        return int(self.tx.execute(_NUMBER, (name, count))[0][0]) - count + 1

    def accept(self, unit: StreamUnitOfWork) -> None:
        """Accept a returned command: its events and statements become part of the transaction."""
        self.events.extend(unit.events)
        self._positions.update(unit.tracks)
        positions = [recorded.position for recorded in unit.events]
        self._pending.extend(unit.writes)
        for then in unit.with_positions:
            self._pending.extend(Write(sql, params) for sql, params in then(positions))
        for key, held in unit.overlay.items():
            self.states.put(key, held)
        self.touched.update(unit.overlay)
        self.end += len(positions)

    def flush(self) -> None:
        """Run the buffered statements, in order, so that the next read sees them."""
        pending, self._pending = self._pending, []
        try:
            self._run(pending)
        except BaseException:
            self.spoilt = True
            raise

    def _run(self, pending: list[Write]) -> None:
        single: list[Statement] = []
        for sql, params, rows in pending:
            if rows is None:
                single.append((sql, params))
                continue
            self.tx.execute_all(single)
            single.clear()
            self.tx.executemany(sql, rows)
        self.tx.execute_all(single)

    def finish(self, before_insert: Callable[[], None]) -> None:
        """Write the rest: afterwards the database has all of the transaction.

        `before_insert` is called once all events are encoded and before the first is inserted.
        """
        self.flush()
        recordings = self.application.save(
            cast(Any, self), last_position=self._start, positions=self._positions, before_insert=before_insert
        )
        self.stored = [recording.notification for recording in recordings]


class StreamUnitOfWork:
    """`ports.UnitOfWork`: reads and writes of one command. Discarded if the command raises."""

    __slots__ = (
        "_batch",
        "_by",
        "_cause",
        "_command",
        "_read",
        "events",
        "now",
        "overlay",
        "then",
        "tracks",
        "with_positions",
        "writes",
    )

    def __init__(self, batch: WriteBatch, now: datetime, by: str, command: UUID | None, cause: int | None) -> None:
        self.now = now
        self._batch, self._by, self._command, self._cause = batch, by, command, cause
        self.overlay: dict[int, CachedStream] = {}
        """Streams that this command has appended to."""
        self._read: dict[int, CachedStream] = {}
        self.events: list[Recorded] = []
        self.writes: list[Write] = []
        self.with_positions: list[Callable[[Sequence[int]], Iterable[Statement]]] = []
        self.then: list[Callable[[], None]] = []
        self.tracks: dict[str, int] = {}

    def get(self, stream: Stream[S], stream_id: UUID) -> S | None:
        """Fold a stream, including events of this batch; None if it has no event."""
        held = self.overlay.get(stream_id.int)
        if held is None:
            held = self._read[stream_id.int] = self._batch.stream(stream, stream_id)
        state: S | None = held.state
        return state

    def get_at(self, stream: Stream[S], stream_id: UUID, position: int | None = None) -> S | None:
        """Fold a stream up to a log position, including events of this batch but not of this command."""
        return self._batch.state_at(stream, stream_id, position)

    def version(self, stream_id: UUID) -> int:
        """Number of events in a stream, 0 if none. Only of streams that `get` has read in this unit."""
        held = self._seen(stream_id)
        if held is None:
            raise LookupError(f"stream {stream_id} was not read in this unit: call get() first")
        return held.version

    def _seen(self, stream_id: UUID) -> CachedStream | None:
        return self.overlay.get(stream_id.int) or self._read.get(stream_id.int)

    def append(self, stream: Stream[S], stream_id: UUID, *events: Event) -> None:
        """Append events. A stream not read by `get` is assumed to be new; `Conflict` if it is not."""
        held = self._seen(stream_id)
        if held is None:
            cached = self._batch.states.get(stream_id.int)
            if cached is not None and cached.version:
                raise Conflict(f"{stream.name} {stream_id} exists already")
            held = CachedStream(stream.name, 0, None)
        version, position = held.version, self._batch.end + len(self.events)
        since = [
            Recorded(
                originator_id=stream_id,
                originator_version=version + number,
                event=event,
                at=self.now,
                by=self._by,
                command=self._command,
                cause=self._cause,
                position=position + number,
            )
            for number, event in enumerate(events, 1)
        ]
        if since:
            self.events.extend(since)
            self.overlay[stream_id.int] = CachedStream.after(held, stream.evolve, since)

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Read a side table, including writes of earlier commands of this batch."""
        return self._batch.read(sql, params)

    def write(self, sql: str, params: Sequence[Value] = ()) -> None:
        """Write a side table in the transaction of the events."""
        self.writes.append(Write(sql, params))

    def write_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Write many rows by one statement."""
        if rows:
            self.writes.append(Write(sql, rows=rows))

    def number(self, name: str, count: int = 1) -> int:
        """Reserve the next `count` numbers of a sequence; return the first."""
        return self._batch.take_number(name, count)

    def tracked(self, name: str) -> int:
        """Position of a reactor, 0 if it has not begun."""
        return self.tracks.get(name) or self._batch.tracked(name)

    def track(self, name: str, position: int) -> None:
        """Move a reactor's position in the same transaction; never backwards."""
        if position > self.tracked(name):
            self.tracks[name] = position

    def on_positions(self, then: Callable[[Sequence[int]], Iterable[Statement]]) -> None:
        """Add statements that need the positions of this command's events."""
        self.with_positions.append(then)

    def after_commit(self, then: Callable[[], None]) -> None:
        """Call once the transaction is on disk."""
        self.then.append(then)
