"""Send policy: whether a claimed delivery goes, waits, or ends, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.delivery_queue.row_format import HELD, QUEUED, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.dispatch.send_policy import InDigest, decide, decide_yearly
from alerts.domain.events import NoticePlan
from alerts.kernel.terms import CHANNEL_CODE, Frequency, Priority
from subscribers.audience.index import ContactFacts
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.domain.events import QuietHours

NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
NIGHT = QuietHours("22:00", "07:00")


def test_flag_operators_give_plain_integers() -> None:
    combined = (DeliveryFlag.TEAM | DeliveryFlag.DIGEST, 4 | DeliveryFlag.TEAM, 36 & DeliveryFlag.TEAM)
    assert combined == (96, 36, 32)
    assert {type(flags) for flags in combined} == {int}


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


def test_number_that_takes_no_texts_may_be_called_unless_its_owner_left() -> None:
    call = row()._replace(channel=CHANNEL_CODE["phone"])
    dead = facts(channel="sms", usable=False, why_not="suppressed: hard-bounce")
    assert decide(call, issued(), dead, NOW, on_team=False) is None
    left = facts(channel="sms", usable=False, why_not="suppressed: opt-out")
    stopped = decide(call, issued(), left, NOW, on_team=False)
    assert isinstance(stopped, DeliveryOutcome) and stopped.state == STATE["suppressed"]
    text = row()._replace(channel=CHANNEL_CODE["sms"])
    assert isinstance(decide(text, issued(), dead, NOW, on_team=False), DeliveryOutcome), "a text would fail again"


def test_yearly_mail_waits_for_quiet_hours_and_ends_with_a_pause() -> None:
    assert decide_yearly(row(), facts(), NOW) is None
    held = decide_yearly(row(), facts(quiet=NIGHT), NOW)
    assert held is not None and held.state == HELD and held.due == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    paused = decide_yearly(row(), facts(paused_until=NOW + timedelta(days=1)), NOW)
    assert paused is not None and paused.state == STATE["cancelled"]
    left = decide_yearly(row(), facts(usable=False, why_not="ended"), NOW)
    assert left is not None and left.state == STATE["suppressed"]
