"""The in-memory unit of work keeps the rules of the port that the writer keeps on a database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from alerts.eventlog.codec import Codec
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict
from alerts.kernel.ids import new_id
from tests.support.counters import CATALOGUE, COUNTER, START, Counted, Named, raised
from tests.support.memory_store import MemoryDatabase, MemoryKeys
from tests.support.memory_unit import MemoryLog, MemoryWriter

_COUNT = "INSERT INTO numbers (name, last_number) VALUES (?, ?)"


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def log(keys: MemoryKeys) -> MemoryLog:
    return MemoryLog(Codec(CATALOGUE, keys))


@pytest.fixture
def database() -> Iterator[MemoryDatabase]:
    made = MemoryDatabase("main")
    yield made
    made.close()


@pytest.fixture
def writer(log: MemoryLog, database: MemoryDatabase) -> MemoryWriter:
    return MemoryWriter(log, database, lambda: START)


def numbers(database: MemoryDatabase) -> dict[str, int]:
    with database.read() as tx:
        return dict(tx.execute("SELECT name, last_number FROM numbers"))  # type: ignore[arg-type]


def test_unit_reads_its_own_events(writer: MemoryWriter, log: MemoryLog) -> None:
    stream = new_id()

    def work(unit: UnitOfWork) -> tuple[int | None, int]:
        raised(unit, stream, 2)
        raised(unit, stream, 3)
        return unit.get(COUNTER, stream), unit.version(stream)

    committed = writer.submit(work, by="test").result()
    assert (committed.result, committed.position) == ((5, 2), 2)
    assert log.state(COUNTER, stream) == 5 and log.state(COUNTER, stream, 1) == 2
    assert [(r.position, r.originator_version, r.by, r.at) for r in log.read(0, 9)] == [
        (1, 1, "test", START),
        (2, 2, "test", START),
    ]


def test_failed_command_leaves_nothing(writer: MemoryWriter, log: MemoryLog, database: MemoryDatabase) -> None:
    called: list[str] = []

    def work(unit: UnitOfWork) -> None:
        raised(unit, new_id())
        unit.number("notice")
        unit.write(_COUNT, ("x", 1))
        unit.track("fan-out", 9)
        unit.after_commit(lambda: called.append("hook"))
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        asyncio.run(writer.run(work, by="test"))
    assert log.position() == 0 and numbers(database) == {} and writer.tracked == {} and called == []


def test_failed_statement_leaves_no_event(writer: MemoryWriter, log: MemoryLog, database: MemoryDatabase) -> None:
    def work(unit: UnitOfWork) -> None:
        raised(unit, new_id())
        unit.write_many(_COUNT, [("x", 1), ("x", 2)])

    with pytest.raises(Exception, match="UNIQUE"):
        writer.submit(work, by="test").result()
    assert log.position() == 0 and numbers(database) == {}


def test_append_conflicts_with_an_unread_stream(writer: MemoryWriter) -> None:
    stream = new_id()
    writer.submit(lambda unit: unit.append(COUNTER, stream, Counted()), by="test").result()
    with pytest.raises(Conflict):
        writer.submit(lambda unit: unit.append(COUNTER, stream, Counted()), by="test").result()


def test_writes_are_seen_by_the_next_command(writer: MemoryWriter, database: MemoryDatabase) -> None:
    def work(unit: UnitOfWork) -> list[int]:
        unit.write(_COUNT, ("x", 7))
        unit.append(COUNTER, new_id(), Counted())
        unit.on_positions(lambda positions: [(_COUNT, ("position", positions[0]))])
        return [row[0] for row in unit.read("SELECT last_number FROM numbers")]  # type: ignore[misc]

    assert writer.submit(work, by="test").result().result == []
    assert numbers(database) == {"x": 7, "position": 1}


def test_numbers_and_reactor_positions_only_grow(writer: MemoryWriter) -> None:
    assert writer.submit(lambda unit: unit.number("notice", 3), by="test").result().result == 1
    assert writer.submit(lambda unit: unit.number("notice"), by="test").result().result == 4
    for position in (5, 3):
        writer.submit(lambda unit, at=position: unit.track("fan-out", at), by="test").result()  # type: ignore[misc]
    assert writer.submit(lambda unit: unit.tracked("fan-out"), by="test").result().result == 5


def test_destroyed_key_makes_personal_fields_none(writer: MemoryWriter, log: MemoryLog, keys: MemoryKeys) -> None:
    stream = new_id()
    writer.submit(lambda unit: unit.append(COUNTER, stream, Named(name="Ada")), by="test").result()
    assert [r.event.name for r in log.read(0, 1)] == ["Ada"]  # type: ignore[attr-defined]
    keys.destroy(stream)
    assert [(r.event.name, r.event.colour) for r in log.read(0, 1)] == [(None, "blue")]  # type: ignore[attr-defined]
