"""Wall clock that a test sets back, as APScheduler and the periodic jobs read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import apscheduler.schedulers.base
import pytest

from alerts.scheduler import periodic


@pytest.fixture
def set_clock_back(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the wall clock of all later readings back by an hour."""

    class SetBack(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(hours=1)

    def step() -> None:
        monkeypatch.setattr(apscheduler.schedulers.base, "datetime", SetBack)
        monkeypatch.setattr(periodic, "datetime", SetBack)

    return step
