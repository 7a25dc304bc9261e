"""One transaction of the log in the making: what the commands of a batch read, decide and write."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from alerts.eventlog import append
from alerts.eventlog.codec import LOG_COLUMNS, Codec
from alerts.eventlog.ports import UnreadableEvent
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded, Stream
from alerts.storage.base import BaseTransaction
from alerts.storage.ports import Row, Statement, Value

S = TypeVar("S")

_STREAM = f"SELECT {LOG_COLUMNS} FROM events WHERE originator_id = ? ORDER BY originator_version"
_NUMBER = """
INSERT INTO numbers (name, last_number) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last_number = numbers.last_number + excluded.last_number
RETURNING last_number
"""


class Write(NamedTuple):
    """A buffered statement with its parameters, or with many rows of them."""

    sql: str
    params: Sequence[Value] = ()
    rows: Sequence[Sequence[Value]] | None = None


class CachedStream:
    """A stream as it stands: how many events, and what they add up to, folded once somebody asks.

    Most streams that a batch begins are never looked at again: of an import, none.
    """

    __slots__ = ("_before", "_evolve", "_since", "_state", "kind", "version")

    def __init__(self, kind: str, version: int, state: Any) -> None:
        self.kind, self.version, self._state = kind, version, state
        self._since: Sequence[Recorded] = ()
        self._before: CachedStream | None = None
        self._evolve: Callable[[Any, Recorded], Any] | None = None

    @classmethod
    def after(
        cls, before: CachedStream, evolve: Callable[[Any, Recorded], Any], since: Sequence[Recorded]
    ) -> CachedStream:
        """The same stream with these events behind it."""
        held = cls(before.kind, before.version + len(since), None)
        held._before, held._evolve, held._since = before, evolve, since
        return held

    @property
    def state(self) -> Any:
        """The folded state, None before the first event."""
        if self._before is not None and self._evolve is not None:
            state = self._before.state
            for recorded in self._since:
                state = self._evolve(state, recorded)
            self._state, self._before, self._evolve, self._since = state, None, None, ()
        return self._state


class StreamCache:
    """The last used streams of a process, bounded by number.

    Keyed by `UUID.int`: hashing a UUID runs Python code, and this is done several times a command.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[int, CachedStream] = OrderedDict()

    def get(self, key: int) -> CachedStream | None:
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
        return held

    def put(self, key: int, held: CachedStream) -> None:
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def evict(self, keys: Iterable[int]) -> None:
        for key in keys:
            self._held.pop(key, None)

    def clear(self) -> None:
        self._held.clear()


class WriteBatch:
    """What one transaction has decided so far. Used by the writer's thread alone."""

    def __init__(self, tx: BaseTransaction, codec: Codec, states: StreamCache, start: int) -> None:
        """`start` is the last position given before this transaction."""
        self.tx, self.codec, self.states = tx, codec, states
        self.end = start
        self.rows: list[append.EventRow] = []
        self.touched: set[int] = set()
        self._pending: list[Write] = []
        self.spoilt = False
        """Whether a statement of an accepted command could not be run: nothing of this transaction may be kept."""

    def stream(self, kind: Stream[Any], stream_id: UUID) -> CachedStream:
        """The stream with what this batch has appended, read from the log if it is not at hand."""
        held = self.states.get(stream_id.int)
        if held is None or (held.kind != kind.name and held.version):
            held = self._load(kind, stream_id)
            self.states.put(stream_id.int, held)
        return held

    def _load(self, kind: Stream[Any], stream_id: UUID) -> CachedStream:
        # Events of this very batch are not in the table yet, but then the stream is at hand, unless it was evicted.
        raw = stream_id.bytes
        rows = self.tx.execute(_STREAM, (raw,))
        if stream_id.int in self.touched:
            rows += [row for row in self.rows if row[1] == raw]
        if not rows:
            return CachedStream(kind.name, 0, None)
        state = None
        for found in self.codec.decode_many(cast(list[append.EventRow], rows)):
            if isinstance(found, UnreadableEvent):
                raise found
            state = kind.evolve(state, found)
        return CachedStream(kind.name, int(rows[-1][2]), state)

    def read(self, sql: str, params: Sequence[Value]) -> list[Row]:
        self.flush()
        return self.tx.execute(sql, params)

    def take_number(self, name: str, count: int) -> int:
        return int(self.tx.execute(_NUMBER, (name, count))[0][0]) - count + 1

    def accept(self, unit: StreamUnitOfWork) -> None:
        """A command has returned: its events and statements become part of the transaction."""
        for recorded in unit.events:
            topic, state = self.codec.encode(recorded)
            raw_id = recorded.originator_id.bytes
            self.rows.append((recorded.position, raw_id, recorded.originator_version, topic, state))
        positions = [recorded.position for recorded in unit.events]
        self._pending.extend(unit.writes)
        for then in unit.with_positions:
            self._pending.extend(Write(sql, params) for sql, params in then(positions))
        for key, held in unit.overlay.items():
            self.states.put(key, held)
        self.touched.update(unit.overlay)
        self.end += len(positions)

    def flush(self) -> None:
        """Run what was buffered, in order, so that what is read next sees it."""
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

    def finish(self) -> None:
        """Write the rest: all that the transaction holds is now with the database."""
        self.flush()
        append.insert(self.tx, self.rows)


class StreamUnitOfWork:
    """`ports.Unit`: what one command reads and wants to write. Thrown away if the command raises."""

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

    def get(self, stream: Stream[S], stream_id: UUID) -> S | None:
        """The folded state of a stream, with what this batch has appended; None if it has no event."""
        held = self.overlay.get(stream_id.int)
        if held is None:
            held = self._read[stream_id.int] = self._batch.stream(stream, stream_id)
        state: S | None = held.state
        return state

    def version(self, stream_id: UUID) -> int:
        """Number of events in a stream, 0 if none. Only of streams that `get` has read in this unit."""
        held = self._seen(stream_id)
        if held is None:
            raise LookupError(f"stream {stream_id} was not read in this unit: call get() first")
        return held.version

    def _seen(self, stream_id: UUID) -> CachedStream | None:
        return self.overlay.get(stream_id.int) or self._read.get(stream_id.int)

    def append(self, stream: Stream[S], stream_id: UUID, *events: Event) -> None:
        """Decide these facts. A stream that was not read by `get` is taken to be new; `Conflict` if it is not."""
        held = self._seen(stream_id)
        if held is None:
            at_hand = self._batch.states.get(stream_id.int)
            if at_hand is not None and at_hand.version:
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
        """Read a side table, with what earlier commands of this batch have written."""
        return self._batch.read(sql, params)

    def write(self, sql: str, params: Sequence[Value] = ()) -> None:
        """Write a side table in the same transaction as the events."""
        self.writes.append(Write(sql, params))

    def write_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """The same for many rows."""
        if rows:
            self.writes.append(Write(sql, rows=rows))

    def number(self, name: str, count: int = 1) -> int:
        """Take the next `count` numbers of a sequence and return the first."""
        return self._batch.take_number(name, count)

    def on_positions(self, then: Callable[[Sequence[int]], Iterable[Statement]]) -> None:
        """Statements that need the positions of this command's events."""
        self.with_positions.append(then)

    def after_commit(self, then: Callable[[], None]) -> None:
        """Run once the transaction is on disk."""
        self.then.append(then)
