"""SMTP connection, commands sent together or apart, with a server that answers from a table, in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiosmtplib
import pytest

from alerts.providers.smtp.protocol import ConnectionBroken, Limits, SmtpConnection, SmtpReply

HELLO = b"220 test\r\n"
MAIL, RCPT = b"MAIL FROM:<alerts@example.org>", b"RCPT TO:<ada@example.org>"
BODY = b"Subject: hello\r\n\r\nA line\r\n.\r\nand the last\r\n"


class Server:
    """Answers by verb (`dot` for the end of a message); `close` hangs up, "" says nothing. Says pieces one by one."""

    def __init__(self, says: dict[str, bytes], *, pipelining: bool, pieces: int = 0) -> None:
        offers = b"250-test\r\n250-PIPELINING\r\n250 DSN\r\n" if pipelining else b"250 test\r\n"
        self.says = {
            "EHLO": offers,
            "MAIL": b"250 ok\r\n",
            "RCPT": b"250 ok\r\n",
            "DATA": b"354 go on\r\n",
            "dot": b"250 2.0.0 taken\r\n",
            "RSET": b"250 ok\r\n",
            "QUIT": b"221 bye\r\n",
        } | says
        self.pieces, self.heard, self.got = pieces, list[str](), list[bytes]()
        self.together = 0
        """The most commands that came at once."""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(HELLO)
        held, message = b"", False
        while data := await reader.read(65536):
            held += data
            self.together = max(self.together, data.count(b"\r\n") if not message else 0)
            while b"\r\n" in held:
                if message:
                    whole = b"\r\n" + held
                    end = whole.find(b"\r\n.\r\n")
                    if end < 0:
                        break
                    self.got.append(whole[2 : end + 2])
                    held, message, verb = whole[end + 5 :], False, "dot"
                else:
                    line, _, held = held.partition(b"\r\n")
                    verb = line[:4].decode()
                self.heard.append(verb)
                answer = self.says[verb]
                message = answer.startswith(b"354")
                if answer == b"close":
                    writer.close()
                    return
                await self.say(writer, answer)
        writer.close()

    async def say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        step = self.pieces or len(answer) or 1
        for start in range(0, len(answer), step):
            writer.write(answer[start : start + step])
            if self.pieces:
                await writer.drain()
                await asyncio.sleep(0)


@asynccontextmanager
async def talking(server: Server, seconds: float = 5.0) -> AsyncIterator[SmtpConnection]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    client = aiosmtplib.SMTP(
        hostname="127.0.0.1", port=listening.sockets[0].getsockname()[1], use_tls=False, start_tls=False, timeout=5
    )
    await client.connect()
    await client.ehlo()
    talk = SmtpConnection.attach_to(client, Limits(seconds, seconds))
    try:
        yield talk
    finally:
        await talk.quit(1)
        listening.close()


def after_hello(server: Server) -> list[str]:
    return [verb for verb in server.heard if verb not in ("EHLO", "QUIT")]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("pieces", [0, 1, 7])
async def test_messages_go_one_after_the_other(pipelining: bool, pieces: int) -> None:
    server = Server({}, pipelining=pipelining, pieces=pieces)
    async with talking(server) as talk:
        for _ in range(3):
            assert await talk.send(MAIL, RCPT, BODY) == SmtpReply("body", 250, "2.0.0 taken")
            assert talk.usable
    assert server.got == [BODY.replace(b"\r\n.\r\n", b"\r\n..\r\n")] * 3
    assert after_hello(server) == ["MAIL", "RCPT", "DATA", "dot"] * 3
    assert server.together == (3 if pipelining else 1)


CASES: Sequence[tuple[dict[str, bytes], SmtpReply, list[str]]] = [
    ({"MAIL": b"550 5.7.1 not you\r\n"}, SmtpReply("MAIL", 550, "5.7.1 not you"), []),
    ({"RCPT": b"550 5.1.1 nobody\r\n"}, SmtpReply("RCPT", 550, "5.1.1 nobody"), []),
    ({"RCPT": b"450-4.2.0 later\r\n450 4.2.0 please\r\n"}, SmtpReply("RCPT", 450, "4.2.0 later\n4.2.0 please"), []),
    ({"DATA": b"451 4.3.0 not now\r\n"}, SmtpReply("DATA", 451, "4.3.0 not now"), []),
    ({"dot": b"552 5.3.4 too big\r\n"}, SmtpReply("body", 552, "5.3.4 too big"), [BODY]),
    ({"RCPT": b"251 he moved\r\n"}, SmtpReply("body", 250, "2.0.0 taken"), [BODY]),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("says", "wanted", "got"), CASES)
async def test_the_first_refusal_decides_and_the_next_message_can_go(
    pipelining: bool, says: dict[str, bytes], wanted: SmtpReply, got: list[bytes]
) -> None:
    server = Server({"DATA": b"503 5.5.1 no recipient\r\n"} | says if not got else says, pipelining=pipelining)
    async with talking(server) as talk:
        assert await talk.send(MAIL, RCPT, BODY) == wanted
        assert [message.replace(b"\r\n..\r\n", b"\r\n.\r\n") for message in server.got] == got
        server.says |= {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n", "dot": b"250 taken\r\n"}
        assert (await talk.send(MAIL, RCPT, BODY)).taken
    if not got:
        assert "RSET" in server.heard, "what was refused must not stay open"


async def test_data_after_a_refused_recipient_gets_an_empty_message() -> None:
    server = Server({"RCPT": b"550 5.1.1 nobody\r\n", "dot": b"554 5.5.1 nobody to send to\r\n"}, pipelining=True)
    async with talking(server) as talk:
        assert await talk.send(MAIL, RCPT, BODY) == SmtpReply("RCPT", 550, "5.1.1 nobody")
        assert server.got == [b""]
        server.says |= {"RCPT": b"250 ok\r\n", "dot": b"250 taken\r\n"}
        assert (await talk.send(MAIL, RCPT, BODY)).taken


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("verb", "begun"), [("MAIL", False), ("RCPT", False), ("DATA", False), ("dot", True)], ids=lambda v: str(v)
)
@pytest.mark.parametrize(
    "answer", [b"close", b"", b"what?\r\n", b"999 odd\r\n"], ids=["close", "silence", "odd", "999"]
)
async def test_only_after_the_body_began_is_a_message_in_doubt(
    pipelining: bool, verb: str, begun: bool, answer: bytes
) -> None:
    server = Server({verb: answer}, pipelining=pipelining)
    if pipelining and not answer and not begun:
        server.says["DATA"] = b""  # or the answer to DATA would be taken for the missing one
    async with talking(server, 0.3) as talk:
        with pytest.raises(ConnectionBroken) as broken:
            await talk.send(MAIL, RCPT, BODY)
        assert broken.value.begun is begun
        assert not talk.usable
        with pytest.raises(ConnectionBroken, match="was closed"):
            await talk.send(MAIL, RCPT, BODY)


async def test_a_server_that_says_that_it_closes_is_believed() -> None:
    server = Server({"RCPT": b"421 4.3.2 closing\r\n"}, pipelining=True)
    async with talking(server) as talk:
        assert await talk.send(MAIL, RCPT, BODY) == SmtpReply("RCPT", 421, "4.3.2 closing")
        assert not talk.usable
    assert server.got == []


async def test_an_idle_connection_that_the_server_gives_up_is_not_used_again() -> None:
    server = Server({}, pipelining=True)
    async with talking(server) as talk:
        assert (await talk.send(MAIL, RCPT, BODY)).taken
        server.writers[0].write(b"421 4.4.2 idle too long\r\n")
        for _ in range(100):
            if not talk.usable:
                break
            await asyncio.sleep(0.01)
        assert not talk.usable


async def test_an_answer_without_end_is_given_up() -> None:
    server = Server({"MAIL": b"250-more\r\n" * 5000}, pipelining=False)
    async with talking(server) as talk:
        with pytest.raises(ConnectionBroken, match="without end"):
            await talk.send(MAIL, RCPT, BODY)


async def test_no_address_says_a_command_of_its_own() -> None:
    server = Server({}, pipelining=True)
    async with talking(server) as talk:
        with pytest.raises(ValueError, match="no command may hold"):
            await talk.send(MAIL, b"RCPT TO:<a@b>\r\nDATA", BODY)
        assert talk.usable


async def test_who_is_cancelled_in_the_middle_leaves_no_connection_to_others() -> None:
    server = Server({"dot": b""}, pipelining=True)
    async with talking(server) as talk:
        task = asyncio.create_task(talk.send(MAIL, RCPT, BODY))
        while not server.got:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not talk.usable
