"""Seeds × SIGKILLs under the faults of every peer: lost 0, ghost 0, copies within P3's bound, one id per delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.harness.checker import judge
from tests.crash.harness.faults import Plan
from tests.crash.harness.trial import crowd, trial

pytestmark = pytest.mark.crash


def test_without_kill(database_url: str, dialect: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    with trial(tmp_path, url, Plan(seed=1, share=0.15)) as run:
        run.take_in(crowd(100))
        run.issue()
        run.complete()
        verdict = judge(run.case())
        print(verdict)
    assert verdict.kept, verdict.breaches[:10]
