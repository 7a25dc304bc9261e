"""One mail server: kept connections, TLS with names checked, a time limit a stage, one message at a time on each.

What a failure means (RFC 5321): refused in words before or after the message, 4xx is temporary and 5xx is final; a
connection lost before DATA has sent nothing; a time-out or a lost connection from DATA on leaves it in doubt, since the
client cannot tell whether the final dot was taken. What speaks of the server and not of the message is a `Trouble`:
another server may be asked.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Protocol

import aiosmtplib

from alerts.channels.message import Message, SendResult
from alerts.channels.redact import without_address
from alerts.net.loopback import is_loopback
from alerts.providers.smtp.protocol import Answer, ConnectionBroken, Limits, SmtpConnection
from alerts.providers.smtp.status_codes import AT_FAULT

CONNECT, COMMAND, DATA = 15.0, 30.0, 120.0
"""Seconds for connection and banner, for each command, for the message with the answer to its final dot."""
SOON = 0.9
"""Seconds within which a message must begin to leave: whatever happened since it was let go has to be asked again."""
STRIKES = 3
"""Failures in a row after which a server that greets us is left alone too: one may be one message's."""
_IDLE = 20.0
"""Seconds that an idle connection is trusted."""
_SUSPECT = 2.0
"""Seconds without an answer after which a server is asked last, before a time limit says that it stalls."""
_GOODBYE = 2.0
"""Seconds for the answer to QUIT."""
_CLOSING = 421
_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")
_ENVELOPE_ID = re.compile(r"[!-*,-<>-~]{1,100}")
"""What needs no encoding in ENVID (RFC 3461, 4.4)."""


class Target(Protocol):
    """One mail server (`alerts.settings.provider_urls.SmtpTarget`)."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def tls(self) -> Literal["auto", "none", "starttls", "implicit"]: ...
    @property
    def weight(self) -> int: ...


class SmtpError(Exception):
    """This server did not take the message, for reasons of its own; nothing was sent. Its text is for an operator."""

    def __init__(self, why: str, strikes: int = 1) -> None:
        """`strikes`: how many in a row mean that the server is to be left alone."""
        super().__init__(why)
        self.why, self.strikes = why, strikes


class DeadlineExceeded(Exception):
    """Nothing was sent, and what was let go a while ago may not leave without being asked again."""


@dataclass(slots=True)
class _IdleConnection:
    talk: SmtpConnection
    since: float


class SmtpClient:
    """One server with a cap of connections. Belongs to one event loop."""

    def __init__(self, target: Target, connections: int) -> None:
        self.target = target
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[_IdleConnection] = deque()
        self._local = is_loopback(target.host)
        self._tls = _tls_context(lenient=target.tls == "auto" and self._local)
        self._out: dict[int, float] = {}
        self._last = 0

    @property
    def full(self) -> bool:
        """Whether every connection is in use."""
        return self._places.locked()

    def suspect(self, now: float) -> bool:
        """Whether an answer has been out for too long."""
        return bool(self._out) and now - next(iter(self._out.values())) > _SUSPECT

    async def send(self, message: Message) -> SendResult:
        """Hand over on a kept connection, or a new one. Raises Trouble if there is none to be had, TooLate if it took
        too long to find out."""
        begun = monotonic()
        async with self._places:
            _in_time(begun)
            self._last += 1
            ticket = self._last
            self._out[ticket] = monotonic()
            try:
                return await self._send(message, begun)
            finally:
                del self._out[ticket]

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        idle = [kept.talk for kept in self._idle]
        self._idle.clear()
        await asyncio.gather(*(talk.quit(_GOODBYE) for talk in idle))

    async def _send(self, message: Message, begun: float) -> SendResult:
        kept = self._kept()
        if kept is not None:
            try:
                return await self._converse(kept, message)
            except SmtpError:
                if monotonic() - begun > SOON:
                    raise
                # the server had closed what we kept: a new connection decides
        talk = await self._connect()
        try:
            _in_time(begun)
        except DeadlineExceeded:
            self._keep(talk)  # whoever is asked again finds it ready
            raise
        return await self._converse(talk, message)

    def _kept(self) -> SmtpConnection | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.talk.usable and monotonic() - kept.since < _IDLE:
                return kept.talk
            kept.talk.abort()
        return None

    def _keep(self, talk: SmtpConnection) -> None:
        if talk.usable:
            self._idle.append(_IdleConnection(talk, monotonic()))

    async def _connect(self) -> SmtpConnection:
        target = self.target
        client = aiosmtplib.SMTP(
            hostname=target.host,
            port=target.port,
            username=target.user or None,
            password=target.password or None,
            use_tls=target.tls == "implicit",
            start_tls=_start_tls(target.tls, self._local),
            tls_context=self._tls,
            timeout=CONNECT,
        )
        try:
            await client.connect()
            await _introduce(client)
            return SmtpConnection.attach_to(client, Limits(COMMAND, DATA))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            raise SmtpError(f"{target.host}:{target.port}: {_connecting(error)}") from error
        except BaseException:
            client.close()
            raise

    async def _converse(self, talk: SmtpConnection, message: Message) -> SendResult:
        """One message on one connection, which is kept for the next if it stands."""
        host = self.target.host
        if not message.to.isascii() and not talk.offers.smtputf8:
            self._keep(talk)
            return SendResult(result="permanent", reason=f"{host} takes no address beyond ASCII (no SMTPUTF8)")
        try:
            answer = await talk.send(*_envelope(talk, message), message.data)
        except ConnectionBroken as broken:
            what = f"{host}: {without_address(one_line(broken.why), message.to)}"
            if broken.begun:
                return SendResult(result="in-doubt", reason=f"{what} after the body began")
            raise SmtpError(what, STRIKES) from broken
        self._keep(talk)
        if answer.taken:
            return SendResult(result="sent", reference=without_address(one_line(answer.words), message.to)[:200])
        return self._refused(answer, message)

    def _refused(self, answer: Answer, message: Message) -> SendResult:
        """What a refusal means. Raises Trouble where it speaks of the server: no recipient is to blame."""
        code = answer.code
        refused = _refused(code, answer.words, message.to)
        if code != _CLOSING and answer.stage != "MAIL" and not _of_server(refused):
            return refused
        by_envelope = answer.stage in ("MAIL", "RCPT")
        strikes = 1 if by_envelope and (code == _CLOSING or code >= 500) else STRIKES
        raise SmtpError(f"{self.target.host}: {refused.reason}", strikes)


async def _introduce(client: aiosmtplib.SMTP) -> None:
    """Say who we are, where neither STARTTLS nor signing in has: only then is it known what the server can do."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo(timeout=COMMAND)
        except aiosmtplib.SMTPHeloError:
            await client.helo(timeout=COMMAND)


def _envelope(talk: SmtpConnection, message: Message) -> tuple[bytes, bytes]:
    """(MAIL, RCPT). Where the server knows RFC 3461 a bounce brings back our id and the headers alone, and nobody is
    asked to report that a message is merely late."""
    beyond = not message.to.isascii()
    mail, rcpt = f"MAIL FROM:<{message.sender}>", f"RCPT TO:<{message.to}>"
    if beyond:
        mail += " SMTPUTF8"
    if talk.offers.dsn:
        mail += " RET=HDRS"
        if _ENVELOPE_ID.fullmatch(message.delivery):
            mail += f" ENVID={message.delivery}"
        rcpt += " NOTIFY=FAILURE"
        if not beyond:
            encoded = "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in message.to)
            rcpt += f" ORCPT=rfc822;{encoded}"
    return mail.encode(), rcpt.encode()


def _tls_context(*, lenient: bool) -> ssl.SSLContext:
    """The system's certificate authorities (SSL_CERT_FILE names others), and the name checked; built once a server,
    since reading them takes 20 ms."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if lenient:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _start_tls(tls: str, local: bool) -> bool | None:
    """aiosmtplib's three answers: True requires it, None takes it where offered, False never."""
    if tls in ("none", "implicit"):
        return False
    return True if tls == "starttls" or not local else None


def _refused(code: int, words: str, to: str) -> SendResult:
    """A refusal in words, with its enhanced status code (RFC 3463) first where the server gave one."""
    text = one_line(words)
    found = _ENHANCED.match(text)
    status = found.group() if found else f"{code // 100}.0.0"
    said = without_address(text.removeprefix(status).strip(), to)
    reason = f"{code} {status} {said}"[:300]
    if 500 <= code < 600:
        return SendResult(result="permanent", reason=reason, retire="hard-bounce" if status in AT_FAULT else "")
    return SendResult(result="temporary", reason=reason)


def _of_server(refused: SendResult) -> bool:
    """Whether a refusal speaks of the mail system (RFC 3463, X.3.X, but for a message too big or of a form that it
    cannot take) or of us as its client, who may not relay or must sign in, and not of the message."""
    code, status, words = (*refused.reason.split(" ", 2), "", "")[:3]
    if status in ("4.3.0", "4.3.1", "4.3.2", "4.3.5", "5.3.0", "5.3.2", "5.3.5") or code in ("530", "538"):
        return True
    return refused.result == "permanent" and re.search(r"(?i)\brelay", words) is not None and status != "5.1.1"


def one_line(words: str) -> str:
    """Readable text, whatever bytes a server said: aiosmtplib leaves those that are not UTF-8 as half surrogates."""
    if not words.isprintable():
        try:
            words.encode()
        except UnicodeEncodeError:
            words = words.encode("utf-8", "surrogateescape").decode("latin-1")
        words = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(words.split())


def _in_time(begun: float) -> None:
    if monotonic() - begun > SOON:
        raise DeadlineExceeded


def _words(error: BaseException) -> str:
    return one_line(str(error)) or type(error).__name__


def _connecting(error: BaseException) -> str:
    """Why there is no connection, in words for an operator."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = cause.verify_message.rstrip(".") or _words(cause)
            return f"its certificate was refused: {said[:1].lower()}{said[1:]}"
        if isinstance(cause, ssl.SSLError):
            return (
                f"TLS failed ({cause.reason or _words(cause)}); tls=implicit is for port 465, tls=starttls for others"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return f"it refused our user name or password: {error.code} {one_line(error.message)}"
    if "STARTTLS extension not supported" in str(error):
        return "it offers no STARTTLS; say tls=implicit or, on a network of your own, tls=none"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {one_line(error.message)}"
    return _words(error)
