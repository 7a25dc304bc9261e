"""The channel registry: its rows against the vocabulary, and what each row must be able to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from alerts.channels.descriptor import CanaryRequest
from alerts.channels.message import Message
from alerts.channels.registry import BOUNCING, REGISTRY, REPLIES, WRITABLE, writable
from alerts.channels.renderer import Renderer
from alerts.contract.bodies import SubscriberBody
from alerts.kernel.errors import Invalid
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Channel
from tests.unit.conftest import Reader, Words

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def test_every_channel_has_one_row_in_order_of_its_code() -> None:
    assert tuple(REGISTRY) == tuple(CHANNEL_TERMS) == CHANNELS
    assert [row.code for row in REGISTRY.values()] == list(range(len(CHANNELS)))


def test_channel_codes_never_change() -> None:
    known: dict[Channel, int] = {"email": 0, "sms": 1, "push": 2, "letter": 3, "phone": 4}
    assert {name: REGISTRY[name].code for name in known} == known


def test_every_channel_is_given_by_a_field_of_the_body() -> None:
    assert {terms.field for terms in CHANNEL_TERMS.values()} <= set(SubscriberBody.__struct_fields__)


def test_replies_and_bounces_belong_to_channels_that_can_be_sent() -> None:
    assert REPLIES in WRITABLE
    assert set(BOUNCING) <= set(WRITABLE)


@pytest.mark.parametrize("channel", list(WRITABLE))
def test_each_channel_renders_a_notice_as_its_own(
    channel: Channel, renderer: Renderer, words: Words, reader: Reader
) -> None:
    to = '{"endpoint":"https://push.example/1","keys":{}}' if channel == "push" else "a@example.org"
    prepared = renderer.prepare(words(), channel)
    message = prepared.message(reader(to=to))
    assert (prepared.channel, message.channel, message.to) == (channel, channel, to)
    assert prepared.language == "en"


@pytest.mark.parametrize("channel", list(WRITABLE))
def test_each_channel_has_a_canary(channel: Channel) -> None:
    request = CanaryRequest(
        delivery="canary-1", to="t@example.org", sender="Town <a@example.org>", at=NOW, expires=NOW + timedelta(hours=1)
    )
    message = writable(channel).canary(request)
    assert (message.channel, message.delivery, message.to) == (channel, "canary-1", "t@example.org")
    assert b"Community Alerts sends this" in message.data
    assert message.expires == request.expires


def test_an_unknown_channel_cannot_be_sent() -> None:
    with pytest.raises(Invalid):
        writable(cast(Channel, "smoke"))


@pytest.mark.parametrize("channel", WRITABLE)
def test_rendered_message_lacks_nothing(channel: Channel, renderer: Renderer, words: Words, reader: Reader) -> None:
    message = renderer.prepare(words(), channel).message(reader())
    assert writable(channel).missing(message) == ""


WHOLE = b"From: a@b.example\r\nSubject:\r\n =?utf-8?q?Gas?=\r\nDate: today\r\n\r\nStay in.\r\n"


@pytest.mark.parametrize(
    ("channel", "data", "lacking"),
    [
        ("email", WHOLE, ""),
        ("email", WHOLE.replace(b"From", b"To"), "from"),
        ("email", WHOLE.replace(b"a@b.example", b" "), "from"),
        ("email", WHOLE.replace(b"\r\n =?utf-8?q?Gas?=", b""), "subject"),
        ("email", WHOLE.replace(b"Date: today\r\n", b""), "date"),
        ("email", WHOLE.replace(b"Stay in.", b" "), "text"),
        ("email", b"To: a@b.example\r\nMessage-ID: <d@town.example>\r\n", "from"),
        ("email", WHOLE.replace(b"Stay in.", b"--x\r\nContent-Type: text/plain\r\n\r\n\r\n--x--"), "text"),
        ("sms", b"Gas leak", ""),
        ("sms", b" ", "text"),
        ("push", b'{"id":"1","title":"Gas","body":"","url":"","tag":"","lang":"en","severity":"minor"}', ""),
        ("push", b'{"id":"1","title":"","body":"Gas","url":"","tag":"","lang":"en","severity":"minor"}', "title"),
    ],
)
def test_missing_part_of_a_message_is_named(channel: Channel, data: bytes, lacking: str) -> None:
    message = Message(channel=channel, delivery="d", to="x", data=data, sender="")
    assert writable(channel).missing(message) == lacking
