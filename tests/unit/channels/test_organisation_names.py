"""Messages in an organisation's name: it is the sender on each channel, and a digest names it at each item."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from typing import Any

import msgspec

from alerts.channels.descriptor import DigestItem
from alerts.channels.letter import LetterPage
from alerts.channels.renderer import Renderer
from alerts.kernel.terms import Channel
from tests.unit.conftest import Reader, Words

COUNCIL = {
    "organisation": "Cyngor Southwark",
    "sender_name": "Southwark Council",
    "sender": '"Southwark Council" <alerts@town.example>',
}


def sent(renderer: Renderer, words: Any, reader: Any, channel: Channel) -> bytes:
    return renderer.prepare(words, channel).message(reader).data


def text_of(mail: bytes) -> str:
    part = message_from_bytes(mail, policy=policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_mail_is_from_the_organisation_at_the_same_address(renderer: Renderer, words: Words, reader: Reader) -> None:
    message = renderer.prepare(words(**COUNCIL), "email").message(reader())
    assert b"From: Southwark Council <alerts@town.example>\r\n" in message.data
    assert message.sender == "alerts@town.example"
    assert b"From: Community Alerts <alerts@town.example>" in sent(renderer, words(), reader(), "email")
    assert "Issued by Cyngor Southwark" in text_of(message.data)
    assert "Issued by" not in text_of(sent(renderer, words(), reader(), "email"))


def test_text_begins_with_the_organisation(renderer: Renderer, words: Words, reader: Reader) -> None:
    assert sent(renderer, words(**COUNCIL), reader(), "sms").startswith(b"Southwark Council: SEVERE, ")
    drill = sent(renderer, words(**COUNCIL, status="Exercise"), reader(), "sms").decode()
    assert drill.startswith("DRILL. Southwark Council: ")
    assert sent(renderer, words(), reader(), "sms").startswith(b"Community Alerts: SEVERE, ")


def test_notification_and_letter_name_the_organisation(renderer: Renderer, words: Words, reader: Reader) -> None:
    pushed = json.loads(sent(renderer, words(**COUNCIL), reader(), "push"))
    assert pushed["body"].startswith("Southwark Council: Stay indoors.")
    page = msgspec.json.decode(sent(renderer, words(**COUNCIL), reader(), "letter"), type=LetterPage)
    assert page.sender == "Cyngor Southwark"
    assert b"sender" not in sent(renderer, words(), reader(), "letter")


def test_digest_keeps_the_service_and_names_each(renderer: Renderer, words: Words, reader: Reader) -> None:
    items = [DigestItem(words=words(**COUNCIL), personal=reader()), DigestItem(words=words(), personal=reader())]
    mail = renderer.digest("en", items, reader()).data
    assert b"From: Community Alerts <alerts@town.example>" in mail
    assert text_of(mail).count("Issued by Cyngor Southwark") == 1
    page = msgspec.json.decode(renderer.digest("en", items, reader(), "letter").data, type=LetterPage)
    assert page.sender == "" and page.parts[1].facts[0] == "Issued by Cyngor Southwark"
    assert not any("Issued" in fact for fact in page.parts[2].facts)
