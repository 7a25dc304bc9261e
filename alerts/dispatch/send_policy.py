"""Send policy: decides if a message may be sent, when composed and again before the first byte (RULES 4–6, 14, 15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.delivery_queue.row_format import HELD, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.kernel.terms import CHANNELS
from subscribers.audience.index import ContactFacts
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.quiet_hours import next_digest, quiet_until

QUIET = "quiet hours"
UNTIL_DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class InDigest:
    """The row is carried by the person's digest, listed as past if it has expired."""

    row: Claimed
    past: bool


Verdict = DeliveryOutcome | InDigest | None
"""Outcome of the row without a message; None: it may be sent."""


def decide(row: Claimed, notice: IssuedNotice, facts: ContactFacts | None, now: datetime, *, on_team: bool) -> Verdict:
    """Apply the rules in order. `facts` is None for a non-subscriber; `on_team`: a member with a role."""
    ended = notice.verdict(now)
    waits_for_digest = bool(row.flags & DeliveryFlag.DIGEST)
    if ended is not None and not (waits_for_digest and ended[0] == "expired"):
        state, reason = ended
        if state == "expired" and row.state == HELD and row.reason:
            reason = row.reason
        return DeliveryOutcome(row, STATE[state], reason)
    if row.flags & DeliveryFlag.TEAM and facts is None:
        return None if on_team else DeliveryOutcome(row, STATE["suppressed"], "no longer on the team")
    if facts is None or not facts.takes(CHANNELS[row.channel]):
        return DeliveryOutcome(row, STATE["suppressed"], facts.why_not if facts else "this contact point is not known")
    danger = notice.danger_to_life and facts.danger_to_life
    follow_up = row.flags & DeliveryFlag.FOLLOW_UP
    if facts.paused_until is not None and facts.paused_until > now and not danger and not follow_up:
        return DeliveryOutcome(row, STATE["cancelled"], "paused")
    hold = _held(row, notice, facts, now)
    if hold is not None:
        return hold
    return InDigest(row, past=ended is not None) if waits_for_digest else None


def decide_yearly(row: Claimed, facts: ContactFacts | None, now: datetime) -> DeliveryOutcome | None:
    """Outcome of a yearly mail that may not leave now: pause and quiet hours hold for it as for a notice."""
    if facts is None or not facts.usable:
        return DeliveryOutcome(row, STATE["suppressed"], facts.why_not if facts else "this contact point is not known")
    if facts.paused_until is not None and facts.paused_until > now:
        return DeliveryOutcome(row, STATE["cancelled"], "paused")
    quiet = facts.quiet_hours
    until = quiet_until(quiet, facts.timezone, now) if quiet is not None else None
    return None if until is None else DeliveryOutcome(row, HELD, QUIET, due=until)


def _held(row: Claimed, notice: IssuedNotice, facts: ContactFacts, now: datetime) -> DeliveryOutcome | None:
    """Outcome that holds a row for the digest (unless its digest is due), or until quiet hours end."""
    waits_for_digest = bool(row.flags & DeliveryFlag.DIGEST)
    if _for_digest(row, notice, facts) and not waits_for_digest:
        due = next_digest(facts.frequency, facts.timezone, now)
        return DeliveryOutcome(row, HELD, UNTIL_DIGEST, flags=row.flags | DeliveryFlag.DIGEST, due=due)
    if overrides_quiet_hours(row.flags, notice, facts) or facts.quiet_hours is None:
        return None
    until = quiet_until(facts.quiet_hours, facts.timezone, now)
    if until is None:
        return None
    reason = UNTIL_DIGEST if waits_for_digest else QUIET
    return DeliveryOutcome(row, HELD, reason, due=until if waits_for_digest else min(until, notice.expires))


def _for_digest(row: Claimed, notice: IssuedNotice, facts: ContactFacts) -> bool:
    ordinary = notice.priority == "notice" and notice.plan.kind != "bulletin"
    return ordinary and facts.frequency != "immediate" and not row.flags & DeliveryFlag.IMMEDIATE


def overrides_quiet_hours(flags: int, notice: IssuedNotice, facts: ContactFacts) -> bool:
    """True if quiet hours do not apply (RULES 4, 14)."""
    if flags & DeliveryFlag.DID_WAKE:
        return True
    if notice.danger_to_life:
        return facts.danger_to_life
    quiet = facts.quiet_hours
    return notice.priority == "emergency" and quiet is not None and quiet.wake_for == "emergency"
