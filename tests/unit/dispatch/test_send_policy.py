"""The small parts of the dispatch, each by itself."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.message import SendResult
from alerts.delivery_queue.frozen_audience import contains, freeze, unpack
from alerts.delivery_queue.row_format import HELD, QUEUED, STATE, DeliveryFlag, bucket_of, seconds_of
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.dispatch.concurrency_limiter import ConcurrencyLimiter
from alerts.dispatch.personal_content import best_language
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.send_policy import InDigest, decide
from alerts.domain.events import Content, NoticePlan
from alerts.kernel.terms import Frequency, Priority
from subscribers.audience.index import ContactFacts
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.domain.events import QuietHours

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
NIGHT = QuietHours("22:00", "07:00")
contacts = st.lists(st.integers(1, 2**40), max_size=200)


def test_flag_operators_give_plain_integers() -> None:
    combined = (DeliveryFlag.TEAM | DeliveryFlag.DIGEST, 4 | DeliveryFlag.TEAM, 36 & DeliveryFlag.TEAM)
    assert combined == (96, 36, 32)
    assert {type(flags) for flags in combined} == {int}


@given(contacts, st.randoms())
@settings(max_examples=60)
def test_a_frozen_audience_is_ordered_whole_and_without_doubles(numbers: list[int], chance: random.Random) -> None:
    flags = [chance.choice((0, DeliveryFlag.FOLLOW_UP, DeliveryFlag.DID_WAKE)) for _ in numbers]
    channels = [n % 2 for n in numbers]
    frozen = freeze(
        np.array(numbers, dtype=np.int64), np.array(channels, dtype=np.uint8), np.array(flags, dtype=np.uint8)
    )
    assert frozen.contacts.tolist() == sorted(set(numbers), key=lambda n: (n % 256, n))
    pages = [unpack(*page.packed()) for page in frozen.pages(7)]
    assert [c for page in pages for c in page.contacts.tolist()] == frozen.contacts.tolist()
    for contact, channel, flag in zip(frozen.contacts.tolist(), frozen.channels, frozen.flags, strict=True):
        wanted = 0
        for number, one in zip(numbers, flags, strict=True):
            wanted |= one if number == contact else 0
        assert (channel, flag) == (contact % 2, wanted)
        assert contains(frozen.packed()[0], contact)
    assert not contains(frozen.packed()[0], 2**41)


def test_emergencies_pass_where_others_wait() -> None:
    async def run() -> None:
        gate = ConcurrencyLimiter(3, 1)
        inside: list[str] = []
        leave = asyncio.Event()

        async def one(name: str, emergency: bool) -> None:
            async with gate.slot(emergency=emergency):
                inside.append(name)
                await leave.wait()

        ordinary = [asyncio.create_task(one(f"o{i}", False)) for i in range(4)]
        await asyncio.sleep(0)
        assert inside == ["o0", "o1"]
        urgent = [asyncio.create_task(one(f"e{i}", True)) for i in range(2)]
        await asyncio.sleep(0)
        assert inside == ["o0", "o1", "e0"]
        ordinary[3].cancel()
        leave.set()
        await asyncio.gather(*ordinary[:3], *urgent)
        assert inside.index("e1") < inside.index("o2") and "o3" not in inside
        assert gate.inside == 0

    asyncio.run(run())


def row(flags: int = 0, state: int = QUEUED, tries: int = 0, reason: str | None = None) -> Claimed:
    return Claimed(1, 7, 257, state, 0, flags, tries, reason)


def issued(
    priority: Priority = "notice", *, danger: bool = False, expires: timedelta = timedelta(days=2)
) -> IssuedNotice:
    return IssuedNotice(
        id=UUID(int=1),
        number=7,
        thread=UUID(int=1),
        msg_type="Alert",
        plan=NoticePlan(kind="alert"),
        priority=priority,
        danger_to_life=danger,
        expires=NOW + expires,
        issued_at=NOW,
        position=1,
        lane="notice",
    )


def facts(
    *, quiet: QuietHours | None = None, frequency: Frequency = "immediate", danger: bool = True, **more: object
) -> ContactFacts:
    known: dict[str, object] = {
        "number": 257,
        "subscriber": UUID(int=2),
        "channel": "email",
        "usable": True,
        "why_not": "",
        "confirmed": True,
        "paused_until": None,
        "language": "en",
        "timezone": "UTC",
        "frequency": frequency,
        "quiet_hours": quiet,
        "danger_to_life": danger,
        "tester": False,
    }
    return ContactFacts(**{**known, **more})  # type: ignore[arg-type]


def state_of(verdict: object) -> str:
    if verdict is None:
        return "goes"
    if isinstance(verdict, InDigest):
        return "past" if verdict.past else "carried"
    assert isinstance(verdict, DeliveryOutcome)
    return next(name for name, number in STATE.items() if number == verdict.state)


paused = facts(paused_until=NOW + timedelta(days=1))
agreed = QuietHours("22:00", "07:00", wake_for="emergency")


@pytest.mark.parametrize(
    ("claimed", "notice", "person", "expected"),
    [
        (row(), issued(), facts(), "goes"),
        (row(), issued(expires=timedelta(0)), facts(), "expired"),
        (row(), issued(), facts(usable=False, why_not="ended"), "suppressed"),
        (row(), issued(), None, "suppressed"),
        (row(), issued(), paused, "cancelled"),
        (row(), issued("emergency", danger=True), paused, "goes"),
        (row(DeliveryFlag.FOLLOW_UP), issued(), paused, "goes"),
        (row(), issued(), facts(quiet=NIGHT), "held"),
        (row(), issued("emergency"), facts(quiet=NIGHT), "held"),
        (row(), issued("emergency"), facts(quiet=agreed), "goes"),
        (row(), issued("emergency", danger=True), facts(quiet=NIGHT), "goes"),
        (row(), issued("emergency", danger=True), facts(quiet=agreed, danger=False), "held"),
        (row(DeliveryFlag.FOLLOW_UP | DeliveryFlag.DID_WAKE), issued(), facts(quiet=NIGHT), "goes"),
        (row(DeliveryFlag.FOLLOW_UP), issued(), facts(quiet=NIGHT), "held"),
        (row(), issued(), facts(frequency="daily"), "held"),
        (row(), issued("emergency"), facts(frequency="weekly"), "goes"),
        (row(DeliveryFlag.FOLLOW_UP | DeliveryFlag.IMMEDIATE), issued(), facts(frequency="weekly"), "goes"),
        (row(DeliveryFlag.DIGEST, HELD), issued(), facts(frequency="daily"), "carried"),
        (row(DeliveryFlag.DIGEST, HELD), issued(), facts(frequency="daily", quiet=NIGHT), "held"),
        (row(DeliveryFlag.DIGEST, HELD), issued(expires=timedelta(0)), facts(frequency="daily"), "past"),
    ],
)
def test_the_last_question(claimed: Claimed, notice: IssuedNotice, person: ContactFacts | None, expected: str) -> None:
    assert state_of(decide(claimed, notice, person, NOW, on_team=False)) == expected


def test_whoever_slept_through_it_is_told_so() -> None:
    verdict = decide(row(state=HELD, reason="quiet hours"), issued(expires=timedelta(0)), facts(), NOW, on_team=False)
    assert isinstance(verdict, DeliveryOutcome) and verdict.reason == "quiet hours"


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


@given(st.floats(1, 1e8))
@settings(max_examples=50)
def test_latencies_are_kept_within_three_per_cent(milliseconds: float) -> None:
    assert seconds_of(bucket_of(milliseconds)) == pytest.approx(milliseconds / 1000, rel=0.03, abs=0.001)


def test_the_language_of_the_body() -> None:
    words = Content(title="t")
    given_words = {"pl": words, "en-GB": words, "cy": words}
    assert best_language("cy", given_words, "en") == "cy"
    assert best_language("en-US", given_words, "en") == "en-GB"
    assert best_language("ur", given_words, "cy") == "cy"
    assert best_language("ur", given_words, "en") == "en-GB"
    assert best_language("ur", {"pl": words}, "en") == "pl"
