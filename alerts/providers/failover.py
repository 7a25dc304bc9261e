"""Failover pool: weighted selection among the servers or providers of one channel, by the state of their breakers.

Every `now` is a monotonic time in seconds. A pool belongs to one event loop; `health` may be read from any thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from alerts.providers.circuit_breaker import CircuitBreaker, MemberHealth, State

T = TypeVar("T")


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Health of the provider of one channel."""

    provider: str
    state: State
    """well: all members are well. resting: no member is usable at present."""
    members: tuple[MemberHealth, ...] = ()
    budget_left: int | None = None
    """Messages that may still be sent today; None if there is no quota."""
    alarm: str = ""
    """Condition that needs a person before sending stops, in words."""


@runtime_checkable
class ReportsHealth(Protocol):
    """A provider that reports its health."""

    def health(self) -> Health:
        """Current health; may be called from any thread."""


@runtime_checkable
class AcceptsPeerHealth(Protocol):
    """A provider that accepts health reports of other processes."""

    def apply_peer_health(self, resting: Mapping[str, str]) -> None:
        """Apply the names (with reasons) of members that rest in another process. Call in the event loop."""


class FailoverPool(Generic[T]):
    """The members of one channel, with selection by weight and health."""

    def __init__(self, members: Sequence[CircuitBreaker[T]], *, rng: Callable[[], float] = random.random) -> None:
        """`rng` returns numbers in [0, 1)."""
        if not members:
            raise ValueError("a pool needs at least one member")
        self.members, self._rng = tuple(members), rng

    def order(self, now: float, *, urgent: bool = False) -> list[CircuitBreaker[T]]:
        """Members to try in turn until one starts: drawn by weight × share, without resting ones.

        Urgent messages go to members that are well first, so that no emergency is a probe if there is an alternative.
        """
        usable = [member for member in self.members if member.open(now)]
        if len(usable) < 2:
            return usable
        drawn = sorted(usable, key=lambda m: self._rng() ** (1 / (m.weight * m.share(now))), reverse=True)
        return sorted(drawn, key=lambda m: m.state(now) != "well") if urgent else drawn

    def apply_peer_health(self, resting: Mapping[str, str], now: float) -> None:
        """See `AcceptsPeerHealth.apply_peer_health`."""
        for member in self.members:
            if member.name in resting:
                member.peer_unhealthy(now, resting[member.name])

    def wakes_in(self, now: float) -> float:
        """Seconds until the first resting member may be tried; 0.0 if one does not rest."""
        return min(member.wakes_in(now) for member in self.members)

    def health(self, provider: str, now: float, *, budget_left: int | None = None, alarm: str = "") -> Health:
        """Health of all members. `provider` is the provider's name."""
        states = {member.state(now) for member in self.members}
        whole = sum(member.weight * member.share(now) for member in self.members)
        return Health(
            provider=provider,
            state=states.pop() if len(states) == 1 else "limping",
            members=tuple(
                member.health(now, round(member.weight * member.share(now) / whole, 3) if whole else 0.0)
                for member in self.members
            ),
            budget_left=budget_left,
            alarm=alarm,
        )
