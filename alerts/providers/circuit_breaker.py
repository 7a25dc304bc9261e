"""Circuit breaker for one server or provider, with gradual recovery.

A member that fails has an open circuit (*resting*): 1 s, then longer each time. After that it is *limping*: one probe
at a time (half-open), then its share of the messages grows from 5 % of its weight to all of it, by successes and time,
so that an unstable one never gets full load at once. A member with too many slow or failed responses in the last
quarter hour is reduced to a quarter of its weight until it recovers. The caller must report the outcome of each use.

Every `now` is a monotonic time in seconds. A breaker belongs to one event loop; `health` may be read from any thread.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")
State = Literal["well", "limping", "resting"]

RESTS = (1.0, 5.0, 10.0)
"""Seconds of rest after the first, second, ... failure without recovery in between; the last one repeats."""
LONGEST_REST = 900.0
"""Maximum rest in seconds: a longer Retry-After of a peer is cut to this."""
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Share of its weight that a member has, step by step, after a rest."""
STEP_SUCCESSES, STEP_SECONDS, STEP_PATIENCE = 5, 5.0, 60.0
"""Successes and seconds needed for the next step; after `STEP_PATIENCE` seconds one success is enough."""
SLOW = 2.0
"""Seconds above which a response counts as slow."""
SLOW_PART, WELL_PART = 0.15, 0.05
"""Share of bad responses (slow or failed) that reduces a member, and below which it may recover.

The gap is a hysteresis against oscillation.
"""
SLOW_STEP, SLOW_LEAST = 2, 20
"""Index in SHARES of a reduced member, and the minimum number of responses for a meaningful share."""
HEARSAY = 10.0
"""Seconds for which a process's own observation outweighs the health reported by peers."""
PROBE_SECONDS = 60.0
"""Seconds after which a probe without a reported outcome is abandoned, and another may begin."""


class MemberHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Health of a pool member; never contains a secret."""

    name: str
    state: State
    share: float
    """Share of the channel's messages, from 0 to 1."""
    why: str = ""
    """The last failure in words, unless the state is well."""


class _Recent:
    """Sliding window of 15 minutes, in one-minute buckets: counts of all and of bad responses."""

    _MINUTES = 15

    def __init__(self) -> None:
        self._minutes: dict[int, list[int]] = {}

    def add(self, now: float, *, bad: bool) -> None:
        """Count one response."""
        minute = int(now // 60)
        found = self._minutes.get(minute)
        if found is None:
            found = self._minutes[minute] = [0, 0]
            for old in [m for m in self._minutes if m <= minute - self._MINUTES]:
                del self._minutes[old]
        found[0] += 1
        found[1] += bad

    def bad_part(self, now: float) -> float | None:
        """Share of bad responses, from 0 to 1; None if there are too few responses."""
        since = int(now // 60) - self._MINUTES
        counted = [counts for minute, counts in self._minutes.items() if minute > since]
        answers = sum(counts[0] for counts in counted)
        return sum(counts[1] for counts in counted) / answers if answers >= SLOW_LEAST else None


class CircuitBreaker(Generic[T]):
    """Circuit breaker with gradual recovery for one pool member. `it` is the wrapped client."""

    def __init__(self, it: T, name: str, weight: float = 1.0) -> None:
        """`name` is shown to operators; `weight` must be > 0."""
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
        """True if reduced because of slow or occasional failed responses: single failures are still tolerated."""

    def state(self, now: float) -> State:
        """Current state, see `State`."""
        if now < self._rests_until:
            return "resting"
        return "well" if self._step == len(SHARES) - 1 else "limping"

    def share(self, now: float) -> float:
        """Current share of its weight, from 0 to 1."""
        return 0.0 if now < self._rests_until else SHARES[self._step]

    def wakes_in(self, now: float) -> float:
        """Remaining seconds of rest; 0.0 if it does not rest."""
        return max(0.0, self._rests_until - now)

    def open(self, now: float) -> bool:
        """True if the circuit is closed, or half-open with no probe in flight."""
        return now >= self._rests_until and not (self._half_open and now - self._probe_since < PROBE_SECONDS)

    def try_start(self, now: float) -> bool:
        """Begin a use; False if it is not allowed.

        After True, exactly one of `succeeded`, `failed` and `abandon` must follow.
        """
        if not self.open(now):
            return False
        if self._half_open:
            self._probe_since = now
        return True

    def succeeded(self, now: float, took: float = 0.0) -> None:
        """Record a success: a message accepted, or refused for reasons of its own. `took` is in seconds."""
        self._strikes, self._worked = 0, now
        self._recent.add(now, bad=took > SLOW)
        if took > SLOW:
            self._shift_if_slow(now)
        if now < self._rests_until or self._step == len(SHARES) - 1:
            return  # a use begun before a failure says nothing about the state since
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
        """Record a failure, with `why` in words for an operator.

        The circuit opens after `strikes` failures in a row; `rest` is the peer's Retry-After in seconds. A failed probe
        opens it at once. Once a use has succeeded, single failures are tolerated again: otherwise one failure in ten
        would keep it open for ever.
        """
        self._probe_since = float("-inf")
        if now < self._rests_until:
            if rest is not None:  # concurrent failures count as one, but a longer rest is applied
                self._rests_until = max(self._rests_until, now + min(rest, LONGEST_REST))
            return
        self.why = why
        self._strikes += 1
        if self._strikes < strikes and (self._shifted or not self._half_open):
            self._recent.add(now, bad=True)
            self._shift_if_slow(now)
            return
        if self._step > 0 or self._successes >= STEP_SUCCESSES:
            self._failures = 0  # it had recovered: rests grow only while nothing succeeds
        own = RESTS[min(self._failures, len(RESTS) - 1)]
        self._rests_until = now + (own if rest is None else min(max(rest, own), LONGEST_REST))
        self._failures += 1
        self._strikes = self._successes = self._step = 0
        self._shifted = False
        self._step_since = self._rests_until

    def peer_unhealthy(self, now: float, why: str) -> None:
        """Record that another process has opened its circuit.

        The member becomes half-open, so that one probe decides, unless it has succeeded here within `HEARSAY` seconds.
        """
        if now < self._rests_until or now - self._worked < HEARSAY or (self._step == 0 and self.why):
            return
        self._step = self._strikes = self._successes = 0
        self._step_since, self._shifted, self.why = now, False, f"another process: {why}"

    def abandon(self) -> None:
        """End a use without outcome, for a message that was not sent."""
        self._probe_since = float("-inf")

    def health(self, now: float, share: float | None = None) -> MemberHealth:
        """Health of this member. `share` is of the channel's messages (default: of its own weight)."""
        state = self.state(now)
        share = self.share(now) if share is None else share
        return MemberHealth(name=self.name, state=state, share=share, why="" if state == "well" else self.why)

    def _shift_if_slow(self, now: float) -> None:
        """Reduce the share if too many recent responses were bad; the member still gets messages."""
        part = self._recent.bad_part(now)
        if self._step <= SLOW_STEP or now < self._rests_until or part is None or part < SLOW_PART:
            return
        self._step, self._step_since, self._successes, self._shifted = SLOW_STEP, now, 0, True
        self.why = f"{100 * part:.0f} % of its answers in the last quarter hour took more than {SLOW:.0f} s or failed"

    @property
    def _half_open(self) -> bool:
        """True if nothing has succeeded since the last rest."""
        return self._step == 0 and self._successes == 0
