"""Retry policy: delays by the schedule, and its end."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from alerts.channels.message import SendResult
from alerts.delivery_queue.row_format import QUEUED, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed
from alerts.dispatch.retry_policy import RetryPolicy

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def row(flags: int = 0, state: int = QUEUED, tries: int = 0, reason: str | None = None) -> Claimed:
    return Claimed(1, 7, 257, state, 0, flags, tries, reason)


def test_retries_follow_the_schedule_and_end() -> None:
    retries = RetryPolicy({"email": (10.0, 100.0)}, random.Random(3))
    busy, late = SendResult(result="temporary", reason="451 busy"), NOW + timedelta(days=1)
    first = retries.outcome_of(row(), busy, NOW, NOW, late, "en")
    assert first.state == STATE["deferred"] and first.due is not None
    assert timedelta(seconds=8) <= first.due - NOW <= timedelta(seconds=12)
    last = retries.outcome_of(row(tries=2), busy, NOW, NOW, late, "en")
    assert (last.state, last.due) == (STATE["failed-technical"], None) and "3 tries" in last.reason
    soon = retries.outcome_of(row(tries=1), busy, NOW, NOW, NOW + timedelta(seconds=5), "en")
    assert soon.due == NOW + timedelta(seconds=5), "what would be tried after its expiry ends at its expiry"
    doubt = retries.outcome_of(row(), SendResult(result="in-doubt", reason="lost"), NOW, NOW, late, "en")
    assert doubt.flags == DeliveryFlag.IN_DOUBT and doubt.reason == "in doubt: lost"
