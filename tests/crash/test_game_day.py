"""Game day: each role, the mail servers and the database are stopped in turn; each is said everywhere within half a
minute, and so is its end."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.crash.harness.faults import Plan
from tests.crash.harness.peers import peers
from tests.crash.many import Cluster, database_away
from tests.crash.server import Server

pytestmark = [pytest.mark.crash, pytest.mark.soak]
SAID_S = 30.0
"""Within so many seconds every place says it."""


@pytest.fixture
def dialect() -> str:
    """On SQLite there is one process."""
    return "postgresql"


class GameDay:
    """A web, a scheduler and a worker as processes of their own, and every place that an operator looks at."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        Server.start(cluster.web, "--roles", "web")
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.start_scheduler()
        [self.worker] = cluster.workers(1)

    def start_scheduler(self) -> None:
        """Start the scheduler."""
        with (self.cluster.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "alerts", "scheduler"]
            self._scheduler = subprocess.Popen(
                command, cwd=self.cluster.folder, env=self.cluster.web._env, stdout=log, stderr=log
            )

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait()

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page; (0, "") without an answer."""
        parts = urlsplit(self.cluster.web.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def places(self, name: str) -> dict[str, bool]:
        """Place → whether it says the alarm."""
        status = self.cluster.web.ask("GET", "/api/v1/status")
        return {
            "/readyz": name in self.get("/readyz")[1],
            "/status": name in [alarm["name"] for alarm in status["alarms"]],
            "/metrics": f'alerts_alarm{{alarm="{name}"}} 1.0' in self.get("/metrics")[1],
        }

    def said(self, name: str) -> float:
        """Wait until each place says the alarm, and the log too; seconds that it took."""
        took = until(lambda: all(self.places(name).values()), f"{name} is said")
        assert f"alarm {name}" in self.cluster.web.log(), "the log does not say it"
        return took

    def over(self, name: str) -> float:
        """Wait until no place says the alarm any more."""
        return until(lambda: not any(self.places(name).values()), f"{name} is over")

    def close(self) -> None:
        """Stop the scheduler; the cluster stops the rest."""
        if self._scheduler is not None and self._scheduler.poll() is None:
            self.kill_scheduler()


def until(holds: Callable[[], bool], what: str) -> float:
    """Wait for something; the seconds that it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < SAID_S, f"not within {SAID_S:g} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - begun


@pytest.fixture
def day(database_url: str, tmp_path: Path) -> Iterator[GameDay]:
    """A game day on a database of its own."""
    with peers(tmp_path / "ledger", Plan(think_s=0.01, mails=3)) as box:
        cluster = Cluster(tmp_path, database_url, box)
        made = GameDay(cluster)
        try:
            yield made
        finally:
            made.close()
            cluster.close()


def test_each_part_that_stops_is_said_everywhere(day: GameDay) -> None:
    cluster = day.cluster
    people = cluster.people(40)
    until(lambda: day.get("/readyz")[0] == 200, "ready")

    day.worker.kill()
    day.worker.wait()
    day.said("role:worker")
    assert day.get("/readyz")[0] == 503
    cluster.plan()
    day.said("unplanned")
    cluster.worker()
    day.over("role:worker")
    day.over("unplanned")
    cluster.until_taken(len(people))

    day.kill_scheduler()
    day.said("role:scheduler")
    day.start_scheduler()
    day.over("role:scheduler")

    cluster.box.down("mail-2")
    cluster.plan()
    day.said("channel:email")
    cluster.box.up("mail-2")
    day.over("channel:email")
    cluster.until_taken(2 * len(people))

    database_away(cluster.url, 12)
    until(lambda: json.loads(day.get("/readyz")[1] or '{"ready": false}')["ready"], "ready after the database is back")
