"""The batch runner on both databases: exactly once, poison apart, rebuilt equals live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from alerts.eventlog.ports import Projection
from alerts.kernel.errors import DomainError, NotFound
from alerts.kernel.events import Recorded
from alerts.kernel.ids import new_id
from alerts.projections.rebuild import rebuild
from alerts.projections.runner import ProjectionRunner
from alerts.storage.base import BaseDatabase
from alerts.storage.generations import LiveViews, current_generation
from alerts.storage.leader_election import AdvisoryLockLeader
from alerts.storage.ports import Transaction
from tests.support.counters import COUNTER, Clock, Counted, LogRig, Named, Tally, log_rig

if TYPE_CHECKING:
    from tests.support.databases import Databases


def prepared(database: BaseDatabase, *tallies: Tally) -> None:
    with database.write() as tx:
        for tally in tallies:
            tally.prepare(tx)


@contextmanager
def running(made: LogRig, database: BaseDatabase, *projections: Projection) -> Iterator[ProjectionRunner]:
    runner = ProjectionRunner(made.log, database, projections, Clock())
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def fill(made: LogRig, count: int) -> None:
    """That many events in as many streams."""

    def work(unit: object) -> None:
        for _ in range(count):
            unit.append(COUNTER, new_id(), Counted())  # type: ignore[attr-defined]

    made.writer.submit(work, by="system").result(10)


def test_every_event_is_applied_once_in_batches(databases: Databases) -> None:
    tally = Tally()
    prepared(databases.views, tally)
    with log_rig(databases) as made:
        fill(made, 2500)
        with running(made, databases.views, tally) as runner:
            assert runner.wait_for(2500, 10)
            assert max(tally.batches) == 1000
            stream = new_id()
            for _ in range(5):
                position = made.count(stream)
                assert runner.wait_for(position, 5), "the reader's own write is there when the wait returns"
                assert tally.totals(databases.views)[stream] == position - 2500
            assert runner.position() == runner.positions()["tally"] == 2505
        with running(made, databases.views, tally) as again:
            assert again.position() == 2505, "a restart goes on where it was"
    assert sum(tally.totals(databases.views).values()) == 2505


def test_events_appended_during_a_read_are_applied_once(databases: Databases) -> None:
    tally = Tally()
    tally.topics = (Counted.topic(),)  # only then is the end asked for
    prepared(databases.views, tally)
    with log_rig(databases) as made:
        fill(made, 10)
        late: list[int] = []
        end = made.log.position

        def position() -> int:
            """As if another command were committed just after the end was read."""
            found = end()
            if len(late) < 3:
                late.append(made.count(new_id()))
            return found

        made.log.position = position  # type: ignore[method-assign]
        with running(made, databases.views, tally) as runner:
            assert runner.wait_for(13, 10)
            assert not runner.halted()
    assert set(tally.totals(databases.views).values()) == {1}


def test_the_wait_is_not_a_poll(databases: Databases) -> None:
    tally = Tally()
    prepared(databases.views, tally)
    with log_rig(databases) as made, running(made, databases.views, tally) as runner:
        made.count(new_id())
        runner.wait_for(1, 5)
        took = []
        for _ in range(20):
            position = made.count(new_id())
            started = monotonic()
            assert runner.wait_for(position, 5)
            took.append(monotonic() - started)
        assert sorted(took)[10] < 0.05
        assert not runner.wait_for(10_000, 0.01)


async def test_awaiting_the_read_models(databases: Databases) -> None:
    tally = Tally()
    prepared(databases.views, tally)
    with log_rig(databases) as made, running(made, databases.views, tally) as runner:
        answer = await made.writer.run(lambda unit: unit.append(COUNTER, new_id(), Counted()), by="system")
        assert await runner.wait_for_async(answer.position, 5)
        assert not await runner.wait_for_async(answer.position + 1, 0.01)
        waiting = asyncio.create_task(runner.wait_for_async(answer.position + 1, 5))
        await asyncio.sleep(0)
        made.count(new_id())
        assert await waiting


def test_projections_want_their_own_topics(databases: Databases) -> None:
    counted, named = Tally("counted"), Tally("named")
    counted.topics, named.topics = ("Counted",), ("Named",)
    prepared(databases.views, counted, named)
    stream = new_id()
    with log_rig(databases) as made, running(made, databases.views, counted, named) as runner:
        made.count(stream)
        made.writer.submit(lambda unit: unit.append(COUNTER, new_id(), Named(name="Ada")), by="system").result(10)
        position = made.count(stream)
        assert runner.wait_for(position, 5)
        assert counted.totals(databases.views) == {stream: 2}
        assert sum(named.totals(databases.views).values()) == 1
        with running(made, databases.views, named) as alone:  # a filter that matches nothing still moves on
            assert alone.wait_for(made.count(stream), 5)


@pytest.mark.parametrize("poison", [[1], [700], [1000, 1001], [2000]])
def test_a_poisoned_event_is_parked_and_the_rest_goes_on(databases: Databases, poison: list[int]) -> None:
    bad, good = Tally("bad", poison=poison), Tally("good")
    prepared(databases.views, bad, good)
    with log_rig(databases) as made:
        fill(made, 2000)
        with running(made, databases.views, bad, good) as runner:
            assert runner.wait_for(2000, 10)
            assert runner.wait_for(made.count(new_id()), 5)
            assert [(p.projection, p.position, p.topic) for p in runner.parked()] == [
                ("bad", position, "Counted") for position in poison
            ]
            assert "poison at" in runner.parked()[0].error
            assert sum(bad.totals(databases.views).values()) == 2001 - len(poison)
            assert sum(good.totals(databases.views).values()) == 2001
            assert runner.halted() == {}
            first = runner.parked()[0]
            with pytest.raises(ValueError, match="poison"):
                runner.retry(first.id)
            assert first in runner.parked()
            bad.poison.clear()
            runner.retry(first.id)
            assert sum(bad.totals(databases.views).values()) == 2002 - len(poison)
            for parked in runner.parked():
                runner.drop(parked.id)
            assert runner.parked() == []
            for unknown in (first.id, "bad", "nobody@3", "x@y", "bad@" + "9" * 30):
                for way in (runner.retry, runner.drop):
                    with pytest.raises(NotFound):
                        way(unknown)


def test_an_unreadable_event_is_parked(databases: Databases) -> None:
    tally = Tally()
    prepared(databases.views, tally)
    with log_rig(databases) as made:
        fill(made, 10)
    with databases.main.write() as tx:
        tx.execute("UPDATE events SET topic = 'FromTheFuture' WHERE position = 4")
    # Another process's runner: the one that wrote it knows better.
    with log_rig(databases) as made, running(made, databases.views, tally) as runner:
        assert runner.wait_for(10, 5)
        (parked,) = runner.parked()
        assert (parked.id, parked.topic) == ("tally@4", "FromTheFuture")
        assert "knows no such event" in parked.error
    assert sum(tally.totals(databases.views).values()) == 9


def test_what_guards_people_stops_instead(databases: Databases) -> None:
    guard, other = Tally("guard", poison=[5], guards=True), Tally("other")
    prepared(databases.views, guard, other)
    with log_rig(databases) as made:
        fill(made, 10)
        with running(made, databases.views, guard, other) as runner:
            assert runner.wait_for(10, 5), "the others go on, and nobody waits for the one that stopped"
            assert "poison at 5" in runner.halted()["guard"]
            assert runner.positions() == {"guard": 4, "other": 10}
            assert runner.parked() == []
        guard.poison.clear()
        with running(made, databases.views, guard, other) as mended:
            assert mended.wait_for(10, 5)
            assert mended.positions() == {"guard": 10, "other": 10}
    assert sum(guard.totals(databases.views).values()) == 10


def halts(runner: ProjectionRunner, name: str) -> bool:
    deadline = monotonic() + 10
    while name not in runner.halted() and monotonic() < deadline:
        sleep(0.01)
    return name in runner.halted()


def test_a_projection_without_its_table_halts_at_once(databases: Databases) -> None:
    broken, good = Tally("broken"), Tally("good")
    prepared(databases.views, good)
    with log_rig(databases) as made:
        fill(made, 300)
        with running(made, databases.views, broken, good) as runner:
            assert halts(runner, "broken")
            assert runner.wait_for(300, 5)
            assert runner.parked() == []
            assert runner.positions() == {"broken": 0, "good": 300}
        with pytest.raises(DomainError, match="broken cannot go on"):
            ProjectionRunner(made.log, databases.views, [broken], Clock()).catch_up(300)


def test_a_projection_that_fails_on_everything_halts_after_a_while(databases: Databases) -> None:
    broken = Tally("broken", poison=range(1, 301))
    prepared(databases.views, broken)
    with log_rig(databases) as made:
        fill(made, 300)
        with running(made, databases.views, broken) as runner:
            assert halts(runner, "broken")
            assert len(runner.parked()) == 100


class Flaky(Tally):
    """Fails as a database does that is away for a moment."""

    trouble = 3

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        if self.trouble:
            self.trouble -= 1
            import psycopg

            if tx.dialect == "postgresql":
                raise psycopg.errors.AdminShutdown("the server is restarting")
            import sqlite3

            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        super().apply(tx, events)


def test_a_passing_trouble_parks_nothing(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.projections.runner._AFTER_TROUBLE", 0.01)
    flaky = Flaky()
    prepared(databases.views, flaky)
    with log_rig(databases) as made:
        fill(made, 10)
        with running(made, databases.views, flaky) as runner:
            assert runner.wait_for(10, 5)
            assert runner.parked() == [] and runner.halted() == {}
    assert sum(flaky.totals(databases.views).values()) == 10


@pytest.mark.parametrize("both_lead", [False, True])
def test_of_two_runners_only_one_wins_each_batch(
    databases: Databases, both_lead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if both_lead:  # the lock is a courtesy; the tracking row is what holds
        monkeypatch.setattr("alerts.storage.leader_election.AdvisoryLockLeader.is_leader", lambda self: True)
    tally = Tally()
    prepared(databases.views, tally)
    with log_rig(databases) as made:
        fill(made, 3000)
        with (
            running(made, databases.views, tally) as one,
            running(made, databases.another("views"), tally) as two,
        ):
            for _ in range(30):
                position = made.count(new_id())
            assert one.wait_for(position, 10) and two.wait_for(position, 10)
    assert sum(tally.totals(databases.views).values()) == 3030


def test_a_leader_that_stands_still_is_passed_over(
    databases: Databases, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("one process runs the projections")
    monkeypatch.setattr("alerts.projections.runner.STALL_TIMEOUT_S", 0.3)
    tally = Tally()
    prepared(databases.views, tally)
    stopped = AdvisoryLockLeader(databases.another("views"))
    assert stopped.is_leader()
    with log_rig(databases) as made, running(made, databases.views, tally) as runner:
        for count in (10, 2500):
            fill(made, count)
            assert runner.wait_for(made.log.position(), 10)
        assert sum(tally.totals(databases.views).values()) == 2510
    stopped.release()


def test_rebuilt_beside_equals_live_and_is_switched_to(databases: Databases) -> None:
    tally, migrations = Tally(), databases.migrations("views")
    with log_rig(databases) as made:
        views = LiveViews(databases.url, databases.main, migrations)
        prepared(views, tally)
        fill(made, 1500)
        with running(made, views, tally) as runner:
            assert runner.wait_for(1500, 10)
            with views.write() as tx:
                tx.execute("DELETE FROM tally")  # a read model that was spoilt
            told: list[tuple[int, int]] = []
            rebuilder = RebuiltTally()
            fresh = rebuild(
                databases.url,
                databases.main,
                made.log,
                [rebuilder],
                migrations,
                Clock(),
                lambda at, end: told.append((at, end)),
            )
            assert fresh == current_generation(databases.main) == 2
            assert told == [(1000, 1500), (1500, 1500)]
            deadline = monotonic() + 10
            while views.generation != 2 and monotonic() < deadline:
                sleep(0.02)
            assert views.generation == 2
            assert runner.wait_for(made.count(new_id()), 5)
            assert sum(tally.totals(views).values()) == 1501
        views.close()
    reopened = LiveViews(databases.url, databases.main, migrations)
    assert reopened.generation == 2
    reopened.close()


class RebuiltTally(Tally):
    """Makes its own table, since these tests' table is in no migration."""

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        self.prepare(tx)
        super().apply(tx, events)


def test_an_interrupted_rebuild_leaves_the_live_ones(databases: Databases) -> None:
    migrations = databases.migrations("views")
    with log_rig(databases) as made:
        fill(made, 100)

        def interrupted(position: int, end: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild(databases.url, databases.main, made.log, [RebuiltTally()], migrations, Clock(), interrupted)
        assert current_generation(databases.main) == 1
        assert rebuild(databases.url, databases.main, made.log, [RebuiltTally()], migrations, Clock()) == 2
        views = LiveViews(databases.url, databases.main, migrations)
        assert sum(Tally().totals(views).values()) == 100
        views.close()
