"""Rate limiter before a provider, applied before the recheck, so that no stale message is sent.

A short queue waits in memory, emergencies first. Messages that would wait longer return to the delivery queue with a
due time, so that a slow channel blocks no sender, and a cancel finds them there.
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
"""Reason of a row that was released to wait."""
_LINE, _LINE_BACK = 1.0, 5.0
"""Seconds of the rate that may wait in memory: for new messages, and for those that come back when due."""
_HORIZON = {True: 20.0, False: 60.0}
"""Maximum seconds until a released message is claimed again: others may have been cancelled by then."""


@runtime_checkable
class RateLimited(Protocol):
    """Provider that accepts a limited number of messages per second."""

    def rate(self) -> float:
        """Messages per second that this process may send now; > 0."""

    def share_among(self, processes: int) -> None:
        """Set the number of processes that share the rate."""


class RateLimiter:
    """Queue before one channel's provider. It belongs to one event loop."""

    def __init__(
        self,
        capacity: Callable[[], float],
        *,
        now: Callable[[], float] = monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """`capacity`: messages per second, read each time. `rng` gives numbers in [0, 1)."""
        self._capacity, self._now, self._rng = capacity, now, rng
        self._bucket = TokenBucket(capacity(), now())
        self._queues: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._coming = {True: 0, False: 0}
        self._booked = {True: 0.0, False: 0.0}
        """Time up to which slots are assigned, by emergency."""
        self._wakes: asyncio.TimerHandle | None = None
        self._closed = False

    def retry_after(self, *, emergency: bool, again: bool) -> float | None:
        """None if a message may wait here, and then it must; else seconds until its slot.

        `again`: it was released before.
        """
        now, rate = self._now(), self._capacity()
        ahead = len(self._queues[True]) + self._coming[True]
        if not emergency:
            ahead += len(self._queues[False]) + self._coming[False]
        room = max(1.0, rate * (_LINE_BACK if again else _LINE))
        # Released messages own the slots until then; an emergency takes the first one.
        first_come = again or emergency or self._booked[False] <= now + _LINE
        if ahead < room and first_come:
            self._coming[emergency] += 1
            return None
        slot = max(self._booked[emergency], now + ahead / rate) + 1 / rate
        horizon = now + _HORIZON[emergency]
        if slot > horizon:
            self._booked[emergency] = horizon
            return _HORIZON[emergency] * (0.5 + self._rng() / 2)
        self._booked[emergency] = slot
        return slot - now

    async def acquire(self, *, emergency: bool) -> None:
        """Wait for a slot."""
        self._coming[emergency] = max(0, self._coming[emergency] - 1)
        if self._closed or (not any(self._queues.values()) and self._take()):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues[emergency].append(waiter)
        self._wake()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.refund()
            raise

    def refund(self) -> None:
        """Return an unused slot: the next message may go."""
        self._bucket.refund()
        self._wake()

    def close(self) -> None:
        """Release all waiters, now and from now on: nothing is sent any more."""
        self._closed = True
        for queue in self._queues.values():
            for waiter in queue:
                if not waiter.done():
                    waiter.set_result(None)
            queue.clear()
        self._wake()

    def _take(self) -> bool:
        self._bucket.rate = self._capacity()
        return self._bucket.take(self._now())

    def _wake(self) -> None:
        """Release waiters while there are tokens, and schedule the next wake-up."""
        if self._wakes is not None:
            self._wakes.cancel()
            self._wakes = None
        for queue in (self._queues[True], self._queues[False]):
            while queue and (queue[0].done() or self._take()):
                waiter = queue.popleft()
                if not waiter.done():
                    waiter.set_result(None)
            if queue:
                wait = max(self._bucket.delay(self._now()), 0.001)
                self._wakes = asyncio.get_running_loop().call_later(wait, self._wake)
                return
