"""Event log ports: unit of work, writer, reader, projection, public codec."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from alerts.kernel.events import Event, Recorded, Stream
from alerts.storage.ports import Row, Statement, Transaction, Value

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class PublicCodec(Protocol):
    """Codec for readers outside: the event feed and the webhooks."""

    def public(self, recorded: Recorded) -> dict[str, Any]:
        """Data of an event as JSON-able values, without personal fields."""


class UnitOfWork(Protocol):
    """Unit of work of one command inside the group commit. Writes are buffered until the command returns.

    A command that raises leaves nothing behind and fails alone; the others of the batch are committed.
    """

    now: datetime

    def get(self, stream: Stream[S], stream_id: UUID) -> S | None:
        """Fold a stream, including events of this batch; None if it has no event."""

    def get_at(self, stream: Stream[S], stream_id: UUID, position: int | None = None) -> S | None:
        """Fold a stream up to a log position, without the events of this unit; reads the log each time."""

    def version(self, stream_id: UUID) -> int:
        """Number of events in a stream, 0 if none. Only of streams that `get` has read in this unit."""

    def append(self, stream: Stream[S], stream_id: UUID, *events: Event) -> None:
        """Append events after the version that `get` saw (else a version conflict, retried automatically).

        A stream that this unit has not read is assumed to be new; if it is not, the command fails with `Conflict`.
        """

    def read(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Read a side table of the log's database, including writes of earlier commands of this batch."""

    def write(self, sql: str, params: Sequence[Value] = ()) -> None:
        """Write a side table in the transaction of the events."""

    def write_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Write many rows by one statement."""

    def number(self, name: str, count: int = 1) -> int:
        """Reserve the next `count` numbers of a sequence; return the first (from 1 on; gaps are allowed)."""

    def tracked(self, name: str) -> int:
        """Position of a reactor in the log (the library's `Tracking`), 0 if it has not begun."""

    def track(self, name: str, position: int) -> None:
        """Move a reactor's position in the same transaction; never backwards."""

    def on_positions(self, then: Callable[[Sequence[int]], Iterable[Statement]]) -> None:
        """Add statements that need the positions of this command's events; run after the append."""

    def after_commit(self, then: Callable[[], None]) -> None:
        """Call once the transaction is on disk (a wake-up, a cache to invalidate); it must not raise."""


@dataclass(frozen=True, slots=True)
class Committed(Generic[T_co]):
    """Result of a command, with the log position from which it is valid."""

    result: T_co
    position: int
    """Position of the command's last event; the log's end if it appended none."""


class Writer(Protocol):
    """Only writer of a process: commands queue, each batch is one transaction (group commit)."""

    def submit(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Future[Committed[T]]:
        """Run `work` in the writer's thread; the future resolves after the commit, or with the error `work` raised.

        `cause` is the position of the event that led to this command, stored with each event it appends. `work` may run
        more than once (version conflict): its only effects must be through the unit.
        """

    async def run(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Committed[T]:
        """Asynchronous version of `submit`."""

    def position(self) -> int:
        """Last position this process has committed (or found at start)."""

    def close(self) -> None:
        """Finish what is queued, then stop."""


class Log(Protocol):
    """Log reader."""

    def read(self, after: int, limit: int, topics: Collection[str] = ()) -> list[Recorded]:
        """Read up to `limit` events at positions > `after`, in order. A damaged event raises `UnreadableEvent`."""

    def read_each(
        self, after: int, limit: int, topics: Collection[str] = (), *, unseal: bool = True
    ) -> Sequence[Recorded | UnreadableEvent]:
        """Like `read`, with the error in the place of each unreadable event.

        Without `unseal`, personal fields read as None and no key is used.
        """

    def read_at(self, positions: Sequence[int]) -> list[Recorded]:
        """Read the events at these positions, in log order. Raises `UnreadableEvent`."""

    def hash_at(self, position: int) -> bytes:
        """Fingerprint of the log up to this position: 32 bytes."""

    def stream(self, stream_id: UUID, up_to: int | None = None) -> list[Recorded]:
        """Read a stream's events, optionally only those at positions ≤ `up_to`."""

    def state(self, stream: Stream[S], stream_id: UUID, up_to: int | None = None) -> S | None:
        """Fold a stream, optionally up to a position."""

    def states(self, stream: Stream[S], stream_ids: Sequence[UUID]) -> dict[UUID, S]:
        """Fold many streams with few statements; one that had no event is missing."""

    def position(self) -> int:
        """Last position in the log, 0 if it is empty."""

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until the log reaches `position`; False after `timeout` seconds."""

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """Asynchronous version of `wait_for`."""


class ConcurrencyConflict(Exception):
    """Another writer was first (optimistic concurrency): the transaction is retried."""


class UnreadableEvent(Exception):
    """Event that the codec cannot read: unknown topic or version, damaged bytes."""

    def __init__(self, position: int, topic: str, why: str) -> None:
        super().__init__(f"event {position} ({topic}) cannot be read: {why}")
        self.position, self.topic, self.why = position, topic, why


class Projection(Protocol):
    """Read model: rows of a views database, computed from the log alone."""

    name: str
    topics: Collection[str]
    """Topics that it subscribes to; none means all."""

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Apply these events in order; the runner writes the tracking row in the same transaction."""
