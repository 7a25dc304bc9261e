"""An in-memory unit of work with its log and writer, for tests of command rules: no file, no thread.

Events pass the real codec; side tables are the real ones, in a SQLite database in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.persistence import Notification

from alerts.eventlog.codec import Codec
from alerts.eventlog.ports import Committed, UnitOfWork, UnreadableEvent
from alerts.eventlog.position_waiter import PositionWaiter
from alerts.kernel.errors import Conflict
from alerts.kernel.events import Event, Recorded, Stream
from alerts.storage.base import BaseTransaction
from alerts.storage.ports import Row, Statement, Value
from tests.support.memory_store import MemoryDatabase

S = TypeVar("S")
T = TypeVar("T")

_NUMBER = """
INSERT INTO numbers (name, last_number) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last_number = numbers.last_number + excluded.last_number
RETURNING last_number
"""


class MemoryLog:
    """`alerts.eventlog.ports.Log`: the rows of a log in a list."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.rows: list[Notification] = []
        self._of_stream: dict[UUID, list[Notification]] = {}
        self._waiter = PositionWaiter()

    def extend(self, events: Sequence[Recorded]) -> None:
        """Append the events of one command: all of them, or none if one cannot be encoded."""
        rows = [Notification(r.originator_id, r.originator_version, *self.codec.encode(r), r.position) for r in events]
        for row in rows:
            self.rows.append(row)
            self._of_stream.setdefault(row.originator_id, []).append(row)
        self._waiter.advance(len(self.rows))

    def read(self, after: int, limit: int, topics: Collection[str] = ()) -> list[Recorded]:
        return _readable(self.read_each(after, limit, topics))

    def read_each(
        self, after: int, limit: int, topics: Collection[str] = (), *, unseal: bool = True
    ) -> Sequence[Recorded | UnreadableEvent]:
        wanted = [row for row in self.rows[after:] if not topics or row.topic in topics]
        return self.codec.decode_many(wanted[:limit], unseal=unseal)

    def read_at(self, positions: Sequence[int]) -> list[Recorded]:
        return _readable(self.codec.decode_many([self.rows[position - 1] for position in sorted(positions)]))

    def hash_at(self, position: int) -> bytes:
        return hashlib.sha256(repr(self.rows[:position]).encode()).digest()

    def stream(self, stream_id: UUID, up_to: int | None = None) -> list[Recorded]:
        rows = self._of_stream.get(stream_id, [])
        return _readable(self.codec.decode_many([row for row in rows if up_to is None or row.id <= up_to]))

    def state(self, stream: Stream[S], stream_id: UUID, up_to: int | None = None) -> S | None:
        state: S | None = None
        for recorded in self.stream(stream_id, up_to):
            state = stream.evolve(state, recorded)
        return state

    def position(self) -> int:
        return len(self.rows)

    def wait_for(self, position: int, timeout: float) -> bool:
        return self._waiter.wait_for(position, timeout)

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        return await self._waiter.wait_for_async(position, timeout)


def _readable(found: Iterable[Recorded | UnreadableEvent]) -> list[Recorded]:
    events = []
    for one in found:
        if isinstance(one, UnreadableEvent):
            raise one
        events.append(one)
    return events


class MemoryUnit:
    """`alerts.eventlog.ports.UnitOfWork` of one command. Thrown away if the command raises."""

    def __init__(
        self, log: MemoryLog, tx: BaseTransaction, tracked: dict[str, int], now: datetime, **origin: Any
    ) -> None:
        """`tracked`: the positions of reactors, before this command. `origin`: `by`, `command` and `cause` of each
        event."""
        self.now = now
        self.events: list[Recorded] = []
        self.tracks: dict[str, int] = {}
        self.hooks: list[Callable[[], None]] = []
        self._log, self._tx, self._tracked, self._origin = log, tx, tracked, origin
        self._streams: dict[UUID, tuple[Any, int]] = {}
        self._writes: list[tuple[str, Sequence[Sequence[Value]]]] = []
        self._with_positions: list[Callable[[Sequence[int]], Iterable[Statement]]] = []

    def get(self, stream: Stream[S], stream_id: UUID) -> S | None:
        if stream_id not in self._streams:
            self._streams[stream_id] = self._log.state(stream, stream_id), len(self._log.stream(stream_id))
        state: S | None = self._streams[stream_id][0]
        return state

    def get_at(self, stream: Stream[S], stream_id: UUID, position: int | None = None) -> S | None:
        return self._log.state(stream, stream_id, position)

    def version(self, stream_id: UUID) -> int:
        return self._streams[stream_id][1]

    def append(self, stream: Stream[S], stream_id: UUID, *events: Event) -> None:
        if stream_id not in self._streams and self._log.stream(stream_id):
            raise Conflict(f"{stream.name} {stream_id} exists already")
        state, version = self._streams.get(stream_id, (None, 0))
        for event in events:
            version += 1
            recorded = Recorded(
                originator_id=stream_id,
                originator_version=version,
                event=event,
                at=self.now,
                position=self._log.position() + len(self.events) + 1,
                **self._origin,
            )
            self.events.append(recorded)
            state = stream.evolve(state, recorded)
            self._streams[stream_id] = state, version

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return self._tx.execute(sql, params)

    def write(self, sql: str, params: Sequence[Value] = ()) -> None:
        self._writes.append((sql, [params]))

    def write_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        self._writes.append((sql, rows))

    def number(self, name: str, count: int = 1) -> int:
        return int(self._tx.execute(_NUMBER, (name, count))[0][0]) - count + 1

    def tracked(self, name: str) -> int:
        return self.tracks.get(name) or self._tracked.get(name, 0)

    def track(self, name: str, position: int) -> None:
        if position > self.tracked(name):
            self.tracks[name] = position

    def on_positions(self, then: Callable[[Sequence[int]], Iterable[Statement]]) -> None:
        self._with_positions.append(then)

    def after_commit(self, then: Callable[[], None]) -> None:
        self.hooks.append(then)

    def finish(self) -> None:
        """Run what was buffered, and append the events."""
        for sql, rows in self._writes:
            self._tx.executemany(sql, rows)
        positions = [recorded.position for recorded in self.events]
        for then in self._with_positions:
            self._tx.execute_all(list(then(positions)))
        self._log.extend(self.events)


class MemoryWriter:
    """`alerts.eventlog.ports.Writer`: each command at once, in the caller's thread, as a transaction of its own."""

    def __init__(self, log: MemoryLog, database: MemoryDatabase, clock: Callable[[], datetime]) -> None:
        self._log, self._database, self._clock = log, database, clock
        self.tracked: dict[str, int] = {}

    def submit(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Future[Committed[T]]:
        future: Future[Committed[T]] = Future()
        try:
            future.set_result(self._commit(work, by=by, command=command, cause=cause))
        except Exception as error:
            future.set_exception(error)
        return future

    async def run(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Committed[T]:
        return self._commit(work, by=by, command=command, cause=cause)

    def position(self) -> int:
        return self._log.position()

    def close(self) -> None:
        """Nothing is queued."""

    def _commit(self, work: Callable[[UnitOfWork], T], **origin: Any) -> Committed[T]:
        with self._database.write() as tx:
            unit = MemoryUnit(self._log, tx, self.tracked, self._clock(), **origin)
            result = work(unit)
            unit.finish()
        self.tracked.update(unit.tracks)
        for hook in unit.hooks:
            hook()
        return Committed(result, self._log.position())
