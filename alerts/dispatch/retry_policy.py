"""Retry policy: maps the result of a hand-over to the row's next state."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.channels.message import SendResult
from alerts.delivery_queue.row_format import DEFERRED, FAILED_TECHNICAL, IN_DOUBT, QUEUED, SENT, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.kernel.terms import CHANNELS, Channel

_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry schedule per channel: seconds between tries, each with 20 % jitter to spread the retries."""

    schedule: Mapping[Channel, tuple[float, ...]]
    chance: random.Random = field(default_factory=random.Random)

    def outcome_of(
        self, row: Claimed, handed: SendResult, started: datetime, finished: datetime, expires: datetime, language: str
    ) -> DeliveryOutcome:
        """Outcome of the row after this try (number `tries` + 1)."""
        done = DeliveryOutcome(
            row,
            SENT,
            handed.reason if handed.result != "sent" else "",
            started=started,
            finished=finished,
            language=language,
            reference=handed.reference,
        )
        match handed.result:
            case "sent":
                return done
            case "permanent":
                return done._replace(state=STATE["failed-permanent"], suppress_reason=handed.retire)
            case "technical":
                return done._replace(state=FAILED_TECHNICAL)
            case "not-begun":
                due = finished + timedelta(seconds=handed.retry_after or 0.0)
                return DeliveryOutcome(row, QUEUED, row.reason or handed.reason, due=min(due, expires))
            case "temporary":
                return self._again(done, handed, expires)
            case "in-doubt":
                doubted = done._replace(reason=f"{IN_DOUBT}: {handed.reason}", flags=row.flags | DeliveryFlag.IN_DOUBT)
                return self._again(doubted, handed, expires)

    def _again(self, settled: DeliveryOutcome, handed: SendResult, expires: datetime) -> DeliveryOutcome:
        row = settled.row
        steps = self.schedule.get(CHANNELS[row.channel], ())
        if row.tries >= len(steps):
            reason = f"given up after {row.tries + 1} tries: {handed.reason}"
            if settled.reason.startswith(IN_DOUBT):
                reason = f"{IN_DOUBT}, {reason}"
            return settled._replace(state=FAILED_TECHNICAL, reason=reason)
        wait = steps[row.tries] * self.chance.uniform(1 - _JITTER, 1 + _JITTER)
        assert settled.finished is not None
        due = settled.finished + timedelta(seconds=max(wait, handed.retry_after or 0.0))
        return settled._replace(state=DEFERRED, due=min(due, expires))
