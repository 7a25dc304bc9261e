"""Concurrency limiter for the messages of a channel. Some slots are reserved for emergencies.

No destination takes all slots, so that a stalled one leaves some for the others. If no slot was taken or released for a
second, waiters are rejected: a queue before a stalled peer must not keep the senders from other channels.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, runtime_checkable

from alerts.channels.message import Message

STALL = 1.0
"""Seconds without a slot taken or released after which a full limiter, or its share for one destination, is stalled."""
_REJOIN_RATE = 500
"""Rejected messages a second that may come back, to one destination."""
_HORIZON = {True: 5.0, False: 60.0}
"""Seconds after which rejected messages come back at the latest, by emergency."""
MAX_BURST = 10
"""Messages that one sender may send in a row while others wait."""
SHARE_PER_DESTINATION, _URGENT_PART = 3 / 4, 7 / 8
"""Share of the slots for one of many destinations; emergencies may take more."""


@runtime_checkable
class PerDestination(Protocol):
    """Provider that sends to many destinations, each of which may stall by itself."""

    def destination(self, message: Message) -> str:
        """Destination of a message."""


class NoSlot(Exception):
    """No slot is free or likely to become free. Retry after `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.retry_after = wait


@dataclass(slots=True)
class _Destination:
    """Slots taken for one destination, and its waiters: [others, emergencies], each with its ticket."""

    inside: int = 0
    changed_at: float = 0.0
    waiting: tuple[deque[tuple[int, asyncio.Future[bool]]], ...] = field(default_factory=lambda: (deque(), deque()))
    booked: list[float] = field(default_factory=lambda: [0.0, 0.0])


class ConcurrencyLimiter:
    """Limiter of `limit` slots, of which `reserve` are for emergencies alone.

    Emergencies go before other waiters. It belongs to one event loop.
    """

    def __init__(
        self,
        limit: int,
        reserve: int,
        *,
        part: float = 1.0,
        now: Callable[[], float] = monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """`part`: share of the slots for one destination. `rng` gives numbers in [0, 1)."""
        open_to_all = max(1, limit - reserve)
        self._places = (open_to_all, limit)
        urgent_part = limit if part >= 1 else int(limit * _URGENT_PART)
        own = max(1, int(open_to_all * min(part, 1.0)))
        self._own = (own, max(own, urgent_part))
        self._now, self._rng = now, rng
        self._destinations: dict[str, _Destination] = {}
        self._inside, self._changed_at, self._tickets = 0, now(), 0
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def inside(self) -> int:
        """Number of messages in flight."""
        return self._inside

    def places(self, *, emergency: bool) -> int:
        """Maximum number of such messages in flight."""
        return self._places[emergency]

    def is_stalled(self, *, emergency: bool, to: str = "") -> bool:
        """True if a new message would be rejected."""
        destination = self._destinations.get(to)
        return self._closed or self._hopeless(destination or _Destination(), emergency)

    def retry_after(self, *, emergency: bool, to: str = "") -> float:
        """Seconds after which a rejected message may come back, spread over time."""
        destination, now = self._destinations.get(to), self._now()
        if self._closed or destination is None:
            return 0.0 if self._closed else STALL
        horizon = _HORIZON[emergency]
        at = max(destination.booked[emergency], now + STALL) + 1 / _REJOIN_RATE
        if at > now + horizon:
            return horizon * (0.5 + self._rng() / 2)
        destination.booked[emergency] = at
        return at - now

    @asynccontextmanager
    async def slot(self, *, emergency: bool, to: str = "") -> AsyncIterator[None]:
        """Wait for a slot and hold it. Raises NoSlot."""
        destination = self._destinations.setdefault(to, _Destination(changed_at=self._now()))
        if self._closed or self._hopeless(destination, emergency):
            raise NoSlot(self.retry_after(emergency=emergency, to=to))
        if self._has_room(destination, emergency):
            self._enter(destination)
        elif not await self._wait(to, destination, emergency):
            raise NoSlot(self.retry_after(emergency=emergency, to=to))
        try:
            yield
        finally:
            self._leave(to, destination)

    def keep_slot(self, *, emergency: bool, to: str = "", run: int = 0) -> bool:
        """True if the holder may send another message without queueing again.

        No more urgent message waits, and others wait for at most MAX_BURST messages. `run`: messages sent so far.
        """
        if self._closed:
            return False
        for destination in self._destinations.values():
            if (destination.waiting[True] and not emergency) or (run >= MAX_BURST and destination.waiting[emergency]):
                return False
        self._changed_at = self._destinations[to].changed_at = self._now()
        return True

    def close(self) -> None:
        """Refuse further messages; reject the waiters."""
        self._closed = True
        for destination in self._destinations.values():
            self._send_away(destination, (True, False))

    def _has_room(self, destination: _Destination, emergency: bool) -> bool:
        return self._inside < self._places[emergency] and destination.inside < self._own[emergency]

    def _hopeless(self, destination: _Destination, emergency: bool) -> bool:
        """True if no slot is free and none was released for a while."""
        if self._has_room(destination, emergency):
            return False
        changed_at = destination.changed_at if destination.inside >= self._own[emergency] else self._changed_at
        return self._now() - changed_at > STALL

    async def _wait(self, to: str, destination: _Destination, emergency: bool) -> bool:
        """Wait for a slot; False if rejected."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._tickets += 1
        destination.waiting[emergency].append((self._tickets, waiter))
        self._look_again()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self._leave(to, destination)
            raise

    def _enter(self, destination: _Destination) -> None:
        self._inside += 1
        destination.inside += 1
        self._changed_at = destination.changed_at = self._now()

    def _leave(self, to: str, destination: _Destination) -> None:
        """Release the slot to the next waiter: emergencies first, then in order of arrival."""
        self._inside -= 1
        destination.inside -= 1
        self._changed_at = destination.changed_at = self._now()
        for emergency in (True, False):
            while (first := self._first(emergency)) is not None:
                _, waiter = first.waiting[emergency].popleft()
                self._enter(first)
                waiter.set_result(True)
        if not destination.inside and not any(destination.waiting) and self._destinations.get(to) is destination:
            del self._destinations[to]

    def _first(self, emergency: bool) -> _Destination | None:
        """Destination of the next waiter that has room."""
        found: _Destination | None = None
        for destination in self._destinations.values():
            queue = destination.waiting[emergency]
            while queue and queue[0][1].done():  # cancelled
                queue.popleft()
            first = queue and (found is None or queue[0][0] < found.waiting[emergency][0][0])
            if first and self._has_room(destination, emergency):
                found = destination
        return found

    def _look_again(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(STALL / 4, self._watched)

    def _watched(self) -> None:
        """Reject the waiters of stalled destinations."""
        self._watch = None
        for destination in self._destinations.values():
            self._send_away(
                destination, [emergency for emergency in (True, False) if self._hopeless(destination, emergency)]
            )
        if any(any(destination.waiting) for destination in self._destinations.values()):
            self._look_again()

    @staticmethod
    def _send_away(destination: _Destination, kinds: list[bool] | tuple[bool, ...]) -> None:
        for emergency in kinds:
            queue = destination.waiting[emergency]
            while queue:
                _, waiter = queue.popleft()
                if not waiter.done():
                    waiter.set_result(False)
