"""Retry policy: maps the result of a hand-over to the row's next state (RULES 23)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.channels.message import SendResult
from alerts.delivery_queue.row_format import (
    DEFERRED,
    FAILED_TECHNICAL,
    HELD,
    IN_DOUBT,
    QUEUED,
    SENT,
    STATE,
    DeliveryFlag,
)
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.kernel.terms import CHANNELS, Channel

_JITTER = 0.2
_SPREAD = 0.5
"""Share of a wait for a provider by which it may be longer, so that not all of a channel come back at once."""
LONGEST = timedelta(hours=24)
"""Time after the first try for which a delivery that is no emergency is tried."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry schedule per channel: seconds between tries, the last repeats; each with 20 % jitter.

    A delivery is tried until it is taken, is refused for good, or its notice ends; what is no emergency for at most 24
    hours after its first try. Waiting for a provider is no try.
    """

    schedule: Mapping[Channel, tuple[float, ...]]
    rng: random.Random = field(default_factory=random.Random)

    def outcome_of(
        self,
        row: Claimed,
        result: SendResult,
        started: datetime,
        finished: datetime,
        expires: datetime,
        language: str,
        *,
        first_try: datetime | None = None,
        emergency: bool = False,
    ) -> DeliveryOutcome:
        """Outcome of the row after this try (number `tries` + 1); `first_try`: time of the first, None if unknown."""
        done = DeliveryOutcome(
            row,
            SENT,
            result.reason if result.result != "sent" else "",
            started=started,
            finished=finished,
            language=language,
            reference=result.reference,
        )
        match result.result:
            case "sent":
                return done
            case "permanent":
                return done._replace(state=STATE["failed-permanent"], suppress_reason=result.retire)
            case "technical":
                return done._replace(state=FAILED_TECHNICAL)
            case "waiting":
                return DeliveryOutcome(row, HELD, result.reason, due=expires)
            case "not-begun":
                return self._waiting(row, result, finished, expires)
            case "temporary":
                return self._again(done._replace(flags=_flags(row, result)), result, expires, first_try, emergency)
            case "in-doubt":
                flags = _flags(row, result) | DeliveryFlag.IN_DOUBT
                doubted = done._replace(reason=f"{IN_DOUBT}: {result.reason}", flags=flags)
                return self._again(doubted, result, expires, first_try, emergency)

    def _waiting(self, row: Claimed, result: SendResult, finished: datetime, expires: datetime) -> DeliveryOutcome:
        wait = (result.retry_after or 0.0) * self.rng.uniform(1, 1 + _SPREAD)
        doubted = row.reason if row.reason and row.reason.startswith(IN_DOUBT) else None
        reason = doubted or result.reason or row.reason or ""
        return DeliveryOutcome(row, QUEUED, reason, due=min(finished + timedelta(seconds=wait), expires))

    def _again(
        self,
        settled: DeliveryOutcome,
        result: SendResult,
        expires: datetime,
        first_try: datetime | None,
        emergency: bool,
    ) -> DeliveryOutcome:
        row, finished = settled.row, settled.finished
        assert finished is not None
        steps = self.schedule.get(CHANNELS[row.channel], ())
        step = steps[min(row.tries, len(steps) - 1)] if steps else 0.0
        wait = max(step * self.rng.uniform(1 - _JITTER, 1 + _JITTER), result.retry_after or 0.0)
        last = expires if emergency else min(expires, (first_try or settled.started or finished) + LONGEST)
        if not steps or finished >= last:
            reason = f"given up after {row.tries + 1} tries: {result.reason}"
            if settled.reason.startswith(IN_DOUBT):
                reason = f"{IN_DOUBT}, {reason}"
            return settled._replace(state=FAILED_TECHNICAL, reason=reason)
        return settled._replace(state=DEFERRED, due=min(finished + timedelta(seconds=wait), last))

    def asks_for_first_try(self, row: Claimed, result: SendResult, *, emergency: bool) -> bool:
        """True if `outcome_of` needs the time of the first try, which takes a read of the queue."""
        if emergency or not row.tries or result.result not in ("temporary", "in-doubt"):
            return False
        # Within the schedule less than a day has passed; from its end on the day is counted exactly.
        return row.tries >= len(self.schedule.get(CHANNELS[row.channel], ()))


def _flags(row: Claimed, result: SendResult) -> int:
    """Flags of a row that is tried again: they say if it waits for the provider's sake."""
    return (row.flags & ~int(DeliveryFlag.OUTAGE)) | (int(DeliveryFlag.OUTAGE) if result.outage else 0)
