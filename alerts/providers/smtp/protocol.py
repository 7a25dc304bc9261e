"""SMTP protocol on an open connection: one message at a time, with command pipelining (RFC 2920).

Fast path: pipelining saves two round trips and four system calls a message. aiosmtplib connects, does TLS, EHLO and
sign-in, but then sends one command at a time and waits for its reply. So the connection is taken over: the same
transport with this protocol. Delete it once aiosmtplib pipelines.
"""

from __future__ import annotations

import asyncio
import re
from typing import Literal, NamedTuple, cast

import aiosmtplib

Stage = Literal["MAIL", "RCPT", "DATA", "body"]

_STAGES: tuple[Stage, ...] = ("MAIL", "RCPT", "DATA", "body")
_MAIL, _RCPT, _DATA, _BODY, _VOID, _RSET, _QUIT = range(7)
"""Command to which the next reply belongs. Void: the lone dot after a DATA that should have been refused."""
_LONGEST = 32 * 1024
"""Maximum bytes of a reply; RFC 5321 allows lines of 512."""
_CLOSING, _GO_ON = 421, 354
_FORBIDDEN = re.compile(rb"[\x00-\x1f\x7f]")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


class Capabilities(NamedTuple):
    """Extensions that the server announced."""

    pipelining: bool = False
    dsn: bool = False
    smtputf8: bool = False


class Limits(NamedTuple):
    """Time limits in seconds: for the reply to a command, and for the message with the reply to its final dot."""

    command: float
    data: float


class SmtpReply(NamedTuple):
    """The decisive reply and its stage."""

    stage: Stage
    code: int
    words: str

    @property
    def taken(self) -> bool:
        """True if the server has accepted the message."""
        return self.stage == "body" and self.code == 250


class ConnectionBroken(Exception):
    """The connection ended, timed out or violated SMTP.

    `begun`: the body was being sent, so that it is unknown whether the message was accepted. The text is for an
    operator.
    """

    def __init__(self, why: str, *, begun: bool) -> None:
        super().__init__(why)
        self.why, self.begun = why, begun


class SmtpConnection(asyncio.Protocol):
    """An open connection. `send` may be awaited by one task at a time."""

    def __init__(self, transport: asyncio.Transport, offers: Capabilities, limits: Limits) -> None:
        self.offers, self._limits = offers, limits
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._asked: asyncio.Future[SmtpReply] | None = None
        self._next: list[bytes] = []
        self._body = b""
        self._at = _MAIL
        self._refused: SmtpReply | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    @classmethod
    def attach_to(cls, client: aiosmtplib.SMTP, limits: Limits) -> SmtpConnection:
        """Take over the connection of a connected client. Raises OSError if it is closed."""
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
        """True if another message may be sent on this connection."""
        return not self._gone and self._asked is None and not self._transport.is_closing()

    async def send(self, mail: bytes, rcpt: bytes, message: bytes) -> SmtpReply:
        """Send one message: the two commands without line ends, and an RFC 5322 message.

        Returns the reply to the final dot, or the first refusal; the connection is then ready for the next message.
        Raises ConnectionBroken, and ValueError for addresses that would inject a command.
        """
        if _FORBIDDEN.search(mail) or _FORBIDDEN.search(rcpt):
            raise ValueError("an envelope address holds characters that no command may hold")
        if not self.usable:
            raise ConnectionBroken("the connection was closed", begun=False)
        asked: asyncio.Future[SmtpReply] = self._loop.create_future()
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
        """Send QUIT and wait up to `patience` seconds for the reply."""
        if self.usable:
            self._asked = asked = self._loop.create_future()
            self._at = _QUIT
            self._say(b"QUIT\r\n")
            await asyncio.wait([asked], timeout=patience)
            if asked.done():
                asked.exception()  # retrieved: a server may also just close the connection
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once, even with a message in flight."""
        self._gone = True
        self._transport.abort()

    # --- transport callbacks ---

    def data_received(self, data: bytes) -> None:
        """Process the complete replies."""
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
        """Fail the message in flight, or return the refusal that was already received."""
        self._gone = True
        if self._timer is not None:
            self._timer.cancel()
        if self._refused is not None:
            self._finish(self._refused)
        else:
            self._fail(_readable(exc) or "it closed the connection")

    # --- protocol state machine ---

    def _heard(self, raw: bytes) -> None:
        code = int(raw[:3]) if raw[:3].isdigit() else 0
        if not 200 <= code <= 599:
            self._fail(f"it does not speak SMTP: {_text(raw)[:100]!r}")
            return
        if self._asked is None:
            self._transport.close()  # an announced close (421) or an unsolicited reply
            return
        at = self._at
        if at >= _BODY:
            self._concluded(at, code, raw)
            return
        if at == _DATA and code == _GO_ON:
            self._send_body()
            return
        if at == _DATA or not 250 <= code <= 251:
            self._refused = self._refused or SmtpReply(_STAGES[at], code, _text(raw))
        if code == _CLOSING:
            self._transport.close()
            self._finish(self._refused)
        elif at < _DATA and (self.offers.pipelining or self._refused is None):
            self._at = at + 1
            self._say(self._next.pop() if self._next else b"")
        else:
            self._at = _RSET
            self._say(b"RSET\r\n")

    def _send_body(self) -> None:
        """Send the message after 354; for a refused message, an empty one (RFC 2920, 3.1)."""
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
        self._finish(SmtpReply("body", code, _text(raw)) if self._refused is None else self._refused)

    def _say(self, words: bytes, limit: float = 0.0) -> None:
        """Write bytes and set the time limit for the next reply."""
        self._until = self._loop.time() + (limit or self._limits.command)
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._check_deadline)
        if words:
            self._transport.write(words)

    def _check_deadline(self) -> None:
        """Check the time limit. There is one timer per connection: one per message would cost more than it gains."""
        self._timer = None
        if self._asked is None or self._gone:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._check_deadline)
        elif self._refused is not None:
            self.abort()
            self._finish(self._refused)
        else:
            self._fail("it did not answer in time")

    def _finish(self, answer: SmtpReply | None) -> None:
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
    """Encode a message for DATA (RFC 5321, 4.5.2): CRLF line ends, dot stuffing, final dot."""
    ends = message.count(b"\r\n")
    if message.count(b"\n") != ends or message.count(b"\r") != ends:
        message = _LINE_ENDS.sub(b"\r\n", message)
    if message.startswith(b"."):
        message = b"." + message
    if b"\n." in message:
        message = message.replace(b"\n.", b"\n..")
    return message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")


def _end_of_answer(held: bytes) -> int:
    """End of the first complete reply, after the line whose fourth character is not `-`; -1 if incomplete."""
    start = 0
    while (end := held.find(b"\n", start)) >= 0:
        if held[start + 3 : start + 4] != b"-":
            return end + 1
        start = end + 1
    return -1


def _text(raw: bytes) -> str:
    """Text of a reply, one line per reply line; bytes that are not UTF-8 are read as Latin-1."""
    lines = b"\n".join(line[4:].strip() for line in raw.splitlines())
    try:
        return lines.decode()
    except UnicodeDecodeError:
        return lines.decode("latin-1")


def _readable(error: Exception | None) -> str:
    return "" if error is None else str(error) or type(error).__name__
