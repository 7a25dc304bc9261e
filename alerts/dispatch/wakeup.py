"""Wakes whoever waits for work, from any thread."""

from __future__ import annotations

import asyncio


class Wakeup:
    """`ring` from anywhere; `wait` in the one event loop that has `attach`ed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def bind(self) -> None:
        """Let the running event loop be the one that is woken."""
        self._loop = asyncio.get_running_loop()

    def notify(self) -> None:
        """There may be work. Never raises; nobody listening is fine, whoever comes later looks first."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            self._loop = None  # that loop is closed

    async def wait(self, timeout: float) -> None:
        """Until the bell rings or the time (seconds) is up."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout)
        except TimeoutError:
            return
        self._event.clear()
