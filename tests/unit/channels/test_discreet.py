"""Discreet messages: nothing that a passer-by reads says what they are about."""

from __future__ import annotations

import email
import email.policy

import msgspec
import pytest

from alerts.channels.discreet import discreet
from alerts.channels.i18n import LANGUAGES, translator
from alerts.channels.message import Message

MAIL = (
    'From: "Community Alerts"\r\n <alerts@town.example>\r\nTo: a@resident.example\r\n'
    "Subject: Danger to life in Walworth: a gas leak that\r\n goes on and on\r\nMessage-ID: <d1@town.example>\r\n"
    "List-Unsubscribe: <https://town.example/unsubscribe/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="b"\r\n\r\n--b\r\n\r\nGas leak\r\n--b--\r\n'
)


def _message(channel: str, data: bytes) -> Message:
    return Message(channel=channel, delivery="d1", to="x", data=data, sender="Community Alerts <alerts@town.example>")  # type: ignore[arg-type]


@pytest.mark.parametrize("tag", LANGUAGES)
def test_mail_keeps_its_identity_and_way_out(tag: str) -> None:
    made = discreet(
        _message("email", MAIL.encode()), translator(tag), "https://town.example/a/7", "https://t.example/u/x"
    )
    read = email.message_from_bytes(made.data, policy=email.policy.default)
    assert read["Message-ID"] == "<d1@town.example>" and read["List-Unsubscribe"].startswith("<https://")
    assert "alerts@town.example" in read["From"] and len(read.get_all("From")) == len(read.get_all("Subject")) == 1
    words = f"{read['Subject']} {str(read['From']).partition('<')[0]} {read.get_content()}"
    assert "https://town.example/a/7" in words and "https://t.example/u/x" in words
    for told in ("Gas", "gas", "Danger", "Walworth", "Community"):
        assert told not in words


def test_text_and_notification_say_nothing() -> None:
    t = translator("en")
    assert (
        discreet(_message("sms", b"Gas leak"), t, "https://t.example/a/7").data
        == b"You have a message: https://t.example/a/7"
    )
    payload = {
        "id": "d1",
        "title": "Gas leak",
        "body": "Leave",
        "url": "u",
        "tag": "t",
        "lang": "en",
        "severity": "Extreme",
    }
    made = msgspec.json.decode(discreet(_message("push", msgspec.json.encode(payload)), t, "u").data)
    assert "Gas" not in str(made) and "Leave" not in str(made) and made["id"] == "d1" and made["tag"] == "t"


def test_mark_of_a_test_stands_first() -> None:
    t = translator("en")
    payload = msgspec.json.encode({"id": "d1", "title": "x", "body": "y", "url": "u", "tag": "t", "lang": "en"})
    for channel, data in (("email", MAIL.encode()), ("sms", b"x"), ("push", payload)):
        made = discreet(_message(channel, data), t, "https://t.example/p", mark="TEST").data.decode()
        assert "TEST: You have a message" in made
