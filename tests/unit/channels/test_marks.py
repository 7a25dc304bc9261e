"""DRILL, TEST, UPDATE, CANCELLED, ALL CLEAR come first in each channel and language, alone and in a digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import pytest

from alerts.channels.descriptor import DigestItem
from alerts.channels.discreet import discreet
from alerts.channels.i18n import LANGUAGES, translator
from alerts.channels.message import Message
from alerts.channels.renderer import Renderer
from alerts.channels.sms_segments import with_look_alikes
from alerts.channels.subject import marks
from alerts.kernel.terms import Channel

CHANGES: dict[str, dict[str, str]] = {
    "Exercise": {"status": "Exercise"},
    "Test": {"status": "Test"},
    "Update": {"msg_type": "Update"},
    "Cancel": {"msg_type": "Cancel"},
    "AllClear": {"msg_type": "AllClear"},
}
OWN_NAME = "Community Alerts: "
"""A text says who writes before all else but DRILL and TEST."""


def _mail(message: Message) -> Any:
    return message_from_bytes(message.data, policy=policy.default)


def _page(message: Message) -> dict[str, Any]:
    part: dict[str, Any] = json.loads(message.data)["parts"][0]
    return part


READ: dict[str, tuple[Channel, Callable[[Message], str]]] = {
    "e-mail subject": ("email", lambda m: str(_mail(m)["Subject"])),
    "e-mail text": ("email", lambda m: str(_mail(m).get_body(("plain",)).get_content())),
    "text message": ("sms", lambda m: m.data.decode().removeprefix(OWN_NAME)),
    "notification": ("push", lambda m: str(json.loads(m.data)["title"])),
    "letter": ("letter", lambda m: str(_page(m)["banners"][0])),
    "call list": ("phone", lambda m: str(_page(m)["banners"][0])),
}
LISTED: dict[str, tuple[Channel, Callable[[Message], str]]] = {
    "e-mail text": ("email", lambda m: str(_mail(m).get_body(("plain",)).get_content()).partition("\n* ")[2]),
    "text message": ("sms", lambda m: m.data.decode().partition(". ")[2]),
    "notification": ("push", lambda m: str(json.loads(m.data)["body"])),
    "letter": ("letter", lambda m: str(json.loads(m.data)["parts"][1]["banners"][0])),
}


def said(mark: str, language: str, channel: Channel) -> tuple[str, ...]:
    """The mark as a channel writes it: a text may save a segment by look-alikes."""
    words = translator(language).text("mark", mark)
    return (words, with_look_alikes(words.ljust(150, "."))[: len(words)]) if channel == "sms" else (words,)


VEILED = ("e-mail subject", "text message", "notification")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mark", CHANGES)
@pytest.mark.parametrize("channel", READ)
def test_the_mark_comes_first(
    renderer: Renderer, words: Any, reader: Any, channel: str, mark: str, language: str
) -> None:
    of, read = READ[channel]
    address = "{}" if of == "push" else "amina@resident.example"
    told = words(frame_language=language, check_code="4F7K2P", **CHANGES[mark])
    message = renderer.prepare(told, of).message(reader(to=address))
    assert read(message).startswith(said(mark, language, of))
    if channel in VEILED:
        t = translator(language)
        [first] = marks(told.status, told.msg_type, t)
        assert read(discreet(message, t, "https://town.example/a/7", "", first)).startswith(first)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mark", CHANGES)
@pytest.mark.parametrize("channel", LISTED)
def test_the_mark_comes_first_in_a_digest(
    renderer: Renderer, words: Any, reader: Any, channel: str, mark: str, language: str
) -> None:
    of, read = LISTED[channel]
    item = DigestItem(words=words(frame_language=language, **CHANGES[mark]), personal=reader())
    digest = renderer.digest(language, [item], reader(), of)
    assert read(digest).startswith(said(mark, language, of))


def test_an_alert_has_no_mark_and_a_drilled_update_two(words: Any) -> None:
    t = translator("en")
    assert marks("Actual", "Alert", t) == []
    assert marks("Exercise", "Update", t) == ["DRILL", "UPDATE"]
