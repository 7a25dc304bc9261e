"""Guard the guard: builds known to be bad must fail the harness, and the good one passes the same runs (P1–P5)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.bad_builds import BUILDS, REPLACED
from tests.crash.conftest import Counted
from tests.crash.harness.checker import Verdict
from tests.crash.harness.faults import Plan
from tests.crash.harness.trial import Trial, crowd, trial
from tests.crash.server import Server

pytestmark = pytest.mark.crash
_SOON = 0.4
"""Seconds after an acknowledged issue: a bad build is between its two transactions then (BETWEEN_S)."""
_PATIENCE = 12.0
"""Seconds in which a good build is through."""


def killed_soon(run: Trial) -> None:
    """A notice, and a kill a moment after its 2xx."""
    run.issue()
    time.sleep(_SOON)
    run.kill()


def killed_in_flight(run: Trial) -> None:
    """A notice, and a kill while messages are on their way."""
    run.issue()
    time.sleep(_SOON + 0.4)
    run.kill()


def cancelled_in_flight(run: Trial) -> None:
    """A notice that is cancelled while messages are on their way."""
    mark = run.issue()
    time.sleep(_SOON + 0.4)
    run.cancel(mark)


def emergency_behind_a_bulletin(run: Trial) -> None:
    """An emergency while a bulletin has just begun."""
    run.issue(bulletin=True)
    run.some(100)
    run.issue(urgent=True)


class Scenario(NamedTuple):
    """Scenario that shows that a build is bad."""

    happens: Callable[[Trial], None]
    promise: str
    people: int = 40
    think_s: float = 0.0


SCENARIOS = {
    "done-before-sending": Scenario(killed_soon, "P2"),
    "cursor-before-rows": Scenario(killed_soon, "P2"),
    "cursor-in-another-transaction": Scenario(killed_soon, "P2"),
    "claims-not-reset": Scenario(killed_in_flight, "P2", think_s=1.5),
    "random-message-id": Scenario(killed_in_flight, "P3", think_s=1.5),
    "forgetful-follow-up": Scenario(cancelled_in_flight, "P2", think_s=1.5),
    "fifo-instead-of-lanes": Scenario(emergency_behind_a_bulletin, "P4", people=9000, think_s=0.01),
}
LONG = {
    "random-message-id",
    "forgetful-follow-up",
    "fifo-instead-of-lanes",
    "cursor-before-rows",
    "cursor-in-another-transaction",
    "claims-not-reset",
}


def ran(scenario: Scenario, folder: Path, build: str) -> tuple[Trial, Verdict]:
    """A run with a build ("" for the good one), and what it came to."""

    class Built(Server):
        def command(self) -> list[str]:
            return [sys.executable, "-m", "tests.crash.bad_builds", build] if build else super().command()

    plan = Plan(seed=1, think_s=scenario.think_s, mails=1)
    url = f"sqlite:///{folder}/var/alerts.db"
    with trial(folder, url, plan, made=Built) as run:
        run.take_in(crowd(scenario.people, texts=False, pushes=False))
        scenario.happens(run)
        with suppress(AssertionError):  # a bad build may never come to an end
            run.complete(_PATIENCE if scenario.people < 1000 else 60)
        return run, run.judged()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak if name in LONG else ()) for name in SCENARIOS]
)
def test_a_bad_build_is_found(name: str, tmp_path: Path) -> None:
    _, verdict = ran(SCENARIOS[name], tmp_path, name)
    assert verdict.broken(SCENARIOS[name].promise), verdict


@pytest.mark.soak
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_good_build_passes_the_same(name: str, tmp_path: Path, counted: Counted) -> None:
    run, verdict = ran(SCENARIOS[name], tmp_path, "")
    counted(verdict, scenario=f"the good build instead of {name}", database="sqlite", kills=len(run.incidents))
    assert verdict.kept, verdict.breaches[:10]


def test_there_is_a_scenario_for_each_and_what_it_replaces_is_there() -> None:
    assert set(SCENARIOS) == set(BUILDS)
    assert [name for owner, name in REPLACED if not hasattr(owner, name)] == []
