"""Processes beside a server: one that is killed comes back, one that ends by itself does not, none is left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from alerts.cli.supervisor import Supervisor

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "waited ten seconds in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_that_is_killed_is_started_again_and_all_end_with_the_block() -> None:
    with Supervisor(SLEEPS, 2, rests=(0.01,)) as beside:
        first, other = beside.pids
        os.kill(first, signal.SIGKILL)
        until(lambda: beside.pids[0] != first)
        assert beside.pids[1] == other
        last = beside.pids
    assert all(gone(pid) for pid in (first, *last))


def test_one_that_ends_well_is_left_alone() -> None:
    with Supervisor([sys.executable, "-c", ""], 1, rests=(0.01,)) as beside:
        [pid] = beside.pids
        until(lambda: not beside._keeper[0].is_alive())
        assert beside.pids == [pid]
