"""Retry policy: delays by the schedule, and its end (RULES 23)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.message import SendResult
from alerts.delivery_queue.row_format import QUEUED, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed
from alerts.dispatch.retry_policy import RetryPolicy

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def row(flags: int = 0, state: int = QUEUED, tries: int = 0, reason: str | None = None) -> Claimed:
    return Claimed(1, 7, 257, state, 0, flags, tries, reason)


BUSY = SendResult(result="temporary", reason="451 busy")
LATE = NOW + timedelta(days=3)


def test_retries_follow_the_schedule() -> None:
    retries = RetryPolicy({"email": (10.0, 100.0)}, random.Random(3))
    first = retries.outcome_of(row(), BUSY, NOW, NOW, LATE, "en")
    assert first.state == STATE["deferred"] and first.due is not None
    assert timedelta(seconds=8) <= first.due - NOW <= timedelta(seconds=12)
    soon = retries.outcome_of(row(tries=1), BUSY, NOW, NOW, NOW + timedelta(seconds=5), "en")
    assert soon.due == NOW + timedelta(seconds=5), "what would be tried after its expiry ends at its expiry"
    doubt = retries.outcome_of(row(), SendResult(result="in-doubt", reason="lost"), NOW, NOW, LATE, "en")
    assert doubt.flags == DeliveryFlag.IN_DOUBT and doubt.reason == "in doubt: lost"


def test_the_last_delay_repeats() -> None:
    retries = RetryPolicy({"email": (10.0, 100.0)}, random.Random(3))
    for tries in (2, 7, 50):
        again = retries.outcome_of(row(tries=tries), BUSY, NOW, NOW, LATE, "en", first_try=NOW - timedelta(hours=1))
        assert again.state == STATE["deferred"] and again.due is not None
        assert timedelta(seconds=80) <= again.due - NOW <= timedelta(seconds=120)


def test_a_notice_is_given_up_a_day_after_its_first_try() -> None:
    retries = RetryPolicy({"email": (10.0,)}, random.Random(3))
    begun = NOW - timedelta(hours=24)
    last = retries.outcome_of(row(tries=9), BUSY, NOW, NOW, LATE, "en", first_try=begun)
    assert (last.state, last.due) == (STATE["failed-technical"], None) and "10 tries" in last.reason
    nearly = retries.outcome_of(row(tries=9), BUSY, NOW, NOW, LATE, "en", first_try=begun + timedelta(seconds=3))
    assert nearly.due == NOW + timedelta(seconds=3), "the last try is at the end of the day"


def test_an_emergency_is_tried_until_its_notice_ends() -> None:
    retries = RetryPolicy({"email": (10.0,)}, random.Random(3))
    begun = NOW - timedelta(days=2)
    again = retries.outcome_of(row(tries=99), BUSY, NOW, NOW, LATE, "en", first_try=begun, emergency=True)
    assert again.state == STATE["deferred"]
    ended = retries.outcome_of(row(tries=99), BUSY, NOW, LATE, LATE, "en", first_try=begun, emergency=True)
    assert ended.state == STATE["failed-technical"]


def test_waiting_for_a_provider_is_no_try() -> None:
    retries = RetryPolicy({"email": (10.0,)}, random.Random(3))
    resting = SendResult(result="not-begun", reason="every mail server rests", retry_after=30.0)
    for tries in (0, 3, 99):
        waiting = retries.outcome_of(row(tries=tries), resting, NOW, NOW, LATE, "en", first_try=NOW - timedelta(days=2))
        assert waiting.state == QUEUED and not waiting.attempted and waiting.reason == "every mail server rests"
        assert waiting.due is not None and timedelta(seconds=30) <= waiting.due - NOW <= timedelta(seconds=45)
    doubted = retries.outcome_of(row(reason="in doubt: lost"), resting, NOW, NOW, LATE, "en")
    assert doubted.reason == "in doubt: lost", "a doubt is not forgotten while it waits"


@given(
    results=st.lists(st.sampled_from(["temporary", "in-doubt", "not-begun"]), max_size=200),
    waits=st.lists(st.floats(0, 900), min_size=1, max_size=5),
    emergency=st.booleans(),
    hours=st.integers(1, 72),
)
def test_no_live_delivery_is_given_up_early(
    results: list[str], waits: list[float], emergency: bool, hours: int
) -> None:
    retries = RetryPolicy({"email": tuple(waits)}, random.Random(3))
    expires = NOW + timedelta(hours=hours)
    now, one, first = NOW, row(), None
    for result in results:
        handed = SendResult(result=result, reason="x", retry_after=60.0)  # type: ignore[arg-type]
        outcome = retries.outcome_of(one, handed, now, now, expires, "en", first_try=first, emergency=emergency)
        if outcome.attempted:
            first = first or now
            one = one._replace(tries=one.tries + 1)
        if outcome.state == STATE["failed-technical"]:
            assert now >= expires or (not emergency and first is not None and now - first >= timedelta(hours=24))
            return
        assert outcome.due is not None and now <= outcome.due <= expires
        now = outcome.due
