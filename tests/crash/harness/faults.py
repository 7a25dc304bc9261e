"""Fault of a hand-over as a pure function of (seed, recipient, attempt), so that a rerun meets the same faults.

An attempt is the n-th time that a recipient is offered to any peer. Faults before anybody is named (a banner that does
not come) have the connection's number in place of the attempt, and the peer's name in place of the recipient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

NONE = ""
MIXES: dict[str, dict[str, float]] = {
    "connection": {"stalled-banner": 1, "banner-421": 1},
    "email": {
        "greylisted": 6,
        "stalled": 2,
        "421": 1,
        "5xx": 2,
        "4xx-after-body": 2,
        "5xx-after-body": 1,
        "drop-in-data": 2,
        "no-reply": 3,
        "slow-drip": 2,
    },
    "push": {
        "429": 4,
        "5xx": 2,
        "410": 2,
        "401": 1,
        "redirect": 1,
        "drop": 2,
        "no-reply": 3,
        "slow-drip": 2,
        "stalled": 2,
    },
    "sms": {
        "429": 2,
        "5xx": 2,
        "4xx": 2,
        "401": 1,
        "redirect": 1,
        "drop": 2,
        "no-reply": 3,
        "slow-drip": 2,
        "stalled": 2,
    },
}
"""By channel: each fault and its weight among the faults."""
FOR_GOOD = frozenset({"5xx", "5xx-after-body", "410", "401", "redirect", "4xx"})
"""Those that may end a delivery: a plan without them has everybody reached."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The faults of one run."""

    seed: int = 0
    share: float = 0.0
    """The part of hand-overs that meet a fault, from 0 to 1."""
    connections: float = 0.0
    """The same of connections to the first mail server."""
    most: int = 3
    """The first so many attempts of a recipient may meet one, so that every retry schedule comes to its end."""
    hold_s: float = 0.5
    """Duration of a stall, in seconds. Above the product's time limits it becomes a time-out."""
    wait_s: int = 1
    """Wait that a 429 asks for in Retry-After, in seconds."""
    think_s: float = 0.0
    """Delay of every peer before it takes a message, in seconds: a message in this delay is in flight."""
    mails: int = 2
    """Number of mail servers."""
    pipelining: bool = True
    """True if the mail servers offer PIPELINING."""
    without: frozenset[str] = frozenset()
    """Faults that this run leaves out."""

    def fault(self, channel: str, recipient: str, attempt: int) -> str:
        """The name of the fault, NONE for none. `attempt` counts from 1."""
        share = self.connections if channel == "connection" else self.share
        at = place(self.seed, recipient, attempt)
        if attempt > self.most or at >= share:
            return NONE
        return _drawn({k: v for k, v in MIXES[channel].items() if k not in self.without}, at / share)


def place(seed: int, recipient: str, attempt: int) -> float:
    """In [0, 1), evenly."""
    digest = hashlib.blake2b(f"{seed}\x1f{recipient}\x1f{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _drawn(weights: Mapping[str, float], at: float) -> str:
    """By weight. `at` in [0, 1)."""
    left = at * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return NONE
