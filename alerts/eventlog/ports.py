"""Typed ports of the event log: unit of work, writer, reader, projection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from alerts.kernel.events import Event, Recorded, Stream
from alerts.storage.ports import Row, Statement, Transaction, Value

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class UnitOfWork(Protocol):
    """What one command may do inside the group commit. Writes are buffered until the command returns.

    A command that raises leaves nothing behind and fails alone; the others of the batch are committed.
    """

    now: datetime

    def get(self, stream: Stream[S], stream_id: UUID) -> S | None:
        """The folded state of a stream, with what this batch has appended; None if it has no event."""

    def version(self, stream_id: UUID) -> int:
        """Number of events in a stream, 0 if none. Only of streams that `get` has read in this unit."""

    def append(self, stream: Stream[S], stream_id: UUID, *events: Event) -> None:
        """Decide these facts: they follow the version that `get` saw (else a version conflict, retried by itself).

        A stream that this unit has not read is taken to be new; if it is not, the command fails with `Conflict`.
        """

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Read a side table of the log's database, with what earlier commands of this batch have written."""

    def write(self, sql: str, params: Sequence[Value] = ()) -> None:
        """Write a side table in the same transaction as the events."""

    def write_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """The same for many rows."""

    def number(self, name: str, count: int = 1) -> int:
        """Take the next `count` numbers of a sequence and return the first (from 1 on; holes are allowed)."""

    def tracked(self, name: str) -> int:
        """A reactor's position in the log (the library's `Tracking`), 0 if it has not begun."""

    def track(self, name: str, position: int) -> None:
        """Move a reactor's position in the same transaction; one that it has reached already changes nothing."""

    def on_positions(self, then: Callable[[Sequence[int]], Iterable[Statement]]) -> None:
        """Statements that need the positions of this command's events, run in the same transaction after the append."""

    def after_commit(self, then: Callable[[], None]) -> None:
        """Run once the transaction is on disk (a wake-up, a cache to void); it must not raise."""


@dataclass(frozen=True, slots=True)
class Committed(Generic[T_co]):
    """A command's answer, with the log position at which it is true."""

    result: T_co
    position: int
    """Of the command's last event; the log's end if it appended none."""


class Writer(Protocol):
    """The one writer of a process: commands queue, each batch is one transaction (group commit)."""

    def submit(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Future[Committed[T]]:
        """Run `work` in the writer's thread; the future resolves after the commit, or with the error `work` raised.

        `cause` is the position of the event that led to this command, kept with each event it appends.

        `work` may be run more than once (version conflict): it must be free of effects but through the unit.
        """

    async def run(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Committed[T]:
        """The same, awaited from an event loop."""

    def position(self) -> int:
        """The last position this process has committed (or found at start)."""

    def close(self) -> None:
        """Finish what is queued, then stop."""


class Log(Protocol):
    """Reading the log."""

    def read(self, after: int, limit: int, topics: Collection[str] = ()) -> list[Recorded]:
        """Up to `limit` events at positions > `after`, in order. A damaged event raises `UnreadableEvent`."""

    def read_each(
        self, after: int, limit: int, topics: Collection[str] = (), *, unseal: bool = True
    ) -> Sequence[Recorded | UnreadableEvent]:
        """The same, with the error in the place of each event that cannot be read; without `unseal`, personal fields
        read as None and no key is touched."""

    def read_at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at these positions, in the log's order. Raises `UnreadableEvent`."""

    def hash_at(self, position: int) -> bytes:
        """What tells this log, as far as this position, from any other: 32 bytes."""

    def stream(self, stream_id: UUID, up_to: int | None = None) -> list[Recorded]:
        """A stream's events, if asked only those at positions ≤ `up_to`."""

    def state(self, stream: Stream[S], stream_id: UUID, up_to: int | None = None) -> S | None:
        """A stream's folded state, if asked as it was at that position."""

    def position(self) -> int:
        """The last position in the log, 0 if it is empty."""

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until the log has come to `position` or the time (seconds) is up; True if it has."""

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """The same, awaited."""


class ConcurrencyConflict(Exception):
    """Another writer was first (optimistic concurrency): the transaction is retried."""


class UnreadableEvent(Exception):
    """An event that the codec cannot read: unknown topic or version, damaged bytes."""

    def __init__(self, position: int, topic: str, why: str) -> None:
        super().__init__(f"event {position} ({topic}) cannot be read: {why}")
        self.position, self.topic, self.why = position, topic, why


class Projection(Protocol):
    """A read model: rows of a views database, computed from the log alone."""

    name: str
    topics: Collection[str]
    """Which events it wants; none means all."""

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Write what these events mean, in order; the tracking row is written by the runner in the same transaction."""
