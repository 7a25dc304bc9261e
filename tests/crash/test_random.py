"""Seeds × SIGKILLs under the faults of every peer: lost 0, ghost 0, copies within P3's bound, one id each (P1–P5).

What happens when is drawn from the seed: kills, updates and cancels in mid-flight, other notices, a provider that goes
down and comes back. Instants are counted in hand-overs, so that a rerun does the same things.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.conftest import Counted
from tests.crash.harness.faults import Plan
from tests.crash.harness.trial import Trial, crowd, trial

pytestmark = pytest.mark.crash
OTHERS = ("kill", "issue", "update", "cancel", "down", "urgent")


def play(run: Trial, rng: random.Random, people: int, kills: int) -> list[str]:
    """Issue, then kills and other things in between; what was done."""
    steps = ["kill"] * kills + rng.choices(OTHERS, (1, 2, 2, 1, 2, 1), k=kills)
    rng.shuffle(steps)
    mark, down = run.issue(), ""
    for step in steps:
        run.some(rng.randint(1, people // kills))
        if down:
            run.box.up(down)
            down = ""
        match step:
            case "kill":
                run.kill()
            case "issue":
                mark = run.issue()
            case "urgent":
                run.issue(urgent=True)
            case "update":
                mark = run.update(mark)
            case "cancel":
                run.cancel(mark)
                mark = run.issue()
            case "down":
                down = rng.choice(("mail-1", "mail-2", "sms-1", "push-2"))
                run.box.down(down)
    if down:
        run.box.up(down)
    run.complete()
    return steps


@pytest.mark.parametrize("dialect", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("seed", "people", "kills"),
    [(1, 90, 2), *(pytest.param(seed, 400, 5, marks=pytest.mark.soak) for seed in range(2, 7))],
)
def test_kills_under_faults(
    seed: int, people: int, kills: int, database_url: str, dialect: str, tmp_path: Path, counted: Counted
) -> None:
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    rng = random.Random(seed)
    plan = Plan(seed=seed, share=0.15, connections=0.03, think_s=0.02, pipelining=bool(seed % 2))
    with trial(tmp_path, url, plan) as run:
        run.take_in(crowd(people))
        steps = play(run, rng, people, kills)
        verdict = run.judged()
    print(steps)
    counted(verdict, scenario="random", database=dialect, kills=len(run.incidents), seed=seed)
    assert verdict.kept, verdict.breaches[:10]
    assert len(run.incidents) >= kills and verdict.recovered > 0


@pytest.mark.soak
def test_time_outs(database_url: str, dialect: str, tmp_path: Path, counted: Counted) -> None:
    """Peers stall for longer than the product waits: what they took is sent again, under the same identity."""
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    plan = Plan(seed=11, share=0.15, connections=0.05, hold_s=17.0)
    with trial(tmp_path, url, plan) as run:
        run.take_in(crowd(100))
        run.issue()
        run.kill_after(20)
        run.complete()
        verdict = run.judged()
    counted(verdict, scenario="time-outs", database=dialect, kills=1, seed=plan.seed)
    assert verdict.kept, verdict.breaches[:10]


@pytest.mark.soak
def test_an_emergency_goes_before_what_waits(database_url: str, dialect: str, tmp_path: Path, counted: Counted) -> None:
    """Though peers misbehave and the server is killed in the middle of both."""
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    plan = Plan(seed=12, share=0.05, think_s=0.05)
    with trial(tmp_path, url, plan) as run:
        run.take_in(crowd(4000, texts=False, pushes=False))
        run.issue(bulletin=True)
        run.some(500)
        run.issue(urgent=True)
        run.kill_after(500)
        run.complete()
        verdict = run.judged()
    counted(verdict, scenario="emergency before a bulletin", database=dialect, kills=1, seed=plan.seed)
    assert verdict.kept, verdict.breaches[:10]
