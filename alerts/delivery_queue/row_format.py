"""How a delivery row says what it is: states, channels and lanes by number, flags by bit.

The numbers are the places of the words in their vocabularies (`alerts.kernel.terms`), which only grow.
"""

from __future__ import annotations

import math

from alerts.kernel.terms import CHANNELS, DELIVERY_STATES, FINAL_STATES, LANES, Channel, DeliveryState, Lane

STATE: dict[DeliveryState, int] = {state: number for number, state in enumerate(DELIVERY_STATES)}
CHANNEL: dict[Channel, int] = {channel: number for number, channel in enumerate(CHANNELS)}
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

FOLLOW_UP = 1
"""Goes to whom the thread was handed to: by-passes topic, floor and pause (RULES 14)."""
WAKES = 2
"""This message goes over this person's quiet hours, by its own rules (RULES 4) or by what the thread did before."""
WOKEN = 4
"""The thread went over this person's quiet hours before: so does this one, whatever they wish since (RULES 14)."""
LATE = 8
"""Became due after the audience was frozen (RULES 7, 14)."""
DOUBT = 16
"""At least one attempt of this delivery ended in doubt."""
TEAM = 32
"""To a team member's sign-in address (RULES 15)."""
DIGEST = 64
"""Held for the person's digest, which carries it (RULES 5)."""
PROMPT = 128
"""The thread came at once whatever this person's frequency: so does this one (RULES 14)."""
REPORTED = 256
"""A provider has said something of it after it took it: it was handed over, whatever state it stands in since."""

JOB_NOTICE, JOB_CONFIRMATIONS, JOB_HELP, JOB_TEAM = 0, 1, 2, 3
"""What a job is: one notice; or one day's confirmations, answers to HELP, words to members of the team."""

IN_DOUBT = "in doubt"
"""How the reason of an outcome begins when nobody knows whether the message left."""

PAGE = 20_000
"""Delivery rows planned in one transaction."""
CHUNK = 500
"""Outcomes in one event."""

_STEP = math.log(1.05)


def bucket_of(milliseconds: float) -> int:
    """The bucket of a latency: 5 % apart."""
    return int(math.log(max(milliseconds, 1.0)) / _STEP)


def seconds_of(bucket: int) -> float:
    """The middle of a bucket, in seconds."""
    return round(math.exp((bucket + 0.5) * _STEP) / 1000, 3)
