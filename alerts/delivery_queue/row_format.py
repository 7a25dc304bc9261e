"""Numbers and bits of a delivery row: states, channels and lanes as numbers, `DeliveryFlag` as bits.

A number is the index of its word in the vocabulary (`alerts.kernel.terms`), to which words are only ever appended.
"""

from __future__ import annotations

import math
from enum import IntFlag

from alerts.kernel.terms import DELIVERY_STATES, FINAL_STATES, LANES, DeliveryState, Lane

STATE: dict[DeliveryState, int] = {state: number for number, state in enumerate(DELIVERY_STATES)}
LANE: dict[Lane, int] = {lane: number for number, lane in enumerate(LANES)}

QUEUED, HELD, SENDING, SENT, DELIVERED, DEFERRED = (
    STATE["queued"],
    STATE["held"],
    STATE["sending"],
    STATE["sent"],
    STATE["delivered"],
    STATE["deferred"],
)
EXPIRED, SUPERSEDED, CANCELLED = STATE["expired"], STATE["superseded"], STATE["cancelled"]
FAILED_TECHNICAL = STATE["failed-technical"]
FINAL: frozenset[int] = frozenset(STATE[state] for state in FINAL_STATES)


class DeliveryFlag(IntFlag):
    """Bits of a delivery row's `flags`. `|` and `&` give plain integers; numpy takes `int(DeliveryFlag.X)`."""

    FOLLOW_UP = 1
    """Goes to recipients of earlier messages of the thread: by-passes topic, floor and pause (RULES 14)."""
    MAY_WAKE = 2
    """Overrides this person's quiet hours, by its own rules (RULES 4) or because the thread did before."""
    DID_WAKE = 4
    """The thread overrode this person's quiet hours before: so does this one, whatever they prefer since (RULES 14)."""
    LATE_JOINER = 8
    """Became due after the audience was frozen (RULES 7, 14)."""
    IN_DOUBT = 16
    """At least one attempt of this delivery ended in doubt."""
    TEAM = 32
    """To a team member's sign-in address (RULES 15)."""
    DIGEST = 64
    """Held for the person's digest, which carries it (RULES 5)."""
    IMMEDIATE = 128
    """The thread was sent at once whatever this person's frequency, so this one is too (RULES 14)."""
    HAS_RECEIPT = 256
    """A provider sent a receipt after accepting it: it was handed over, whatever its state is since."""
    OUTAGE = 512
    """Deferred for the provider's sake: it leaves as soon as its channel works again (RULES 23)."""

    # IntFlag's own operators build a member: 2 µs instead of 0.03 µs, several times for each delivery.
    __and__ = __rand__ = int.__and__  # type: ignore[assignment]
    __or__ = __ror__ = int.__or__  # type: ignore[assignment]


JOB_NOTICE, JOB_CONFIRMATIONS, JOB_HELP, JOB_TEAM, JOB_DEVICE, JOB_FRESH, JOB_ANSWERS = 0, 1, 2, 3, 4, 5, 6
JOB_JOINED, JOB_STOPPED, JOB_TESTS, JOB_YEARLY = 7, 8, 9, 10
"""Kinds of dispatch: one notice; or one day's confirmations, answers to HELP, messages to team members, words about a
device that was added, fresh links of a quarter of a day, answers to reports, to JOIN and START, to STOP, tests of ten
minutes that people asked for, yearly mails."""

IN_DOUBT = "in doubt"
"""Prefix of an outcome's reason if it is unknown whether the message left."""

PAGE = 20_000
"""Delivery rows planned in one transaction."""
CHUNK = 500
"""Outcomes in one event."""

_STEP = math.log(1.05)


def bucket_of(milliseconds: float) -> int:
    """Return the histogram bucket of a latency; buckets are 5 % apart."""
    return int(math.log(max(milliseconds, 1.0)) / _STEP)


def seconds_of(bucket: int) -> float:
    """Return the middle of a bucket, in seconds."""
    return round(math.exp((bucket + 0.5) * _STEP) / 1000, 3)
