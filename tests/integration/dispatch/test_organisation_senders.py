"""Sender of a message on the wire: an organisation's name before the service's address, and first in a text."""

from __future__ import annotations

import asyncio
import socket
from email import message_from_bytes, policy
from typing import Any

import msgspec
from aiosmtpd.controller import Controller

from alerts.commands import SYSTEM
from alerts.contract.bodies import OrganisationBody, SubscriberBody
from alerts.domain import events as e
from alerts.providers.smtp.provider import SmtpProvider
from alerts.settings.provider_urls import SmtpTarget
from tests.support.databases import Databases
from tests.support.rig import Rig, Scripted, now

COUNCIL = OrganisationBody(slug="council", name={"en": "The Council"}, sender_name="Southwark Council")
PERSON = {
    "email": "ann@example.org",
    "phone": "+447911123456",
    "places": [{"lat": 51.49, "lon": -0.09}],
    "confirmed": True,
    "consent": {"wording": "Tell me.", "given_at": now(), "how": "form"},
}


class Mailbox:
    """Handler of an SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append(envelope.content)
        return "250 OK"


def sender(mail: bytes) -> str:
    return str(message_from_bytes(mail, policy=policy.default)["From"])


def test_mail_and_text_bear_the_organisations_name(databases: Databases) -> None:
    rig, mailbox = Rig(databases), Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    texts = Scripted("sms")

    async def issued(organisation: str | None) -> None:
        content = {"en": e.Content(title=organisation or "The service")}
        _, number = rig.issue(content=content, organisation=organisation)
        await rig.complete(number)

    async def run() -> None:
        await rig.commands.define_organisation(SYSTEM, COUNCIL)
        await rig.commands.register_subscriber(SYSTEM, msgspec.convert(PERSON, SubscriberBody))
        mails = SmtpProvider([SmtpTarget(host="127.0.0.1", port=port, tls="none")], connections=2)
        async with rig.working({"email": mails, "sms": texts}):
            await issued("council")
            await issued(None)
        await mails.close()

    try:
        asyncio.run(run())
    finally:
        server.stop()
        rig.close()
    by_title = {b"council" in mail: sender(mail) for mail in mailbox.got}
    assert by_title == {True: "Southwark Council <alerts@localhost>", False: "Community Alerts <alerts@localhost>"}
    said = sorted(message.data.decode() for _, message in texts.handed)
    assert said[0].startswith("Community Alerts: ") and said[1].startswith("Southwark Council: ")
    assert len(said) == len(mailbox.got) == 2
