"""Several servers or providers for one channel: drawn by weight and health, left alone after failures, trusted again
step by step.

A member that fails rests: 1 s, then longer each time. After its rest it is limping: one message at a time shows whether
it works (half open), then its share of the messages grows from 5 % of its weight to all of it, by successes and time,
so that a shaky one never gets everything at once. One that is slow, or fails now and then, for too much of the last
quarter hour goes down to a quarter of its weight until it is well again. Whoever uses a member says what came of it.

Every `now` is a monotonic time in seconds. A pool belongs to one event loop; `health` may be read from any thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

T = TypeVar("T")
State = Literal["well", "limping", "resting"]

RESTS = (1.0, 5.0, 30.0, 60.0)
"""Seconds that a member is left alone after so many failures without having worked for a while between them."""
LONGEST_REST = 900.0
"""Seconds; what a peer asks for in Retry-After is obeyed up to here, then it is asked again."""
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Which part of its weight a member has, step by step, after a rest."""
STEP_SUCCESSES, STEP_SECONDS, STEP_PATIENCE = 5, 5.0, 60.0
"""A step needs so many successes and so many seconds; after so much patience one success will do."""
SLOW = 2.0
"""Seconds after which an answer is a slow one."""
SLOW_PART, WELL_PART = 0.15, 0.05
"""The part of bad answers (slow, or failed) that takes a member down, and below which it may come up again: they lie
apart, so that nobody is shifted to and fro."""
SLOW_STEP, SLOW_LEAST = 2, 20
"""The place in SHARES of one that is slow, and the answers after which a part of them tells something."""
HEARSAY = 10.0
"""What a process has seen itself within so many seconds counts more than what others say."""
PROBE_SECONDS = 60.0
"""A probe that nobody reported about for so long is given up, and another may begin."""


class MemberHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one member stands; never with a secret."""

    name: str
    state: State
    share: float
    """Of the channel's messages, from 0 to 1."""
    why: str = ""
    """The last failure in words while it is not well."""


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the provider of one channel stands."""

    provider: str
    state: State
    """well: every member is. resting: none may be used just now."""
    members: tuple[MemberHealth, ...] = ()
    budget_left: int | None = None
    """Messages that may still leave today; None where nothing is counted."""
    alarm: str = ""
    """What a person has to see to before nothing leaves any more, in words."""


@runtime_checkable
class ReportsHealth(Protocol):
    """A provider that can say how it stands."""

    def health(self) -> Health:
        """Right now; from any thread."""


class _Recent:
    """Answers of the last quarter hour, by the minute: all, and bad ones."""

    _MINUTES = 15

    def __init__(self) -> None:
        self._minutes: dict[int, list[int]] = {}

    def add(self, now: float, *, bad: bool) -> None:
        """One answer."""
        minute = int(now // 60)
        found = self._minutes.get(minute)
        if found is None:
            found = self._minutes[minute] = [0, 0]
            for old in [m for m in self._minutes if m <= minute - self._MINUTES]:
                del self._minutes[old]
        found[0] += 1
        found[1] += bad

    def bad_part(self, now: float) -> float | None:
        """From 0 to 1; None while there are too few to say."""
        since = int(now // 60) - self._MINUTES
        counted = [counts for minute, counts in self._minutes.items() if minute > since]
        answers = sum(counts[0] for counts in counted)
        return sum(counts[1] for counts in counted) / answers if answers >= SLOW_LEAST else None


@runtime_checkable
class AcceptsPeerHealth(Protocol):
    """A provider that takes other processes' word for how its members stand."""

    def apply_peer_health(self, resting: Mapping[str, str]) -> None:
        """These members, by name, rest in another process, and why. In the event loop."""


class CircuitBreaker(Generic[T]):
    """One server or provider of a pool. `it` is what the pool's owner uses it by."""

    def __init__(self, it: T, name: str, weight: float = 1.0) -> None:
        """`name` is shown to operators; `weight` > 0."""
        if weight <= 0:
            raise ValueError("a weight is greater than 0")
        self.it, self.name, self.weight = it, name, weight
        self.why = ""
        self._step = len(SHARES) - 1
        self._rests_until = self._step_since = self._probe_since = float("-inf")
        self._strikes = self._failures = self._successes = 0
        self._recent = _Recent()
        self._worked = float("-inf")
        self._shifted = False
        """Whether it limps because it was slow or failed now and then: single failures are still forgiven."""

    def state(self, now: float) -> State:
        """See `State`."""
        if now < self._rests_until:
            return "resting"
        return "well" if self._step == len(SHARES) - 1 else "limping"

    def share(self, now: float) -> float:
        """The part of its weight that it has now, from 0 to 1."""
        return 0.0 if now < self._rests_until else SHARES[self._step]

    def wakes_in(self, now: float) -> float:
        """Seconds of rest that are left; 0.0 if it does not rest."""
        return max(0.0, self._rests_until - now)

    def open(self, now: float) -> bool:
        """Whether it may be used: it does not rest, and nobody is finding out just now whether it works."""
        return now >= self._rests_until and not (self._half_open and now - self._probe_since < PROBE_SECONDS)

    def try_start(self, now: float) -> bool:
        """Say that it is about to be used; False if it may not be. After True one of `succeeded`, `failed` and
        `passed` must follow."""
        if not self.open(now):
            return False
        if self._half_open:
            self._probe_since = now
        return True

    def succeeded(self, now: float, took: float = 0.0) -> None:
        """It works: it took a message, or refused one for reasons that are the message's own. `took`: seconds."""
        self._strikes, self._worked = 0, now
        self._recent.add(now, bad=took > SLOW)
        if took > SLOW:
            self._shift_if_slow(now)
        if now < self._rests_until or self._step == len(SHARES) - 1:
            return  # what began before a failure says nothing about how it is since
        self._probe_since = float("-inf")
        self._successes += 1
        waited = now - self._step_since
        if self._step >= SLOW_STEP and (self._recent.bad_part(now) or 0.0) >= WELL_PART:
            return
        if (self._successes >= STEP_SUCCESSES and waited >= STEP_SECONDS) or waited >= STEP_PATIENCE:
            self._step += 1
            self._step_since, self._successes = now, 0
            if self._step == len(SHARES) - 1:
                self._failures, self.why, self._shifted = 0, "", False

    def failed(self, now: float, why: str, *, strikes: int = 1, rest: float | None = None) -> None:
        """It did not work, in words for an operator. It rests once so many uses in a row have failed; `rest` is how
        many seconds the peer itself asked for. Who finds out whether it works again needs no second failure; once it
        has worked, single ones are forgiven as before: else one in ten kept it at rest for good."""
        self._probe_since = float("-inf")
        if now < self._rests_until:
            if rest is not None:  # those that fail together are one failure, but a longer wish is obeyed
                self._rests_until = max(self._rests_until, now + min(rest, LONGEST_REST))
            return
        self.why = why
        self._strikes += 1
        if self._strikes < strikes and (self._shifted or not self._half_open):
            self._recent.add(now, bad=True)
            self._shift_if_slow(now)
            return
        if self._step > 0 or self._successes >= STEP_SUCCESSES:
            self._failures = 0  # it had come back: rests grow while nothing works, not with each bad moment
        own = RESTS[min(self._failures, len(RESTS) - 1)]
        self._rests_until = now + (own if rest is None else min(max(rest, own), LONGEST_REST))
        self._failures += 1
        self._strikes = self._successes = self._step = 0
        self._shifted = False
        self._step_since = self._rests_until

    def peer_unhealthy(self, now: float, why: str) -> None:
        """Another process leaves it alone: unless it has worked here of late, one message finds out whether it does."""
        if now < self._rests_until or now - self._worked < HEARSAY or (self._step == 0 and self.why):
            return
        self._step = self._strikes = self._successes = 0
        self._step_since, self._shifted, self.why = now, False, f"another process: {why}"

    def abandon(self) -> None:
        """It was not used after all: nothing was learnt."""
        self._probe_since = float("-inf")

    def health(self, now: float, share: float | None = None) -> MemberHealth:
        """How it stands. `share`: of the channel's messages (default: of its own weight)."""
        state = self.state(now)
        share = self.share(now) if share is None else share
        return MemberHealth(name=self.name, state=state, share=share, why="" if state == "well" else self.why)

    def _shift_if_slow(self, now: float) -> None:
        """Down to a part of its weight, if too many of its answers were bad of late; it goes on taking messages."""
        part = self._recent.bad_part(now)
        if self._step <= SLOW_STEP or now < self._rests_until or part is None or part < SLOW_PART:
            return
        self._step, self._step_since, self._successes, self._shifted = SLOW_STEP, now, 0, True
        self.why = f"{100 * part:.0f} % of its answers in the last quarter hour took more than {SLOW:.0f} s or failed"

    @property
    def _half_open(self) -> bool:
        """Nothing has worked since its rest."""
        return self._step == 0 and self._successes == 0


class FailoverPool(Generic[T]):
    """The members of one channel."""

    def __init__(self, members: Sequence[CircuitBreaker[T]], *, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives numbers in [0, 1)."""
        if not members:
            raise ValueError("a pool needs at least one member")
        self.members, self._chance = tuple(members), chance

    def order(self, now: float, *, urgent: bool = False) -> list[CircuitBreaker[T]]:
        """Whom to try, one after the other, until one of them begins: drawn by weight × share, resting ones left out.
        What is urgent goes to those that are well first, so that no emergency is a probe while there is a choice."""
        usable = [member for member in self.members if member.open(now)]
        if len(usable) < 2:
            return usable
        drawn = sorted(usable, key=lambda m: self._chance() ** (1 / (m.weight * m.share(now))), reverse=True)
        return sorted(drawn, key=lambda m: m.state(now) != "well") if urgent else drawn

    def apply_peer_health(self, resting: Mapping[str, str], now: float) -> None:
        """See `Heeding.heed`."""
        for member in self.members:
            if member.name in resting:
                member.peer_unhealthy(now, resting[member.name])

    def wakes_in(self, now: float) -> float:
        """Seconds until the first resting member may be tried again; 0.0 if one does not rest."""
        return min(member.wakes_in(now) for member in self.members)

    def health(self, provider: str, now: float, *, budget_left: int | None = None, alarm: str = "") -> Health:
        """How all of them stand. `provider` is the provider's name."""
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
