"""E-mail to a real SMTP server on this machine: what is kept, refused, put off, lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from alerts.channels.message import Message, SendResult
from alerts.net.dkim import DkimSigner
from alerts.providers.failover import Health
from alerts.providers.smtp.provider import SmtpProvider


@dataclass(frozen=True)
class Target:
    """Server to send to."""

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


def handed(provider: SmtpProvider, *recipients: str, after: Callable[[], None] = lambda: None) -> list[SendResult]:
    async def run() -> list[SendResult]:
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
    answers = handed(SmtpProvider([down, target], connections=2, rng=lambda: 0.5), *["p@example.org"] * 3)
    assert [a.result for a in answers] == ["sent"] * 3
    [alone] = handed(SmtpProvider([down], connections=2), "p@example.org")
    assert alone.result == "not-begun" and "no mail server could be reached" in alone.reason


def test_no_address_adds_a_command(box: tuple[Mailbox, Target]) -> None:
    handler, target = box
    [answer] = handed(SmtpProvider([target], connections=1), "a@example.org>\r\nRCPT TO:<b@example.org")
    assert answer.result == "permanent" and not handler.got


def test_tls_is_required_where_it_was_asked_for(box: tuple[Mailbox, Target]) -> None:
    _, target = box
    strict = Target(target.host, target.port, tls="starttls")
    [answer] = handed(SmtpProvider([strict], connections=1), "a@example.org")
    assert answer.result == "not-begun"


class Peer:
    """A server of raw lines: what it says to each command, by its verb; "stall" says nothing, "close" hangs up."""

    def __init__(self, **says: str) -> None:
        self.tls: Literal["auto", "none"] = "auto"
        self._says, self.heard, self.connections = says, list[str](), 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if not await self._say(writer, "banner", "220 peer"):
                return
            while line := (await reader.readline()).decode("utf-8", "replace").strip():
                verb = line.split(":")[0].split()[0].lower()
                self.heard.append(line)
                usual = {"data": "354 go on", "ehlo": "250 peer", "quit": "221 bye"}.get(verb, "250 ok")
                if not await self._say(writer, verb, usual):
                    return
                if verb == "data":
                    while (part := await reader.readline()) not in (b".\r\n", b""):
                        if self._says.get("body") == "close":
                            return
                    if not part or not await self._say(writer, "dot", "250 taken"):
                        return
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, stage: str, usual: str) -> bool:
        words = self._says.get(stage, usual)
        if words == "slow":
            await asyncio.sleep(0.3)
            words = usual
        if words == "stall":
            await asyncio.sleep(60)
        if words == "close":
            return False
        writer.write(words.encode("latin-1") + b"\r\n")
        await writer.drain()
        return True


def conversed(peer: Peer, *recipients: str, second: Peer | None = None) -> list[SendResult]:
    """Results of messages to a peer (and to a second server that is chosen after it)."""

    async def run() -> list[SendResult]:
        peers = [peer] if second is None else [peer, second]
        servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in peers]
        targets = [
            Target("127.0.0.1", server.sockets[0].getsockname()[1], tls=one.tls, weight=1000 if place == 0 else 1)
            for place, (server, one) in enumerate(zip(servers, peers, strict=True))
        ]
        provider = SmtpProvider(targets, connections=2, rng=lambda: 0.5)
        answers = [await provider.send(message(to)) for to in recipients]
        await provider.close()
        for server in servers:
            server.close()
        return answers

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("says", "result"),
    [
        ({"banner": "421 too many"}, "not-begun"),
        ({"banner": "554 go away"}, "not-begun"),
        ({"banner": "close"}, "not-begun"),
        ({"banner": "stall"}, "not-begun"),
        ({"mail": "stall"}, "not-begun"),
        ({"mail": "550 5.7.1 sender refused"}, "temporary"),  # our own fault, no recipient's
        ({"rcpt": "421 closing"}, "temporary"),
        ({"rcpt": "452 4.2.2 full"}, "temporary"),
        ({"rcpt": "550 5.1.1 unknown"}, "permanent"),
        ({"rcpt": "close"}, "not-begun"),
        ({"data": "451 later"}, "temporary"),
        ({"data": "554 never"}, "permanent"),
        ({"body": "close"}, "in-doubt"),
        ({"dot": "close"}, "in-doubt"),
        ({"dot": "stall"}, "in-doubt"),
        ({"dot": "452 4.3.1 disk full"}, "temporary"),
        ({"dot": "550 5.7.1 spam"}, "permanent"),
    ],
)
def test_what_a_failure_at_each_stage_means(monkeypatch: pytest.MonkeyPatch, says: dict[str, str], result: str) -> None:
    for limit in ("CONNECT", "COMMAND", "DATA"):
        monkeypatch.setattr(f"alerts.providers.smtp.client.{limit}", 0.3)
    [answer] = conversed(Peer(**says), "a@example.org")
    assert answer.result == result, answer


def test_a_server_that_refuses_us_is_passed_over_for_one_that_does_not() -> None:
    for says in (
        {"mail": "530 5.7.0 sign in first"},
        {"mail": "452 4.3.1 no room"},
        {"rcpt": "421 4.3.2 closing"},
        {"rcpt": "550 5.7.1 relaying denied"},
        {"rcpt": "451 4.3.0 mail server temporarily rejected message"},
        {"data": "421 4.3.2 closing"},
        {"dot": "452 4.3.1 disk full"},
    ):
        answers = conversed(Peer(**says), "a@example.org", "b@example.org", second=Peer())
        assert [answer.result for answer in answers] == ["sent", "sent"]


def test_a_refusal_of_the_message_is_not_carried_elsewhere() -> None:
    for rcpt in ("450 4.2.0 greylisted, come back later", "550 5.7.1 policy", "552 5.3.4 too big"):
        second = Peer()
        [answer] = conversed(Peer(rcpt=rcpt), "a@example.org", second=second)
        assert answer.reason == rcpt and second.connections == 0


@pytest.mark.parametrize(
    ("refusal", "retire"),
    [
        ("550 5.1.1 no such user", "hard-bounce"),
        ("553 5.1.3 bad address", "hard-bounce"),
        ("556 5.1.10 null MX", "hard-bounce"),
        ("550 5.2.1 closed", "hard-bounce"),
        ("550 no such user", ""),  # no code, and words of many meanings
        ("550 5.7.1 blocked, user unknown to us", ""),
        ("552 5.2.2 full", ""),
        ("450 4.1.1 not yet known", ""),
    ],
)
def test_only_an_address_that_is_at_fault_is_retired(refusal: str, retire: str) -> None:
    [answer] = conversed(Peer(rcpt=refusal), "a@example.org")
    assert answer.retire == retire


def test_a_bounce_is_asked_to_bring_our_id_back() -> None:
    knows, plain = Peer(ehlo="250-peer\r\n250 DSN"), Peer()
    knows.tls = "none"  # so that nothing but this asks what it can do
    assert [a.result for a in conversed(knows, "a+b=c@example.org")] == ["sent"]
    assert [a.result for a in conversed(plain, "a+b=c@example.org")] == ["sent"]
    assert "MAIL FROM:<alerts@localhost> RET=HDRS ENVID=d" in knows.heard
    assert "RCPT TO:<a+b=c@example.org> NOTIFY=FAILURE ORCPT=rfc822;a+2Bb+3Dc@example.org" in knows.heard
    assert "RCPT TO:<a+b=c@example.org>" in plain.heard


def test_what_leaves_is_signed_and_arrives_so(box: tuple[Mailbox, Target]) -> None:
    handler, target = box
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = DkimSigner("localhost", "test", pem, now=lambda: 1_700_000_000)
    dotted = b"From: Alerts <alerts@localhost>\r\nSubject: hello\r\n\r\n.a dot\r\n..\r\nbye\r\n"
    sent = msgspec.structs.replace(message("a@example.org"), data=dotted)

    async def run() -> list[SendResult]:
        provider = SmtpProvider([target], connections=2, signer=signer)
        answers = [await provider.send(sent), await provider.send(sent)]
        await provider.close()
        return answers

    assert [answer.result for answer in asyncio.run(run())] == ["sent", "sent"]
    # Ed25519 is deterministic: what arrived is what was signed, to the byte.
    assert [data for _, data in handler.got] == [signer.signed(dotted)] * 2


def test_how_the_servers_do_is_told_without_secrets(box: tuple[Mailbox, Target]) -> None:
    _, target = box
    down = Target("127.0.0.1", 1, user="town", password="secret", weight=3)

    async def run() -> tuple[Health, Health]:
        provider = SmtpProvider([down, target], connections=2, rng=lambda: 0.5)
        before = provider.health()
        await provider.send(message("a@example.org"))
        after = provider.health()
        await provider.close()
        return before, after

    before, after = asyncio.run(run())
    assert (before.provider, before.state) == ("smtp", "well")
    assert [member.share for member in before.members] == [0.75, 0.25]
    assert (after.state, [member.state for member in after.members]) == ("limping", ["resting", "well"])
    assert after.members[0].name == "127.0.0.1:1" and "Connect call failed" in after.members[0].why
    assert "secret" not in str(msgspec.to_builtins(after))


def test_an_emergency_does_not_wait_for_a_server_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.providers.smtp.client._SUSPECT", 0.2)
    stalls, works = Peer(mail="stall"), Peer()

    async def run() -> list[SendResult]:
        servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in (stalls, works)]
        targets = [
            Target("127.0.0.1", server.sockets[0].getsockname()[1], weight=weight)
            for server, weight in zip(servers, (1000, 1), strict=True)
        ]
        provider = SmtpProvider(targets, connections=8, rng=lambda: 0.5)
        stuck = asyncio.ensure_future(provider.send(message("a@example.org")))
        await asyncio.sleep(0.4)
        urgent = msgspec.structs.replace(message("b@example.org"), urgent=True)
        answers = [await asyncio.wait_for(provider.send(urgent), 1) for _ in range(5)]
        stuck.cancel()
        await provider.close()
        for server in servers:
            server.close()
        return answers

    assert [answer.result for answer in asyncio.run(run())] == ["sent"] * 5


def test_messages_that_come_while_a_server_is_tried_wait_for_what_it_says() -> None:
    peer = Peer()

    async def run() -> list[SendResult]:
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        provider = SmtpProvider([Target("127.0.0.1", port)], connections=8)
        down = await provider.send(message("a@example.org"))
        resting = await provider.send(message("a@example.org"))
        server = await asyncio.start_server(peer.serve, "127.0.0.1", port)
        await asyncio.sleep(1.05)  # the first rest
        answers = await asyncio.gather(*(provider.send(message("a@example.org")) for _ in range(6)))
        await provider.close()
        server.close()
        return [down, resting, *answers]

    down, resting, *later = asyncio.run(run())
    assert down.result == resting.result == "not-begun", "waiting for a server is no try"
    assert "every mail server rests" in resting.reason and resting.retry_after is not None
    assert [answer.result for answer in later] == ["sent"] * 6


def test_what_waited_for_a_stalled_server_is_asked_again_before_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.providers.smtp.client.CONNECT", 1.2)
    second = Peer()
    answers = conversed(Peer(banner="stall"), "a@example.org", "a@example.org", second=second)
    assert [answer.result for answer in answers] == ["not-begun", "sent"]
    assert second.connections == 1


def test_message_is_rechecked_after_a_slow_greeting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Changes while the server took its time, a cancel perhaps, must be seen before MAIL (RULES 15)."""
    monkeypatch.setattr("alerts.providers.smtp.client.SOON", 0.2)
    monkeypatch.setattr("alerts.providers.smtp.provider.SOON", 0.2)
    peer = Peer(banner="slow")
    answers = conversed(peer, "a@example.org", "a@example.org")
    assert [answer.result for answer in answers] == ["not-begun", "sent"]
    assert peer.connections == 1 and sum(line.startswith("MAIL") for line in peer.heard) == 1


def test_a_server_of_the_old_kind_is_greeted_as_it_knows() -> None:
    old = Peer(ehlo="502 what?")
    old.tls = "none"
    assert [a.result for a in conversed(old, "a@example.org")] == ["sent"]
    assert any(line.startswith("HELO ") for line in old.heard)


def test_words_in_no_charset_are_kept_readably() -> None:
    [answer] = conversed(Peer(rcpt="550 5.1.1 Empf\xe4nger\x00unbekannt"), "a@example.org")
    assert answer.reason == "550 5.1.1 Empf\xe4nger unbekannt"


def test_addresses_beyond_ascii() -> None:
    plain, modern = Peer(), Peer(ehlo="250-peer\r\n250 SMTPUTF8")
    assert [a.result for a in conversed(plain, "j\xf6rg@example.org", "a@b\xfccher.example")] == ["permanent", "sent"]
    assert [a.result for a in conversed(modern, "j\xf6rg@example.org")] == ["sent"]
    assert any("a@xn--bcher-kva.example" in line for line in plain.heard)
    assert [a.result for a in conversed(plain, "a@fa\xdf-x.de")] == ["sent"]
    assert any("a@xn--fa-x-wna.de" in line for line in plain.heard), "IDNA 2003 would write to fass-x.de"
    assert any("j\xf6rg@example.org" in line for line in modern.heard)


def test_weights_hold_under_load() -> None:
    heavy, light = Peer(dot="slow"), Peer(dot="slow")

    async def run() -> None:
        servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in (heavy, light)]
        targets = [
            Target("127.0.0.1", server.sockets[0].getsockname()[1], weight=weight)
            for server, weight in zip(servers, (3, 1), strict=True)
        ]
        provider = SmtpProvider(targets, connections=6)
        await asyncio.gather(*(provider.send(message("a@example.org")) for _ in range(16)))
        await provider.close()
        for server in servers:
            server.close()

    asyncio.run(run())
    assert (heavy.connections, light.connections) == (6, 2)
