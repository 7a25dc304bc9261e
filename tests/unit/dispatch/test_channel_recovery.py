"""Channel health: when a channel counts as working again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.channels.message import SendResult
from alerts.dispatch.channel_recovery import ChannelHealth

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SENT, BUSY, REFUSED = (
    SendResult(result="sent"),
    SendResult(result="temporary", reason="503"),
    SendResult(result="permanent", reason="550"),
)


def health(*hand_overs: tuple[float, SendResult]) -> ChannelHealth:
    """Health of the SMS channel after hand-overs at these seconds."""
    found = ChannelHealth()
    for contact, (second, result) in enumerate(hand_overs):
        found.observe("sms", contact, result, START + timedelta(seconds=second))
    return found


def test_first_message_of_a_process_is_a_recovery() -> None:
    assert health((0, BUSY)).recovered_at("sms") is None
    assert health((0, BUSY), (5, SENT)).recovered_at("sms") == START + timedelta(seconds=5)


def test_single_failures_are_no_outage() -> None:
    assert health((0, SENT), (10, BUSY), (30, SENT)).recovered_at("sms") == START
    assert health((0, SENT), (10, REFUSED), (300, SENT)).recovered_at("sms") == START


def test_a_minute_of_failures_is_an_outage() -> None:
    found = health((0, SENT), (10, BUSY), (40, BUSY), (70, SENT), (71, SENT))
    assert found.recovered_at("sms") == START + timedelta(seconds=70)
    assert found.last_sent("sms") == START + timedelta(seconds=71)
    assert found.recovered_at("email") is None


def test_one_full_mailbox_is_no_outage() -> None:
    found = ChannelHealth()
    for second, contact, result in [(0, 1, SENT), (10, 2, BUSY), (300, 2, BUSY), (600, 1, SENT)]:
        found.observe("email", contact, result, START + timedelta(seconds=second))
    assert found.recovered_at("email") == START


def test_waiting_for_a_provider_is_no_outage() -> None:
    waiting = SendResult(result="not-begun", reason="the budget is used up")
    assert health((0, SENT), (10, waiting), (40, waiting), (700, SENT)).recovered_at("sms") == START
