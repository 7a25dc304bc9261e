"""Rule of the unreached: who was reached by no way, and by which way a person may still reach them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from alerts.delivery_queue.row_format import STATE
from alerts.delivery_queue.unreached import Judged, RowState, judge
from alerts.kernel.terms import CHANNEL_CODE, Channel, DeliveryState
from subscribers.domain.events import Preferences
from subscribers.domain.subscriber import ContactState, SubscriberState

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ALL: tuple[Channel, ...] = ("email", "sms", "push", "letter", "phone")
MAIL, TEXT, LETTER, CALL = 1, 2, 3, 4


def contact(number: int, channel: Channel, **more: Any) -> ContactState:
    return ContactState(**{"number": number, "channel": channel, "address": "a", "state": "verified", **more})


def person(*contacts: ContactState, channels: tuple[Channel, ...] = ALL, **more: Any) -> SubscriberState:
    known: dict[str, Any] = {
        "id": UUID(int=1),
        "version": 1,
        "phase": "confirmed",
        "preferences": Preferences(channels=channels),
        "contacts": contacts,
        "consent": None,
        "how": "form",
        "since": NOW,
    }
    return SubscriberState(**{**known, **more})


def row(state: DeliveryState, channel: Channel = "email", reason: str = "550 no such mailbox") -> RowState:
    return RowState(STATE[state], CHANNEL_CODE[channel], 0, 1, 1, reason)


def judged(someone: SubscriberState, rows: dict[int, RowState], *, danger: bool = False) -> Judged:
    return judge(someone, rows, NOW, danger_to_life=danger)


MAILED = contact(MAIL, "email")
TEXTED = contact(TEXT, "sms")
WRITTEN = contact(LETTER, "letter")
CALLED = contact(CALL, "phone")
BOUNCED = row("failed-permanent")
FAILED_TEXT = row("failed-permanent", "sms", "30006: landline")


@pytest.mark.parametrize(
    ("someone", "rows", "verdict", "by"),
    [
        (person(MAILED, CALLED), {MAIL: BOUNCED}, "call", CALL),
        (person(MAILED, TEXTED), {MAIL: BOUNCED, TEXT: FAILED_TEXT}, "call", TEXT),
        (person(MAILED, TEXTED, CALLED), {MAIL: BOUNCED, TEXT: FAILED_TEXT}, "call", CALL),
        (person(MAILED, TEXTED), {MAIL: BOUNCED}, "call", TEXT),
        (person(MAILED, WRITTEN), {MAIL: row("failed-technical")}, "write", LETTER),
        (person(MAILED, WRITTEN), {MAIL: row("expired", reason="its time ran out before it could leave")}, "write", 3),
        (person(MAILED), {MAIL: BOUNCED}, "no way", None),
        (person(MAILED, CALLED), {MAIL: BOUNCED, CALL: row("failed-permanent", "phone", "no answer")}, "no way", None),
        (person(TEXTED), {TEXT: row("failed-permanent", "phone", "wrong number")}, "no way", None),
        (person(MAILED, TEXTED, CALLED), {MAIL: BOUNCED, TEXT: row("sent", "sms", "")}, "reached", None),
        (person(MAILED, TEXTED, CALLED), {MAIL: BOUNCED, TEXT: row("delivered", "sms", "")}, "reached", None),
        (person(MAILED, TEXTED, CALLED), {MAIL: BOUNCED, TEXT: row("deferred", "sms", "")}, "underway", None),
        (person(MAILED, CALLED), {MAIL: BOUNCED, CALL: row("held", "phone", "waits")}, "underway", None),
    ],
)
def test_whom_no_way_reached_is_called_or_written_to(
    someone: SubscriberState, rows: dict[int, RowState], verdict: str, by: int | None
) -> None:
    found = judged(someone, rows)
    assert (found.verdict, found.contact.number if found.contact else None) == (verdict, by)


@pytest.mark.parametrize(
    "last",
    [
        row("expired", reason="quiet hours"),
        row("expired", reason="digest"),
        row("cancelled", reason="paused"),
        row("cancelled", reason="stopped: a mistake"),
        row("superseded"),
        row("suppressed", reason="suppressed: opt-out"),
        row("suppressed", reason="suppressed: complaint"),
        row("suppressed", reason="ended"),
    ],
)
def test_what_was_rightly_not_sent_is_not_called(last: RowState) -> None:
    assert judged(person(MAILED, TEXTED, CALLED), {MAIL: last, TEXT: FAILED_TEXT}).verdict == "withheld"


def test_who_has_left_or_pauses_is_not_called() -> None:
    rows = {MAIL: BOUNCED}
    assert judged(person(MAILED, CALLED, phase="ended"), rows).verdict == "withheld"
    paused = person(MAILED, CALLED, paused_until=NOW + timedelta(days=1))
    assert judged(paused, rows).verdict == "withheld"
    assert judged(paused, rows, danger=True).verdict == "call", "danger to life passes a pause"
    assert judged(person(MAILED, CALLED, paused_until=NOW), rows).verdict == "call", "that pause is over"


def test_a_dead_number_is_called_and_one_that_left_is_not() -> None:
    dead = contact(TEXT, "sms", suppressed="hard-bounce")
    found = judged(person(dead), {TEXT: FAILED_TEXT})
    assert found.verdict == "call" and found.row == FAILED_TEXT
    for reason in ("opt-out", "complaint", "by-hand"):
        left = contact(TEXT, "sms", suppressed=reason)
        assert judged(person(MAILED, left), {MAIL: BOUNCED}).verdict == "no way", reason
    assert judged(person(MAILED, contact(TEXT, "sms", state="removed")), {MAIL: BOUNCED}).verdict == "no way"
    assert judged(person(MAILED, contact(CALL, "phone", state="unverified")), {MAIL: BOUNCED}).verdict == "no way"


def test_a_way_that_was_not_chosen_is_used_for_danger_to_life_alone() -> None:
    someone = person(MAILED, CALLED, channels=("email",))
    assert judged(someone, {MAIL: BOUNCED}).verdict == "no way"
    assert judged(someone, {MAIL: BOUNCED}, danger=True).verdict == "call"


def test_who_had_nothing_to_send_to_is_called_unless_they_left_every_way() -> None:
    bounced = contact(MAIL, "email", suppressed="hard-bounce")
    assert judged(person(bounced, CALLED), {}).verdict == "call"
    found = judged(person(bounced), {})
    assert (found.verdict, found.why) == ("no way", "e-mail: hard-bounce")
    complained = contact(MAIL, "email", suppressed="complaint")
    assert judged(person(complained), {}).verdict == "withheld"
