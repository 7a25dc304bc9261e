"""Two webs, two schedulers and three senders on one PostgreSQL; one is killed, one is stopped and wakes as a zombie
(P1–P3)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.delivery_queue.worker_lease import LIFE
from tests.crash.conftest import Counted
from tests.crash.harness.faults import Plan
from tests.crash.harness.peers import peers
from tests.crash.many import SMTP_CONNECTIONS, THINK_S, Cluster, database_away, restart_database

pytestmark = pytest.mark.crash
IN_DOUBT = 4 * SMTP_CONNECTIONS
"""Maximum hand-overs of a process without a record: its connections, and what came in before the next record."""


@pytest.fixture
def dialect() -> str:
    """On SQLite there is one process."""
    return "postgresql"


@pytest.fixture
def cluster(database_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """Two webs with schedulers, and no worker yet."""
    with peers(tmp_path / "ledger", Plan(think_s=THINK_S, mails=3)) as box:
        made = Cluster(tmp_path, database_url, box)
        try:
            made.web.start()
            made.other.start()
            yield made
        finally:
            made.close()


def stopped(process: subprocess.Popen[bytes]) -> float:
    """Ask a process to stop; the seconds that it took."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    return time.monotonic() - begun


@pytest.mark.parametrize(("people", "asleep_s"), [(900, 0), pytest.param(4_000, 30, marks=pytest.mark.soak)])
def test_one_is_killed_one_sleeps_and_wakes_and_nobody_is_told_twice(
    cluster: Cluster, people: int, asleep_s: int, counted: Counted
) -> None:
    """It sleeps until everybody has been told, and so long at least."""
    due = cluster.people(people)
    killed, asleep, stays = cluster.workers(3)
    number = cluster.plan(time.time() + 2.0)  # whichever scheduler sees it first
    cluster.until_taken(100)
    cluster.stopped(asleep)
    since = time.time()
    cluster.killed(killed)
    cluster.web.kill()
    cluster.until(lambda: due <= cluster.taken(), "end", 60 + 2 * LIFE.total_seconds())
    time.sleep(max(0.0, asleep_s - (time.time() - since)))
    cluster.woken(asleep)
    cluster.other.until(f"/api/v1/notices/{number}/dispatch", lambda found: found["complete"])
    time.sleep(1.0)  # for what a zombie would do
    assert stopped(asleep) < 10 and stopped(stays) < 10
    verdict = cluster.judge(due, IN_DOUBT, web=cluster.other)
    counted(verdict, scenario="one killed, one asleep", database="postgresql", kills=3)
    assert verdict.kept, verdict.breaches[:10]
    for topic in ("NoticeIssued", "DispatchPlanned"):
        assert cluster.ask("SELECT COUNT(*) FROM events WHERE topic = ?", topic) == 1


@pytest.mark.soak
@pytest.mark.skipif("ALERTS_TEST_POSTGRES_URL" in os.environ, reason="the database is not ours to kill")
def test_the_database_comes_back_and_everybody_goes_on(cluster: Cluster, counted: Counted) -> None:
    due = cluster.people(600)
    workers = cluster.workers(2)
    number = cluster.plan()
    cluster.until_taken(100)
    restart_database(cluster.url)
    cluster.until_taken(200)
    database_away(cluster.url, LIFE.total_seconds() + 2)  # every lease runs out, and nobody may be buried
    cluster.other.until(f"/api/v1/notices/{number}/dispatch", lambda found: found["complete"])
    assert [worker.poll() for worker in workers] == [None, None], "they resume by themselves"
    second = cluster.plan()
    cluster.other.until(f"/api/v1/notices/{second}/dispatch", lambda found: found["complete"])
    verdict = cluster.judge(due, 0, web=cluster.other)
    counted(verdict, scenario="database away", database="postgresql")
    assert verdict.kept and verdict.duplicated == 0, verdict.breaches[:10]
