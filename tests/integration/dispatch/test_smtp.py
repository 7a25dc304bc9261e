"""E-mail to a real SMTP server on this machine: what is kept, refused, put off, lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller

from alerts.channels.message import Handed, Message
from alerts.channels.providers.choice import providers
from alerts.channels.providers.smtp import SmtpProvider


@dataclass(frozen=True)
class Target:
    """One server."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: Literal["auto", "none", "starttls", "implicit"] = "auto"
    weight: int = 1


class Mailbox:
    """A server's handler: refuses by local part, drops the connection when told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.peers: set[object] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.peers.add(session.peer)
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("echo"):
            return f"550 5.1.1 <{address}>: {address.partition('@')[0]} unknown at {address.partition('@')[2]}"
        if address.startswith("busy"):
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if envelope.rcpt_tos[0].startswith("lost"):
            server.transport.close()
        if envelope.rcpt_tos[0].startswith("spam"):
            return "554 5.7.1 refused"
        self.got.append((envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 queued as 42"


@pytest.fixture
def box() -> Iterator[tuple[Mailbox, Target]]:
    """A server on a free port."""
    handler = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, Target("127.0.0.1", port)
    finally:
        controller.stop()


def message(to: str) -> Message:
    data = b"Subject: hello\r\n\r\n.a dot\r\nbye\r\n"
    return Message(channel="email", delivery="d", to=to, data=data, sender="Alerts <alerts@localhost>")


def handed(provider: SmtpProvider, *recipients: str, after: Callable[[], None] = lambda: None) -> list[Handed]:
    async def run() -> list[Handed]:
        answers = [await provider.send(message(to)) for to in recipients]
        after()
        await provider.close()
        return answers

    return asyncio.run(run())


def test_answers_mean_what_the_server_said(box: tuple[Mailbox, Target]) -> None:
    handler, target = box
    everyone = ("a@example.org", "gone@example.org", "busy@example.org", "spam@example.org", "lost@example.org")
    answers = handed(SmtpProvider([target], connections=2), *everyone, "b@example.org")
    assert [a.result for a in answers] == ["sent", "permanent", "temporary", "permanent", "in-doubt", "sent"]
    assert answers[1].reason == "550 5.1.1 no such mailbox"
    assert answers[2].reason == "451 4.0.0 try again"
    assert answers[0].reference == "2.0.0 queued as 42"
    assert [to for to, _ in handler.got] == ["a@example.org", "lost@example.org", "b@example.org"]
    assert handler.got[0][1] == b"Subject: hello\r\n\r\n.a dot\r\nbye\r\n"


def test_what_a_server_says_of_an_address_is_kept_without_it(box: tuple[Mailbox, Target]) -> None:
    _, target = box
    [refused] = handed(SmtpProvider([target], connections=1), "echo.kanari@zeisig.example")
    assert refused.reason == "550 5.1.1 <(address)>: (address) unknown at (host)"


def test_connections_are_kept(box: tuple[Mailbox, Target]) -> None:
    handler, target = box
    answers = handed(SmtpProvider([target], connections=2), *[f"p{i}@example.org" for i in range(20)])
    assert {a.result for a in answers} == {"sent"}
    assert len(handler.peers) == 1


def test_a_server_that_is_down_is_passed_over(box: tuple[Mailbox, Target]) -> None:
    _, target = box
    down = Target("127.0.0.1", 1, weight=1000)
    answers = handed(SmtpProvider([down, target], connections=2, chance=lambda: 0.5), *["p@example.org"] * 3)
    assert [a.result for a in answers] == ["sent"] * 3
    [alone] = handed(SmtpProvider([down], connections=2), "p@example.org")
    assert alone.result == "temporary" and "no mail server could be reached" in alone.reason


def test_no_address_adds_a_command(box: tuple[Mailbox, Target]) -> None:
    handler, target = box
    [answer] = handed(SmtpProvider([target], connections=1), "a@example.org>\r\nRCPT TO:<b@example.org")
    assert answer.result == "permanent" and not handler.got


def test_tls_is_required_where_it_was_asked_for(box: tuple[Mailbox, Target]) -> None:
    _, target = box
    strict = Target(target.host, target.port, tls="starttls")
    [answer] = handed(SmtpProvider([strict], connections=1), "a@example.org")
    assert answer.result == "temporary"


def test_a_channel_without_provider_is_not_chosen() -> None:
    assert providers(smtp=(), smtp_connections=4, inbox=None) == ({}, {})
