"""Holding messages back to what a provider takes a second, before the last question is asked: nothing stale leaves.

A short line waits in memory, emergencies first. What would have to wait longer goes back to the queue with the time of
its turn, so that a slow channel holds up no sender, and a cancel finds it there.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol, runtime_checkable

from alerts.net.token_bucket import TokenBucket

WAITS = "waits for its turn with the provider"
"""The reason of a row that was put back."""
_LINE, _LINE_BACK = 1.0, 5.0
"""Seconds of the rate that may wait in memory: of new messages, and of those whose turn has come."""
_HORIZON = {True: 20.0, False: 60.0}
"""Seconds after which a message that was put back is looked at again: by then others may have been cancelled."""


@runtime_checkable
class RateLimited(Protocol):
    """A provider that takes only so many messages a second."""

    def rate(self) -> float:
        """Messages a second that this process may hand over now; > 0."""

    def share_among(self, processes: int) -> None:
        """So many processes hand over, and share the rate."""


class RateLimiter:
    """The line before one channel's provider. It belongs to one event loop."""

    def __init__(
        self,
        capacity: Callable[[], float],
        *,
        now: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`capacity`: messages a second, asked each time. `chance` gives numbers in [0, 1)."""
        self._capacity, self._now, self._chance = capacity, now, chance
        self._bucket = TokenBucket(capacity(), now())
        self._lines: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._coming = {True: 0, False: 0}
        self._booked = {True: 0.0, False: 0.0}
        """Until when turns are given away, by whether it is an emergency."""
        self._wakes: asyncio.TimerHandle | None = None
        self._shut = False

    def retry_after(self, *, emergency: bool, again: bool) -> float | None:
        """None if a message may wait here for its turn, and then it must; else seconds until its turn. `again`: it
        was put back before."""
        now, rate = self._now(), self._capacity()
        ahead = len(self._lines[True]) + self._coming[True]
        if not emergency:
            ahead += len(self._lines[False]) + self._coming[False]
        room = max(1.0, rate * (_LINE_BACK if again else _LINE))
        # Whoever was put back has the turns until then; an emergency takes the first there is.
        first_come = again or emergency or self._booked[False] <= now + _LINE
        if ahead < room and first_come:
            self._coming[emergency] += 1
            return None
        turn = max(self._booked[emergency], now + ahead / rate) + 1 / rate
        horizon = now + _HORIZON[emergency]
        if turn > horizon:
            self._booked[emergency] = horizon
            return _HORIZON[emergency] * (0.5 + self._chance() / 2)
        self._booked[emergency] = turn
        return turn - now

    async def acquire(self, *, emergency: bool) -> None:
        """Wait for one's turn."""
        self._coming[emergency] = max(0, self._coming[emergency] - 1)
        if self._shut or (not any(self._lines.values()) and self._take()):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines[emergency].append(turn)
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.refund()
            raise

    def refund(self) -> None:
        """A turn was had and nothing was handed over: the next one may go."""
        self._bucket.refund()
        self._wake()

    def close(self) -> None:
        """Let go whoever waits, now and from now on: nothing is handed over any more."""
        self._shut = True
        for line in self._lines.values():
            for turn in line:
                if not turn.done():
                    turn.set_result(None)
            line.clear()
        self._wake()

    def _take(self) -> bool:
        self._bucket.rate = self._capacity()
        return self._bucket.take(self._now())

    def _wake(self) -> None:
        """Let go whoever may, and look again when there is the next token."""
        if self._wakes is not None:
            self._wakes.cancel()
            self._wakes = None
        for line in (self._lines[True], self._lines[False]):
            while line and (line[0].done() or self._take()):
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(None)
            if line:
                wait = max(self._bucket.delay(self._now()), 0.001)
                self._wakes = asyncio.get_running_loop().call_later(wait, self._wake)
                return
