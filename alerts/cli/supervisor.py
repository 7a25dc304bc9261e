"""Supervisor of additional processes: restarts one that dies, with growing delays."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Sequence
from time import monotonic

_log = logging.getLogger("alerts.serve")
_RESTS = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Delays in seconds before each restart; after a run longer than the last delay they begin again with the first."""
_POLL_S = 0.25


class Supervisor:
    """Runs `count` processes of one command for the duration of the block. Exit code 0 means an intended end."""

    def __init__(self, command: Sequence[str], count: int, *, rests: Sequence[float] = _RESTS) -> None:
        self._command, self._count, self._rests = list(command), count, rests
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()
        self._keeper: list[threading.Thread] = []

    def __enter__(self) -> Supervisor:
        for number in range(self._count):
            self._running.append(self._start())
            keeper = threading.Thread(target=self._supervise, args=(number,), name=f"beside {number}", daemon=True)
            keeper.start()
            self._keeper.append(keeper)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for keeper in self._keeper:
            keeper.join()
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()

    @property
    def pids(self) -> list[int]:
        """Process ids of the current processes."""
        return [process.pid for process in self._running]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def _supervise(self, number: int) -> None:
        failures, begun = 0, monotonic()
        while not self._stopping.wait(_POLL_S):
            code = self._running[number].poll()
            if code is None:
                continue
            if code == 0:
                return
            failures = 0 if monotonic() - begun > self._rests[-1] else failures
            rest = self._rests[min(failures, len(self._rests) - 1)]
            failures += 1
            _log.error("a process beside this one ended with %d; it is started again in %g s", code, rest)
            if self._stopping.wait(rest):
                return
            self._running[number], begun = self._start(), monotonic()
