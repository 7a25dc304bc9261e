"""The group-commit writer on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.ports import ConcurrencyConflict, UnitOfWork
from alerts.eventlog.recorder import Recorder
from alerts.eventlog.writer import GroupCommitWriter
from alerts.kernel.errors import Conflict, Invalid, Unavailable
from alerts.kernel.ids import new_id
from alerts.storage.base import BaseDatabase, BaseTransaction
from tests.support.counters import COUNTER, START, Clock, Counted, LogRig, Named, log_rig, opened, raised

if TYPE_CHECKING:
    from tests.support.databases import Databases


@pytest.fixture
def side(database: BaseDatabase) -> BaseDatabase:
    """The main database with a side table."""
    with database.write() as tx:
        tx.execute("CREATE TABLE side (name TEXT NOT NULL PRIMARY KEY, num BIGINT NOT NULL)")
    return database


def held_up(made: LogRig) -> Flag:
    """Keep the writer busy until the flag is set, so that what is queued meanwhile is one batch."""
    go = Flag()
    made.writer.submit(lambda unit: go.wait(10), by="system")
    return go


def test_commands_see_each_other_within_a_batch_and_after_it(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        go = held_up(made)
        futures = [made.writer.submit(lambda unit: raised(unit, stream), by="system") for _ in range(100)]
        go.set()
        answers = [future.result(10) for future in futures]
        assert [answer.result for answer in answers] == list(range(1, 101))
        assert [answer.position for answer in answers] == list(range(1, 101))
        assert made.count(stream, by=5) == 101
        assert made.log.state(COUNTER, stream) == 105
        assert made.log.state(COUNTER, stream, up_to=10) == 10
        assert made.writer.position() == made.log.position() == 101
    with log_rig(databases) as again:
        assert again.writer.position() == 101
        assert again.writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 106


def test_what_an_event_carries(databases: Databases) -> None:
    stream, command = new_id(), new_id()
    with log_rig(databases) as made:
        made.writer.submit(
            lambda unit: unit.append(COUNTER, stream, Counted(by=2), Named(name="Ada", phone="+44")),
            by="person:1",
            command=command,
            cause=7,
        ).result(10)
        first, second = made.log.stream(stream)
        assert (first.originator_version, first.position, first.by) == (1, 1, "person:1")
        assert (second.originator_version, second.position, second.at) == (2, 2, first.at)
        assert (first.command, first.cause) == (command, 7)
        assert first.at.utcoffset() == START.utcoffset() and first.at > START
        assert second.event == Named(name="Ada", phone="+44")


def test_a_command_that_fails_leaves_nothing_and_fails_alone(databases: Databases, side: BaseDatabase) -> None:
    stream = new_id()

    def refused(unit: UnitOfWork) -> None:
        raised(unit, stream)
        unit.write("INSERT INTO side (name, num) VALUES ('refused', 1)")
        raise Invalid("no")

    with log_rig(databases) as made:
        go = held_up(made)
        before = made.writer.submit(lambda unit: raised(unit, stream), by="system")
        bad = made.writer.submit(refused, by="system")
        after = made.writer.submit(lambda unit: raised(unit, stream), by="system")
        go.set()
        with pytest.raises(Invalid):
            bad.result(10)
        assert (before.result(10).result, after.result(10).result) == (1, 2)
        assert (before.result().position, after.result().position) == (1, 2)
    with side.read() as tx:
        assert tx.execute("SELECT * FROM side") == []


def test_a_statement_that_fails_fails_its_command_alone(databases: Databases, side: BaseDatabase) -> None:
    streams = [new_id() for _ in range(3)]

    def wrong(unit: UnitOfWork) -> None:
        raised(unit, streams[1])
        unit.write("INSERT INTO no_such_table (a) VALUES (1)")

    with log_rig(databases) as made:
        go = held_up(made)
        futures = [
            made.writer.submit(work, by="system")
            for work in (lambda unit: raised(unit, streams[0]), wrong, lambda unit: raised(unit, streams[2]))
        ]
        go.set()
        assert futures[0].result(10).result == futures[2].result(10).result == 1
        with pytest.raises(Exception, match="no_such_table"):
            futures[1].result(10)
        assert [made.log.state(COUNTER, stream) for stream in streams] == [1, None, 1]


def test_side_tables_are_written_in_the_same_transaction(databases: Databases, side: BaseDatabase) -> None:
    stream = new_id()
    after = Flag()

    def work(unit: UnitOfWork) -> list[object]:
        seen: list[object] = [row[0] for row in unit.read("SELECT num FROM side ORDER BY num")]
        raised(unit, stream)
        unit.write_many(
            "INSERT INTO side (name, num) VALUES (?, ?)", [(f"{len(seen)}-{i}", len(seen)) for i in range(2)]
        )
        unit.on_positions(lambda positions: [("INSERT INTO side (name, num) VALUES (?, ?)", (f"p{positions[0]}", 90))])
        unit.after_commit(after.set)
        return seen

    with log_rig(databases) as made:
        go = held_up(made)
        first, second = (made.writer.submit(work, by="system") for _ in range(2))
        go.set()
        assert first.result(10).result == []
        assert second.result(10).result == [0, 0, 90], "the second sees all that the first of the same batch wrote"
        assert after.is_set()
    with side.read() as tx:
        assert tx.execute("SELECT name FROM side WHERE num = 90 ORDER BY name") == [("p1",), ("p2",)]


def test_numbers_begin_at_one_and_are_never_given_twice(databases: Databases) -> None:
    with log_rig(databases) as made:
        taken = [made.writer.submit(lambda unit: unit.number("notice"), by="system") for _ in range(5)]
        block = made.writer.submit(lambda unit: unit.number("contact", 100), by="system").result(10).result
        after = made.writer.submit(lambda unit: unit.number("contact"), by="system").result(10).result
        assert [future.result(10).result for future in taken] == [1, 2, 3, 4, 5]
        assert (block, after) == (1, 101)


def test_a_stream_that_was_not_read_is_taken_to_be_new(databases: Databases) -> None:
    stream = new_id()

    def blind(unit: UnitOfWork) -> None:
        unit.append(COUNTER, stream, Counted())

    with log_rig(databases) as made:
        made.writer.submit(blind, by="system").result(10)
        with pytest.raises(Conflict):
            made.writer.submit(blind, by="system").result(10)
    with log_rig(databases) as fresh:  # nothing at hand: the database itself says so
        with pytest.raises(Conflict):
            fresh.writer.submit(blind, by="system").result(10)
        assert fresh.log.state(COUNTER, stream) == 1
        with pytest.raises(LookupError):
            fresh.writer.submit(lambda unit: unit.version(stream), by="system").result(10)


def test_two_processes_never_decide_on_stale_state(databases: Databases) -> None:
    shared = [new_id() for _ in range(3)]
    one = opened(databases.main, databases.keys)
    two = opened(databases.another("main"), databases.another("keys"))
    try:
        with ThreadPoolExecutor(4) as pool:
            done = list(
                pool.map(lambda i: (one if i % 2 else two).count(shared[i % 3]), range(300)),
            )
        assert sorted(done) == list(range(1, 301)), "every position is given once"
        assert [one.log.state(COUNTER, stream) for stream in shared] == [100, 100, 100]
        assert [two.log.state(COUNTER, stream) for stream in shared] == [100, 100, 100]
    finally:
        one.close()
        two.close()


def test_a_command_that_only_reads_sees_what_another_process_wrote(databases: Databases) -> None:
    stream = new_id()
    one = opened(databases.main, databases.keys)
    two = opened(databases.another("main"), databases.another("keys"))
    try:
        one.count(stream)
        two.count(stream)
        answer = one.writer.submit(lambda unit: (unit.get(COUNTER, stream), unit.version(stream)), by="system").result(
            10
        )
        assert answer.result == (2, 2), "a refusal or an answer must not rest on what one remembers"
        assert answer.position == 2
    finally:
        one.close()
        two.close()


def test_many_commits_of_another_process_are_noticed_too(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.eventlog.writer._EVICT_AT_MOST", 5)
    stream = new_id()
    one = opened(databases.main, databases.keys)
    two = opened(databases.another("main"), databases.another("keys"))
    try:
        one.count(stream)
        for _ in range(10):
            two.count(stream)
        assert one.writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 12
    finally:
        one.close()
        two.close()


def test_a_lost_race_is_decided_afresh(databases: Databases) -> None:
    stream, tries = new_id(), []

    def unlucky(unit: UnitOfWork) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConcurrencyConflict
        return raised(unit, stream)

    with log_rig(databases) as made:
        assert made.writer.submit(unlucky, by="system").result(10).result == 1
        assert len(tries) == 3
        with pytest.raises(Conflict):
            made.writer.submit(lambda unit: (_ for _ in ()).throw(ConcurrencyConflict()), by="system").result(10)


def test_when_the_disk_refuses_nobody_is_told_that_it_was_kept(databases: Databases) -> None:
    stream = new_id()
    made = opened(databases.main, databases.keys)
    full = [True]

    def flush() -> None:
        if full[0]:
            raise _disk_full(made.main)

    writer = GroupCommitWriter(made.application, Clock(), flush_keys=flush)
    try:
        futures = [writer.submit(lambda unit: raised(unit, stream), by="system") for _ in range(3)]
        for future in futures:
            with pytest.raises(Unavailable, match="Try again"):
                future.result(10)
        full[0] = False
        assert writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 1
    finally:
        writer.close()
        made.close()


def _disk_full(database: BaseDatabase) -> Exception:
    if database.dialect == "postgresql":
        import psycopg

        return psycopg.errors.DiskFull("could not extend file")
    import sqlite3

    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class LosesAnswers:
    """A database whose connection breaks around a commit: just before it, or just after."""

    def __init__(self, database: BaseDatabase) -> None:
        self.database = database
        self.breaks: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    @contextmanager
    def write(self) -> Iterator[BaseTransaction]:
        how = self.breaks.pop(0) if self.breaks else ""
        with self.database.write() as tx:
            yield tx
            if how == "before":
                raise _disk_full(self.database)
        if how == "after":
            raise _disk_full(self.database)


def test_a_commit_whose_answer_was_lost_is_recognised(databases: Databases) -> None:
    stream = new_id()
    made = opened(databases.main, databases.keys)
    database = LosesAnswers(made.main)
    writer = GroupCommitWriter(
        EventStoreApplication(database, made.codec),  # type: ignore[arg-type]
        Clock(),
        flush_keys=made.vault.flush,
    )
    try:
        assert writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 1
        database.breaks = ["after"]
        assert writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 2
        database.breaks = ["after", "before"]  # even asking fails at first
        assert writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 3
        database.breaks = ["before"]
        with pytest.raises(Unavailable):
            writer.submit(lambda unit: raised(unit, stream), by="system").result(10)
        assert writer.submit(lambda unit: raised(unit, stream), by="system").result(10).result == 4
        assert made.log.state(COUNTER, stream) == 4
    finally:
        writer.close()
        made.close()


async def test_awaited_commands(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        answers = await asyncio.gather(
            *(made.writer.run(lambda unit: raised(unit, stream), by="system") for _ in range(50))
        )
        assert sorted(answer.result for answer in answers) == list(range(1, 51))
        with pytest.raises(Invalid):
            await made.writer.run(lambda unit: (_ for _ in ()).throw(Invalid("no")), by="system")
        task = asyncio.create_task(made.writer.run(lambda unit: raised(unit, stream), by="system"))
        await asyncio.sleep(0)
        task.cancel()
        assert (await made.writer.run(lambda unit: raised(unit, stream), by="system")).result == 52


def test_closing_finishes_what_is_queued(databases: Databases) -> None:
    stream = new_id()
    made = opened(databases.main, databases.keys)
    futures = [made.writer.submit(lambda unit: raised(unit, stream), by="system") for _ in range(600)]
    made.writer.close()
    made.writer.close()
    assert [future.result(0).result for future in futures] == list(range(1, 601))
    with pytest.raises(Unavailable):
        made.writer.submit(lambda unit: None, by="system")
    made.log.close()


def test_a_statement_that_cannot_be_run_fails_its_own_command_alone(databases: Databases, side: BaseDatabase) -> None:
    stream = new_id()

    def unkeepable(unit: UnitOfWork) -> None:
        unit.append(COUNTER, new_id(), Counted())
        unit.write("INSERT INTO side (name, num) VALUES (?, ?)", ("half \ud800", 1))

    def reads(unit: UnitOfWork, name: str) -> int:
        unit.read("SELECT num FROM side")
        unit.write("INSERT INTO side (name, num) VALUES (?, ?)", (name, 1))
        return raised(unit, stream)

    with log_rig(databases) as made:
        go = held_up(made)
        before = made.writer.submit(lambda unit: reads(unit, "before"), by="system")
        failing = made.writer.submit(unkeepable, by="system")
        after = made.writer.submit(lambda unit: reads(unit, "after"), by="system")
        go.set()
        with pytest.raises(UnicodeEncodeError):
            failing.result(10)
        assert (before.result(10).result, after.result(10).result) == (1, 2)
        assert made.log.position() == 2, "nothing of the command that failed"
    with side.read() as tx:
        assert tx.execute("SELECT name FROM side ORDER BY name") == [("after",), ("before",)]


def test_a_process_that_is_stopped_in_a_transaction_gives_the_log_back(
    databases: Databases, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("one process writes")
    begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '300ms'"
    monkeypatch.setattr("alerts.storage.postgres._BEGIN_WRITE", begin)
    go, entered = Flag(), Flag()

    def stopped(unit: UnitOfWork) -> None:
        entered.set()
        go.wait(10)
        unit.append(COUNTER, new_id(), Counted())

    with log_rig(databases) as one, log_rig(databases) as two:
        late = one.writer.submit(stopped, by="system")
        assert entered.wait(10)
        assert two.count(new_id()) == 1, "it does not wait for the one that is stopped"
        go.set()
        with pytest.raises(Unavailable):
            late.result(10)
        assert one.count(new_id()) == 2, "and that one goes on"


def test_a_process_that_is_stopped_in_mid_statement_is_ended(
    databases: Databases, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("one process writes")
    monkeypatch.setattr("alerts.eventlog.log._SILENT", 0.3)
    monkeypatch.setattr("alerts.eventlog.log._SILENCE_CHECK_S", 0.2)
    stopped = databases.another("main")
    with log_rig(databases) as made:
        made.log.wait_for(1, 0.01)  # whoever waits for the log listens
        with (
            suppress(psycopg.OperationalError),
            stopped.write() as tx,
            tx.connection.cursor() as cursor,  # type: ignore[attr-defined]
        ):
            with Recorder(stopped).joined(tx):
                Recorder(stopped).lock()
            with cursor.copy("COPY numbers (name, last_number) FROM STDIN"):
                assert made.count(new_id()) == 1, "it does not wait for the one that is stopped"
