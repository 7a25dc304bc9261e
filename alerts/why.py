"""Why a person got a message, or why not: recomputed from the log, never remembered.

The person's stream and the registers are folded up to the position at which the notice's audience was computed, and
RULES 1–12 and 15 are asked again, one by one, by the slow and obvious path of `subscribers.explain`. The chain leads
from the event that triggered the notice to what became of the delivery.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule asked of one person: `rule` names it (RULES.md's number and word), `detail` says it in plain words."""

    rule: str
    holds: bool
    detail: str


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step from the triggering event to the outcome. `by` names an organisation or a role; never a resident."""

    at: datetime
    what: str
    """The event's type, or `Delivery`."""
    detail: str
    by: str = ""
    position: int = 0
    stream: UUID | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that CONTRACT calls why / why-not, with what a page says beside it."""

    due: bool
    position: int
    """The log position at which the audience was computed; 0 if the notice was never issued."""
    checks: tuple[Check, ...]
    chain: tuple[Link, ...]
    notice: UUID
    subscriber: UUID | None
    """None for a team member who took part in an exercise."""
    place: str = ""
    """The matched place in the person's own words."""
    distance_m: float | None = None
    outcome: str = ""
    """The delivery's state, "" where there is none."""
    reason: str = ""
