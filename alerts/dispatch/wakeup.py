"""Wake-up of the process's workers, from any thread."""

from __future__ import annotations

import asyncio


class Wakeup:
    """`notify` from any thread; `wait` in the one event loop that was bound."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def bind(self) -> None:
        """Bind to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def notify(self) -> None:
        """Signal that there may be work. Never raises; ignored before `bind`, since a start checks first."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            self._loop = None  # that loop is closed

    async def wait(self) -> None:
        """Block until the next `notify`, or return at once if there was one since the last wait."""
        await self._event.wait()
        self._event.clear()
