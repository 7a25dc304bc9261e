"""The process that the crash test kills: it raises counters by group commit and says each position that it was given.

Usage: `python -m tests.crash.counting URL SEED`. One line on standard output for each acknowledged command:
`stream version position`, written after the future resolved, so that every line is a promise.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Catalogue, Event, Recorded, Stream
from alerts.kernel.ids import derived_id
from alerts.projections.runner import ProjectionRunner
from alerts.settings.package_data import find
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate
from alerts.storage.ports import Transaction
from tests.support.counters import opened

STREAMS = 40
TABLES = (
    "CREATE TABLE IF NOT EXISTS beside (stream {blob} NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (stream, version))"
)
TALLY = "CREATE TABLE IF NOT EXISTS tally (stream {blob} NOT NULL PRIMARY KEY, total BIGINT NOT NULL)"


class Raised(Event, frozen=True, kw_only=True):
    """The counter went up; who did it is sealed."""

    personal: ClassVar[tuple[str, ...]] = ("who",)
    who: str | None


CATALOGUE = Catalogue.of(Raised)
COUNTER: Stream[int] = Stream("counter", lambda state, recorded: (state or 0) + 1)


class Tally:
    """Counts events by stream."""

    name = "tally"
    topics: tuple[str, ...] = ()

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        tx.executemany(
            "INSERT INTO tally (stream, total) VALUES (?, 1) "
            "ON CONFLICT (stream) DO UPDATE SET total = tally.total + 1",
            [(event.originator_id.bytes,) for event in events],
        )


class Process:
    """The log, its writer and its runner over one database URL."""

    def __init__(self, url: str) -> None:
        dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        blob = "BLOB" if dialect == "sqlite" else "BYTEA"
        self.main, self.keys, self.views = (connect(url, part) for part in ("main", "keys", "views"))
        for database, folder in ((self.main, ""), (self.keys, "keys"), (self.views, "views")):
            migrate(database, find("migrations", dialect, *([folder] if folder else [])))
        for database, table in ((self.main, TABLES), (self.views, TALLY)):
            with database.write() as tx:
                tx.execute(table.format(blob=blob))
        rig = opened(self.main, self.keys, CATALOGUE, lambda: datetime.now(UTC))
        self.codec, self.log, self.writer = rig.codec, rig.log, rig.writer
        self.runner = ProjectionRunner(self.log, self.views, [Tally()], lambda: datetime.now(UTC))

    def close(self) -> None:
        self.writer.close()
        self.runner.stop()
        self.log.close()
        for database in (self.main, self.keys, self.views):
            database.close()


def raise_counter(unit: UnitOfWork, stream_id: UUID) -> int:
    """Append an event, and write a row beside it in the same transaction."""
    unit.get(COUNTER, stream_id)
    version = unit.version(stream_id) + 1
    unit.append(COUNTER, stream_id, Raised(who=f"{stream_id} {version}"))
    unit.write("INSERT INTO beside (stream, version) VALUES (?, ?)", (stream_id.bytes, version))
    return version


def main(url: str, seed: str) -> None:
    """Count until killed."""
    process = Process(url)
    process.runner.start()
    rng = random.Random(seed)
    out = sys.stdout.fileno()

    def say(stream_id: UUID, future: Future[Any]) -> None:
        done = future.result()
        os.write(out, f"{stream_id} {done.result} {done.position}\n".encode())

    os.write(out, b"ready\n")
    while True:
        waiting = []
        for _ in range(rng.randint(1, 60)):
            # Some streams live through all rounds, some are new, so that new keys are made all the time.
            name = str(rng.randrange(STREAMS)) if rng.random() < 0.7 else f"{seed}-{rng.random()}"
            stream_id = derived_id("crash", name)
            future = process.writer.submit(lambda unit, s=stream_id: raise_counter(unit, s), by="system")  # type: ignore[misc]
            future.add_done_callback(lambda f, s=stream_id: say(s, f))  # type: ignore[misc]
            waiting.append(future)
        if rng.random() < 0.8:
            waiting[-1].result(30)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
