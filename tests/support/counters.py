"""A small domain for the log's tests: counters, with something personal in it; and the log put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.log import EventLog
from alerts.eventlog.ports import UnitOfWork
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.events import Catalogue, Event, Recorded, Stream
from alerts.storage.base import BaseDatabase
from alerts.storage.ports import Transaction
from subscribers.vault import Vault

if TYPE_CHECKING:
    from tests.support.databases import Databases

MASTER = bytes(range(32))
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Counted(Event, frozen=True, kw_only=True):
    """The counter went up."""

    by: int = 1


class Named(Event, frozen=True, kw_only=True):
    """The counter belongs to somebody."""

    personal: ClassVar[tuple[str, ...]] = ("name", "phone")
    name: str | None
    phone: str | None = None
    colour: str = "blue"


CATALOGUE = Catalogue.of(Counted, Named)
COUNTER: Stream[int] = Stream("counter", lambda state, r: (state or 0) + getattr(r.event, "by", 0))


@dataclass
class Clock:
    """A clock that a test owns."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class LogRig:
    """A log with its writer, as one process has them."""

    main: BaseDatabase
    vault: Vault
    codec: Codec
    application: EventStoreApplication
    log: EventLog
    writer: GroupCommitWriter

    def count(self, stream_id: UUID, by: int = 1) -> int:
        """Raise a counter; the position."""
        return self.writer.submit(lambda unit: raised(unit, stream_id, by), by="system").result(10).position

    def close(self) -> None:
        self.writer.close()
        self.log.close()


def raised(unit: UnitOfWork, stream_id: UUID, by: int = 1) -> int:
    """The command of these tests: raise a counter that may or may not exist; what it stands at."""
    before = unit.get(COUNTER, stream_id) or 0
    unit.append(COUNTER, stream_id, Counted(by=by))
    return before + by


def opened(
    main: BaseDatabase,
    keys: BaseDatabase,
    catalogue: Catalogue = CATALOGUE,
    clock: Callable[[], datetime] | None = None,
) -> LogRig:
    """Everything of one process over these databases."""
    vault = Vault(keys, MASTER)
    codec = Codec(catalogue, vault)
    application = EventStoreApplication(main, codec)
    log = EventLog(application)
    writer = GroupCommitWriter(application, clock or Clock(), flush_keys=vault.flush, grown=log.notify_appended)
    return LogRig(main, vault, codec, application, log, writer)


@contextmanager
def log_rig(databases: Databases) -> Iterator[LogRig]:
    """The same for the length of a block."""
    made = opened(databases.main, databases.keys)
    try:
        yield made
    finally:
        made.close()


class Tally:
    """A projection that counts events by stream, and fails at those a test names."""

    topics: tuple[str, ...] = ()

    def __init__(self, name: str = "tally", poison: Sequence[int] = (), guards: bool = False) -> None:
        self.name, self.poison, self.guards = name, set(poison), guards
        self.batches: list[int] = []

    def prepare(self, tx: Transaction) -> None:
        """Make the table."""
        blob = "BLOB" if tx.dialect == "sqlite" else "BYTEA"
        tx.execute(
            f"CREATE TABLE IF NOT EXISTS {self.name} (stream {blob} NOT NULL PRIMARY KEY, total BIGINT NOT NULL)"
        )

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        self.batches.append(len(events))
        for event in events:
            if event.position in self.poison:
                raise ValueError(f"poison at {event.position}")
        tx.executemany(
            f"INSERT INTO {self.name} (stream, total) VALUES (?, 1) "
            f"ON CONFLICT (stream) DO UPDATE SET total = {self.name}.total + 1",
            [(event.originator_id.bytes,) for event in events],
        )

    def totals(self, database: BaseDatabase) -> dict[UUID, int]:
        """Totals it has counted, by stream."""
        with database.read() as tx:
            return {UUID(bytes=stream): total for stream, total in tx.execute(f"SELECT stream, total FROM {self.name}")}
