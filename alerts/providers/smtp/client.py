"""SMTP client for one mail server: pooled connections, verified TLS, time limits by stage, one message per connection.

Meaning of a failure (RFC 5321): a reply of 4xx before or after the message is temporary, 5xx is final. A connection
lost before DATA has sent nothing. A time-out or lost connection from DATA on leaves the message in doubt, since the
client cannot know whether the final dot was accepted. A failure of the server, not of the message, is an `SmtpError`:
another server may be tried.
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
from alerts.providers.smtp.protocol import ConnectionBroken, Limits, SmtpConnection, SmtpReply
from alerts.providers.smtp.status_codes import AT_FAULT

CONNECT, COMMAND, DATA = 15.0, 30.0, 120.0
"""Time limits in seconds for connection and banner, for each command, and for the message with the final reply."""
SOON = 0.9
"""Seconds within which sending must begin after the decision to send; after it the decision is repeated."""
STRIKES = 3
"""Failures in a row after which a server that accepts connections rests: a single one may be due to one message."""
_IDLE = 20.0
"""Seconds for which an idle connection is reused."""
_SUSPECT = 2.0
"""Seconds without a reply after which a server is tried last, before a time limit declares it stalled."""
_GOODBYE = 2.0
"""Seconds to wait for the reply to QUIT."""
_CLOSING = 421
_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")
_ENVELOPE_ID = re.compile(r"[!-*,-<>-~]{1,100}")
"""Characters that need no encoding in ENVID (RFC 3461, 4.4)."""


class Target(Protocol):
    """A mail server (`alerts.settings.provider_urls.SmtpTarget`)."""

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
    """The server did not accept the message for reasons of its own; nothing was sent. The text is for an operator."""

    def __init__(self, why: str, strikes: int = 1, *, reached: bool = False) -> None:
        """`strikes`: failures in a row after which the server rests. `reached`: it has answered to the message."""
        super().__init__(why)
        self.why, self.strikes, self.reached = why, strikes, reached


class DeadlineExceeded(Exception):
    """Nothing was sent, and the decision to send is too old: it must be repeated."""


@dataclass(slots=True)
class _IdleConnection:
    link: SmtpConnection
    since: float


class SmtpClient:
    """A mail server with a connection limit. Belongs to one event loop."""

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
        """True if every connection is in use."""
        return self._places.locked()

    def suspect(self, now: float) -> bool:
        """True if the oldest message in flight has waited too long for a reply."""
        return bool(self._out) and now - next(iter(self._out.values())) > _SUSPECT

    async def send(self, message: Message) -> SendResult:
        """Send on a pooled or a new connection.

        Raises SmtpError if there is no connection, DeadlineExceeded if sending could not begin in time.
        """
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
        """Send QUIT on every idle connection."""
        idle = [entry.link for entry in self._idle]
        self._idle.clear()
        await asyncio.gather(*(link.quit(_GOODBYE) for link in idle))

    async def _send(self, message: Message, begun: float) -> SendResult:
        pooled = self._take_idle()
        if pooled is not None:
            try:
                return await self._converse(pooled, message)
            except SmtpError:
                if monotonic() - begun > SOON:
                    raise
                # the server had closed the pooled connection: try a new one
        link = await self._connect()
        try:
            _in_time(begun)
        except DeadlineExceeded:
            self._keep(link)  # the retry finds it ready
            raise
        return await self._converse(link, message)

    def _take_idle(self) -> SmtpConnection | None:
        while self._idle:
            pooled = self._idle.pop()
            if pooled.link.usable and monotonic() - pooled.since < _IDLE:
                return pooled.link
            pooled.link.abort()
        return None

    def _keep(self, link: SmtpConnection) -> None:
        if link.usable:
            self._idle.append(_IdleConnection(link, monotonic()))

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

    async def _converse(self, link: SmtpConnection, message: Message) -> SendResult:
        """Send a message on a connection, which is returned to the pool if still usable."""
        host = self.target.host
        if not message.to.isascii() and not link.offers.smtputf8:
            self._keep(link)
            return SendResult(result="permanent", reason=f"{host} takes no address beyond ASCII (no SMTPUTF8)")
        try:
            answer = await link.send(*_envelope(link, message), message.data)
        except ConnectionBroken as broken:
            what = f"{host}: {without_address(one_line(broken.why), message.to)}"
            if broken.begun:
                return SendResult(result="in-doubt", reason=f"{what} after the body began", outage=True)
            raise SmtpError(what, STRIKES) from broken
        self._keep(link)
        if answer.taken:
            return SendResult(result="sent", reference=without_address(one_line(answer.words), message.to)[:200])
        return self._refused(answer, message)

    def _refused(self, answer: SmtpReply, message: Message) -> SendResult:
        """Interpret a refusal. Raises SmtpError if it concerns the server and not the recipient."""
        code = answer.code
        refused = _refused(code, answer.words, message.to)
        if code != _CLOSING and answer.stage != "MAIL" and not _of_server(refused):
            return refused
        by_envelope = answer.stage in ("MAIL", "RCPT")
        strikes = 1 if by_envelope and (code == _CLOSING or code >= 500) else STRIKES
        raise SmtpError(f"{self.target.host}: {refused.reason}", strikes, reached=True)


async def _introduce(client: aiosmtplib.SMTP) -> None:
    """Send EHLO unless STARTTLS or sign-in already has: the server's capabilities are known only after it."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo(timeout=COMMAND)
        except aiosmtplib.SMTPHeloError:
            await client.helo(timeout=COMMAND)


def _envelope(link: SmtpConnection, message: Message) -> tuple[bytes, bytes]:
    """Build (MAIL, RCPT).

    If the server supports RFC 3461, a bounce contains our id and the headers only, and no delay notifications are sent.
    """
    beyond = not message.to.isascii()
    mail, rcpt = f"MAIL FROM:<{message.sender}>", f"RCPT TO:<{message.to}>"
    if beyond:
        mail += " SMTPUTF8"
    if link.offers.dsn:
        mail += " RET=HDRS"
        if _ENVELOPE_ID.fullmatch(message.delivery):
            mail += f" ENVID={message.delivery}"
        rcpt += " NOTIFY=FAILURE"
        if not beyond:
            encoded = "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in message.to)
            rcpt += f" ORCPT=rfc822;{encoded}"
    return mail.encode(), rcpt.encode()


def _tls_context(*, lenient: bool) -> ssl.SSLContext:
    """TLS context with the system's CAs (SSL_CERT_FILE names others) and host name verification.

    Built once per server, since loading the CAs takes 20 ms.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if lenient:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _start_tls(tls: str, local: bool) -> bool | None:
    """Value of aiosmtplib's `start_tls`: True requires it, None uses it if offered, False never."""
    if tls in ("none", "implicit"):
        return False
    return True if tls == "starttls" or not local else None


def _refused(code: int, words: str, to: str) -> SendResult:
    """Result of a refusal; the reason has the enhanced status code (RFC 3463) first if the server gave one."""
    text = one_line(words)
    found = _ENHANCED.match(text)
    status = found.group() if found else f"{code // 100}.0.0"
    said = without_address(text.removeprefix(status).strip(), to)
    reason = f"{code} {status} {said}"[:300]
    if 500 <= code < 600:
        return SendResult(result="permanent", reason=reason, retire="hard-bounce" if status in AT_FAULT else "")
    return SendResult(result="temporary", reason=reason)


def _of_server(refused: SendResult) -> bool:
    """Return True if a refusal concerns the mail system or us as its client, not the message.

    The mail system: RFC 3463, X.3.X, except for a message too large or of an unsupported form. Us: relaying denied or
    sign-in required.
    """
    code, status, words = (*refused.reason.split(" ", 2), "", "")[:3]
    if status in ("4.3.0", "4.3.1", "4.3.2", "4.3.5", "5.3.0", "5.3.2", "5.3.5") or code in ("530", "538"):
        return True
    return refused.result == "permanent" and re.search(r"(?i)\brelay", words) is not None and status != "5.1.1"


def one_line(words: str) -> str:
    """Convert a server's text to one readable line.

    aiosmtplib leaves bytes that are not UTF-8 as surrogates; they are read as Latin-1.
    """
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
    """Reason for a failed connection, in words for an operator."""
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
