"""A small workload killed at the 1st, 2nd, … n-th commit and at each step of each dialogue; nothing is lost (P1–P3).

SQLite is swept by `strace`, which kills the server as it asks for the n-th sync; PostgreSQL by a proxy between server
and database, which kills it before the n-th COMMIT reaches the database, or after it and before the answer comes back.
Each life of the server is killed one commit later than the one before.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from tests.crash.conftest import Counted
from tests.crash.harness.faults import Plan
from tests.crash.harness.peers import STEPS
from tests.crash.harness.trial import Trial, crowd, trial
from tests.crash.proxy import proxy
from tests.crash.server import Server

pytestmark = pytest.mark.crash
PEOPLE = 8
COMMITS = range(1, 31)
_LIFE_S = 30.0
"""No life of the server may last longer: it has work all the time."""


class Traced(Server):
    """Killed at its n-th sync; `nth` 0: not at all."""

    nth = 0

    def command(self) -> list[str]:
        calls = "fdatasync,fsync"
        trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
        inject = ["-e", f"inject={calls}:signal=SIGKILL:when={self.nth}"]
        return [*trace, *inject, *super().command()] if self.nth else super().command()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: the sweep over syncs is SKIPPED")
@pytest.mark.parametrize("syncs", [(5,), pytest.param(range(1, 41), marks=pytest.mark.soak)], ids=["some", "every"])
def test_killed_at_each_sync(syncs: Sequence[int], tmp_path: Path, counted: Counted) -> None:
    if not _may_trace():
        pytest.skip("strace may not trace here: the sweep over syncs is SKIPPED")
    with trial(tmp_path, f"sqlite:///{tmp_path}/var/alerts.db", Plan(), made=Traced) as run:
        server = run.server
        assert isinstance(server, Traced)

        def choose(nth: int) -> None:
            server.nth = nth

        _swept(run, syncs, choose)
        verdict = run.judged()
        server.kill()
        server.run("verify")
    counted(verdict, scenario="sweep over syncs", database="sqlite", kills=len(run.incidents))
    assert verdict.kept, verdict.breaches[:10]
    assert len(run.incidents) == len(syncs) + 1


@pytest.mark.soak
@pytest.mark.parametrize("reached", [False, True], ids=["unsent", "unanswered"])
def test_killed_at_each_commit(
    reached: bool, new_postgres: Callable[[], str], tmp_path: Path, counted: Counted
) -> None:
    with ExitStack() as stack:
        between = stack.enter_context(proxy(new_postgres(), reached=reached))
        run = stack.enter_context(trial(tmp_path, between.url, Plan()))

        def choose(nth: int) -> None:
            between.arm(nth, run.server.kill)

        _swept(run, COMMITS, choose)
        verdict = run.judged()
        run.server.kill()
        run.server.run("verify")
    counted(
        verdict,
        scenario=f"sweep over commits, {'answer lost' if reached else 'not sent'}",
        database="postgresql",
        kills=len(run.incidents),
    )
    assert verdict.kept, verdict.breaches[:10]
    assert len(run.incidents) == len(COMMITS) + 1


@pytest.mark.parametrize(
    ("pipelining", "steps"),
    [
        (True, ("mail:354", "push:asked")),
        pytest.param(True, STEPS, marks=pytest.mark.soak),
        pytest.param(False, STEPS, marks=pytest.mark.soak),
    ],
    ids=["some", "together", "apart"],
)
def test_killed_at_each_step_of_each_dialogue(
    pipelining: bool, steps: Sequence[str], tmp_path: Path, counted: Counted
) -> None:
    """Kill at one step after the other, in the order in which the peer sees them."""
    with trial(tmp_path, f"sqlite:///{tmp_path}/var/alerts.db", Plan(pipelining=pipelining, mails=1)) as run:
        run.take_in(crowd(PEOPLE))
        for step in steps:
            run.box.strike(step, run.server.pid)
            run.issue()
            run.server.ended(_LIFE_S)
            run.kill()
        run.complete()
        verdict = run.judged()
        run.server.kill()
        run.server.run("verify")
    counted(verdict, scenario="sweep over dialogues", database="sqlite", kills=len(run.incidents))
    assert verdict.kept, verdict.breaches[:10]
    assert len(run.incidents) == len(steps)


def _swept(run: Trial, moments: Sequence[int], choose: Callable[[int], None]) -> None:
    """Work without end, while the server dies at each of the moments of a life of its own."""
    run.take_in(crowd(PEOPLE))
    run.server.patience = 120  # the first lives end before they serve
    over = []

    def lives() -> None:
        for moment in [*moments, 0]:
            run.server.kill()
            choose(moment)
            run.kill()
            if moment:
                _end(run.server)
        over.append(True)

    lived = Thread(target=lives)
    lived.start()
    while not over:
        mark = run.issue()
        other = run.issue()
        run.update(mark)
        run.cancel(other)
        assert lived.is_alive() or over, "a life of the server did not end where it was to be killed"
    lived.join()
    run.server.ask("GET", "/readyz")  # until then nothing new is shown
    run.complete()


def _end(server: Server) -> None:
    deadline = time.monotonic() + _LIFE_S
    while server.running:
        assert time.monotonic() < deadline, "it was not killed"
        time.sleep(0.01)


def _may_trace() -> bool:
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return tried.returncode == 0
