"""Position waiter: wake-up of threads and coroutines when a position is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Condition
from time import monotonic


class PositionWaiter:
    """Increasing position, with its waiters."""

    def __init__(self, position: int = 0, awaited: Callable[[], None] = lambda: None) -> None:
        """`awaited` is called whenever a waiter begins to wait."""
        self._position, self._awaited = position, awaited
        self._blocked = 0
        self._ended = False
        self._condition = Condition()
        self._awaiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []

    def position(self) -> int:
        """Current position."""
        return self._position

    def advance(self, position: int) -> None:
        """Advance to that position and wake its waiters; a lower one is ignored."""
        with self._condition:
            if position <= self._position:
                return
            self._position = position
            self._condition.notify_all()
            due = [entry for entry in self._awaiting if entry[0] <= position]
            if due:
                self._awaiting = [entry for entry in self._awaiting if entry[0] > position]
        for _, loop, future in due:
            try:
                loop.call_soon_threadsafe(_resolve, future)
            except RuntimeError:
                continue  # That loop was closed: it has no waiters any more.

    def end(self) -> None:
        """Let every blocked thread go on, now and from now on, as after its timeout: the process stops."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until `position` is reached; False after `timeout` seconds, or at `end`."""
        if self._position >= position:
            return True
        deadline = monotonic() + timeout
        with self._condition:
            self._blocked += 1
        self._awaited()
        with self._condition:
            try:
                while self._position < position:
                    left = deadline - monotonic()
                    if left <= 0 or self._ended:
                        return False
                    self._condition.wait(left)
                return True
            finally:
                self._blocked -= 1

    def is_awaited(self) -> bool:
        """True if there is a waiter."""
        return self._blocked > 0 or bool(self._awaiting)

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """Asynchronous version of `wait_for`; uses no thread."""
        if self._position >= position:
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        entry = (position, loop, future)
        with self._condition:
            if self._position >= position:
                return True
            self._awaiting.append(entry)
        self._awaited()
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return self._position >= position
        finally:
            with self._condition:
                if entry in self._awaiting:
                    self._awaiting.remove(entry)


def _resolve(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(True)
