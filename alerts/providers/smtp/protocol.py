"""What is said on one SMTP connection once it stands: a message at a time, its commands sent together where the server
takes that (RFC 2920), which saves two waits and four system calls a message.

aiosmtplib connects, does TLS, EHLO and sign-in; from there on it can only say one command and wait for its answer. So
the connection is taken over: the same transport, with this protocol on it.
"""

from __future__ import annotations

import asyncio
import re
from typing import Literal, NamedTuple, cast

import aiosmtplib

Stage = Literal["MAIL", "RCPT", "DATA", "body"]

_STAGES: tuple[Stage, ...] = ("MAIL", "RCPT", "DATA", "body")
_MAIL, _RCPT, _DATA, _BODY, _VOID, _RSET, _QUIT = range(7)
"""What the next answer is to. Void: the lone dot after a DATA that should have been refused."""
_LONGEST = 32 * 1024
"""Bytes of one answer; RFC 5321 knows lines of 512."""
_CLOSING, _GO_ON = 421, 354
_FORBIDDEN = re.compile(rb"[\x00-\x1f\x7f]")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


class Capabilities(NamedTuple):
    """What the server said that it can do."""

    pipelining: bool = False
    dsn: bool = False
    smtputf8: bool = False


class Limits(NamedTuple):
    """Seconds for the answer to a command, and for the message with the answer to its final dot."""

    command: float
    data: float


class Answer(NamedTuple):
    """The answer that decided, and to what it was given."""

    stage: Stage
    code: int
    words: str

    @property
    def taken(self) -> bool:
        """Whether the message is the server's now."""
        return self.stage == "body" and self.code == 250


class ConnectionBroken(Exception):
    """The connection ended, or fell silent, or said what is not SMTP. `begun`: the body was on its way, so that nobody
    can tell whether the message was taken. Its text is for an operator."""

    def __init__(self, why: str, *, begun: bool) -> None:
        super().__init__(why)
        self.why, self.begun = why, begun


class SmtpConnection(asyncio.Protocol):
    """One connection. `hand` may be awaited by one task at a time."""

    def __init__(self, transport: asyncio.Transport, offers: Capabilities, limits: Limits) -> None:
        self.offers, self._limits = offers, limits
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._asked: asyncio.Future[Answer] | None = None
        self._next: list[bytes] = []
        self._body = b""
        self._at = _MAIL
        self._refused: Answer | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    @classmethod
    def attach_to(cls, client: aiosmtplib.SMTP, limits: Limits) -> SmtpConnection:
        """Take over a connected client's connection. Raises OSError if it has none any more."""
        transport = client.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the server closed the connection after its greeting")
        can = client.supports_extension
        offers = Capabilities(pipelining=can("pipelining"), dsn=can("dsn"), smtputf8=can("smtputf8"))
        made = cls(cast(asyncio.Transport, transport), offers, limits)
        transport.set_protocol(made)
        return made

    @property
    def usable(self) -> bool:
        """Whether another message may be handed over here."""
        return not self._gone and self._asked is None and not self._transport.is_closing()

    async def send(self, mail: bytes, rcpt: bytes, message: bytes) -> Answer:
        """Hand one message over: the two commands without their line ends, and an RFC 5322 message.

        The answer is the final dot's, or the first that refused; the connection is ready for the next then. Raises
        Broken, and ValueError for commands that would be more than two.
        """
        if _FORBIDDEN.search(mail) or _FORBIDDEN.search(rcpt):
            raise ValueError("an envelope address holds characters that no command may hold")
        if not self.usable:
            raise ConnectionBroken("the connection was closed", begun=False)
        asked: asyncio.Future[Answer] = self._loop.create_future()
        self._asked = asked
        self._at, self._refused, self._body = _MAIL, None, message
        if self.offers.pipelining:
            self._next = []
            self._say(b"%b\r\n%b\r\nDATA\r\n" % (mail, rcpt))
        else:
            self._next = [b"DATA\r\n", rcpt + b"\r\n"]
            self._say(mail + b"\r\n")
        try:
            return await asked
        except asyncio.CancelledError:
            self.abort()
            raise

    async def quit(self, patience: float) -> None:
        """Say goodbye, and wait so many seconds for the answer."""
        if self.usable:
            self._asked = asked = self._loop.create_future()
            self._at = _QUIT
            self._say(b"QUIT\r\n")
            await asyncio.wait([asked], timeout=patience)
            if asked.done():
                asked.exception()  # seen: a server that just hangs up has said goodbye too
        self._transport.close()

    def abort(self) -> None:
        """End it at once, whatever is on its way."""
        self._gone = True
        self._transport.abort()

    # --- what the transport calls ---

    def data_received(self, data: bytes) -> None:
        """Take the answers that are whole."""
        held = self._held + data if self._held else data
        while held:
            end = _end_of_answer(held)
            if end < 0:
                break
            answer, held = held[:end], held[end:]
            self._heard(answer)
        self._held = held
        if len(held) > _LONGEST:
            self._fail("it answers without end")

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone, or we are."""
        self._gone = True
        if self._timer is not None:
            self._timer.cancel()
        if self._refused is not None:
            self._finish(self._refused)
        else:
            self._fail(_readable(exc) or "it closed the connection")

    # --- the dialogue ---

    def _heard(self, raw: bytes) -> None:
        code = int(raw[:3]) if raw[:3].isdigit() else 0
        if not 200 <= code <= 599:
            self._fail(f"it does not speak SMTP: {_text(raw)[:100]!r}")
            return
        if self._asked is None:
            self._transport.close()  # it says that it closes, or something that nobody asked
            return
        at = self._at
        if at >= _BODY:
            self._concluded(at, code, raw)
            return
        if at == _DATA and code == _GO_ON:
            self._leave()
            return
        if at == _DATA or not 250 <= code <= 251:
            self._refused = self._refused or Answer(_STAGES[at], code, _text(raw))
        if code == _CLOSING:
            self._transport.close()
            self._finish(self._refused)
        elif at < _DATA and (self.offers.pipelining or self._refused is None):
            self._at = at + 1
            self._say(self._next.pop() if self._next else b"")
        else:
            self._at = _RSET
            self._say(b"RSET\r\n")

    def _leave(self) -> None:
        """The server waits for the message; for one that it has refused it gets an empty one (RFC 2920, 3.1)."""
        if self._refused is not None:
            self._at = _VOID
            self._say(b".\r\n")
            return
        self._at = _BODY
        self._say(on_the_wire(self._body), self._limits.data)
        self._body = b""

    def _concluded(self, at: int, code: int, raw: bytes) -> None:
        if code == _CLOSING or (at == _RSET and code != 250):
            self._transport.close()
        self._finish(Answer("body", code, _text(raw)) if self._refused is None else self._refused)

    def _say(self, words: bytes, limit: float = 0.0) -> None:
        """Say it, and expect an answer (or the next of several) in time."""
        self._until = self._loop.time() + (limit or self._limits.command)
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._look)
        if words:
            self._transport.write(words)

    def _look(self) -> None:
        """Whether the answer is overdue. One timer a connection: one a message would cost more than it tells."""
        self._timer = None
        if self._asked is None or self._gone:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        elif self._refused is not None:
            self.abort()
            self._finish(self._refused)
        else:
            self._fail("it did not answer in time")

    def _finish(self, answer: Answer | None) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and answer is not None and not asked.done():
            asked.set_result(answer)

    def _fail(self, why: str) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(ConnectionBroken(why, begun=self._at == _BODY))
        if not self._gone:
            self.abort()


def on_the_wire(message: bytes) -> bytes:
    """As DATA takes it (RFC 5321, 4.5.2): lines end with CRLF, those that begin with a dot get another, a dot ends."""
    ends = message.count(b"\r\n")
    if message.count(b"\n") != ends or message.count(b"\r") != ends:
        message = _LINE_ENDS.sub(b"\r\n", message)
    if message.startswith(b"."):
        message = b"." + message
    if b"\n." in message:
        message = message.replace(b"\n.", b"\n..")
    return message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")


def _end_of_answer(held: bytes) -> int:
    """Where the first whole answer ends: after the line whose fourth character is not `-`; -1 if it is not whole."""
    start = 0
    while (end := held.find(b"\n", start)) >= 0:
        if held[start + 3 : start + 4] != b"-":
            return end + 1
        start = end + 1
    return -1


def _text(raw: bytes) -> str:
    """The words of an answer, its lines parted by line ends; bytes that are not UTF-8 as if they were Latin-1."""
    lines = b"\n".join(line[4:].strip() for line in raw.splitlines())
    try:
        return lines.decode()
    except UnicodeDecodeError:
        return lines.decode("latin-1")


def _readable(error: Exception | None) -> str:
    return "" if error is None else str(error) or type(error).__name__
