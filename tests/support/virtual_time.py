"""Event loop whose time passes only while everybody waits: tests of times take none, and do not depend on the load."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Selector that waits for nothing: the time it would have waited is said to have passed."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        super().__init__()
        self._passed = passed

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("everybody waits, and for no time: this would wait for ever")
        if not found and timeout:
            self._passed(timeout)
        return found


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop with a clock of its own. Threads and sockets are not waited for."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Skipping(self._pass))

    def _pass(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        return self._now


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
