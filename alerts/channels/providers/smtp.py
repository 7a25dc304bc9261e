"""E-mail by SMTP: kept connections, a time limit a stage, several servers by weight with fail-over.

What a failure means (RFC 5321): refused in words before or after the message, 4xx is temporary and 5xx is final; a
connection lost before DATA has sent nothing; a time-out or a lost connection from DATA on leaves it in doubt, since the
client cannot tell whether the final dot was taken.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from time import monotonic
from typing import Literal, Protocol

import aiosmtplib

from alerts.channels.message import Handed, Message
from alerts.channels.withheld import without_address
from alerts.domain.words.terms import Channel

_CONNECT, _COMMAND, _DATA = 15.0, 30.0, 120.0
"""Seconds for connection and banner, for each command, for the message with the answer to its final dot."""
_IDLE = 20.0
"""Seconds that an idle connection is trusted."""
_REST = (1.0, 5.0, 30.0, 60.0)
"""Seconds that a server is left alone after so many failures in a row."""
_SOON = 0.9
"""Seconds within which a message must begin to leave: whatever happened since it was let go has to be asked again."""
_STALLS = 3
"""Time-outs in a row after which a server that greets us is left alone too."""
_CLOSING = 421
_NOT_BEGUN = Handed(result="not-begun")
_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")


class Target(Protocol):
    """One mail server (`alerts.settings.SmtpTarget`)."""

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


@dataclass(slots=True)
class _Kept:
    client: aiosmtplib.SMTP
    since: float


class _Unreachable(Exception):
    """No connection to this server, or none that takes our mail; nothing was sent."""


class _TooLate(Exception):
    """Nothing was sent, and what was let go a while ago may not leave without being asked again."""


class _Server:
    """One server: its idle connections, a cap of connections, and a breaker."""

    def __init__(self, target: Target, connections: int) -> None:
        self.target = target
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[_Kept] = deque()
        self._failures = self._stalls = 0
        self._rests_until = 0.0

    @property
    def full(self) -> bool:
        """Whether every connection is in use."""
        return self._places.locked()

    @property
    def rests(self) -> bool:
        """Whether it failed lately and is left alone."""
        return monotonic() < self._rests_until

    async def send(self, message: Message) -> Handed:
        """Hand over on a kept connection, or a new one. Raises _Unreachable if there is none to be had, _TooLate if
        it took too long to find out."""
        begun = monotonic()
        async with self._places:
            _in_time(begun)
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._converse(kept, message)
                except _Unreachable:
                    _in_time(begun)  # the server had closed what we kept: a new connection decides
            return await self._converse(await self._connect(), message)

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        while self._idle:
            await _quit(self._idle.popleft().client)

    def _kept(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.client.is_connected and monotonic() - kept.since < _IDLE:
                return kept.client
            kept.client.close()
        return None

    async def _connect(self) -> aiosmtplib.SMTP:
        target = self.target
        local = _is_loopback(target.host)
        client = aiosmtplib.SMTP(
            hostname=target.host,
            port=target.port,
            username=target.user or None,
            password=target.password or None,
            use_tls=target.tls == "implicit",
            start_tls=_start_tls(target.tls, local),
            validate_certs=not (target.tls == "auto" and local),
            timeout=_CONNECT,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            client.close()
            self._failed()
            raise _Unreachable(f"{target.host}:{target.port}: {_words(error)}") from error
        except BaseException:
            client.close()
            raise
        return client

    async def _converse(self, client: aiosmtplib.SMTP, message: Message) -> Handed:
        beyond = not message.to.isascii()
        if beyond and not client.supports_extension("SMTPUTF8"):
            await self._keep(client, reset=False)
            return Handed(result="permanent", reason=f"{self.target.host} takes no address beyond ASCII (no SMTPUTF8)")
        try:
            await client.mail(message.sender, options=["SMTPUTF8"] if beyond else None, timeout=_COMMAND)
            await client.rcpt(message.to, encoding="utf-8" if beyond else "ascii", timeout=_COMMAND)
        except aiosmtplib.SMTPResponseException as refused:
            if refused.code == _CLOSING or (isinstance(refused, aiosmtplib.SMTPSenderRefused) and refused.code >= 500):
                # It serves nobody just now, or not this sender: no recipient is to blame.
                client.close()
                self._failed()
                raise _Unreachable(
                    f"{self.target.host}: {refused.code} {without_address(_one_line(refused.message), message.to)}"
                ) from refused
            await self._keep(client, reset=True)
            return _refused(refused.code, refused.message, message.to)
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            self._stalled(error)
            raise _Unreachable(f"{self.target.host}: {without_address(_words(error), message.to)}") from error
        except BaseException:
            client.close()
            raise
        try:
            answer = await client.data(message.data, timeout=_DATA)
        except aiosmtplib.SMTPDataError as refused:
            await self._keep(client, reset=False)
            return _refused(refused.code, refused.message, message.to)
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            self._stalled(error)
            what = without_address(_words(error), message.to)
            return Handed(result="in-doubt", reason=f"{self.target.host}: {what} after the body began")
        except BaseException:
            client.close()
            raise
        await self._keep(client, reset=False)
        return Handed(result="sent", reference=without_address(_one_line(answer.message), message.to)[:200])

    async def _keep(self, client: aiosmtplib.SMTP, *, reset: bool) -> None:
        try:
            if reset:
                await client.rset(timeout=_COMMAND)
        except (aiosmtplib.SMTPException, OSError):
            client.close()
            return
        self._failures = self._stalls = 0
        if client.is_connected:
            self._idle.append(_Kept(client, monotonic()))

    def _stalled(self, error: BaseException) -> None:
        """One time-out may be one message's; several in a row are the server's."""
        if isinstance(error, TimeoutError):
            self._stalls += 1
            if self._stalls >= _STALLS:
                self._failed()

    def _failed(self) -> None:
        if self.rests:
            return  # connections that fail together are one failure
        rest = _REST[min(self._failures, len(_REST) - 1)]
        self._failures += 1
        self._rests_until = monotonic() + rest


class SmtpProvider:
    """Hands e-mail to the servers of ALERTS_SMTP_URL, by weight; one that cannot be reached is passed over."""

    name = "smtp"
    channel: Channel = "email"

    def __init__(
        self, targets: Sequence[Target], *, connections: int, chance: Callable[[], float] = random.random
    ) -> None:
        """`connections` to each server at most. `chance` gives numbers in [0, 1)."""
        if not targets:
            raise ValueError("SMTP needs at least one server")
        self._servers = [_Server(target, connections) for target in targets]
        self._chance = chance

    async def send(self, message: Message) -> Handed:
        """See `Provider.send`."""
        if not _is_address(message.to):
            return Handed(result="permanent", reason="this address cannot be written to a mail server")
        message = _enveloped(message)
        why = "every mail server rests after failures"
        begun, servers = monotonic(), self._in_order()
        for place, server in enumerate(servers, 1):
            try:
                return await server.send(message)
            except _TooLate:
                return _NOT_BEGUN
            except _Unreachable as unreachable:
                why = str(unreachable)
            if place < len(servers) and monotonic() - begun > _SOON:
                return _NOT_BEGUN
        return Handed(result="temporary", reason=f"no mail server could be reached ({why})")

    async def close(self) -> None:
        """See `Provider.close`."""
        for server in self._servers:
            await server.close()

    def _in_order(self) -> list[_Server]:
        """Those that do not rest after failures, drawn by weight; those with a free connection first."""
        awake = [server for server in self._servers if not server.rests]
        drawn = sorted(awake, key=lambda server: self._chance() ** (1 / server.target.weight), reverse=True)
        return sorted(drawn, key=lambda server: server.full)


def _start_tls(tls: str, local: bool) -> bool | None:
    """aiosmtplib's three answers: True requires it, None takes it where offered, False never."""
    if tls in ("none", "implicit"):
        return False
    return True if tls == "starttls" or not local else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost")


def _is_address(address: str) -> bool:
    """No address may add a command of its own."""
    return "@" in address and not re.search(r"[\s<>\x00-\x1f\x7f]", address)


def _enveloped(message: Message) -> Message:
    """The envelope takes bare addresses, and a domain in the form that every server knows."""
    local, _, domain = message.to.rpartition("@")
    try:
        to = f"{local}@{domain.encode('idna').decode()}" if local.isascii() else message.to
    except UnicodeError:
        to = message.to
    bare = parseaddr(message.sender)[1]
    return Message(channel=message.channel, delivery=message.delivery, to=to, data=message.data, sender=bare)


def _refused(code: int, words: str, to: str) -> Handed:
    """A refusal in words, with its enhanced status code (RFC 3463) first where the server gave one."""
    text = _one_line(words)
    found = _ENHANCED.match(text)
    status = found.group() if found else f"{code // 100}.0.0"
    said = without_address(text.removeprefix(status).strip(), to)
    reason = f"{code} {status} {said}"[:300]
    if 500 <= code < 600:
        return Handed(result="permanent", reason=reason)
    return Handed(result="temporary", reason=reason)


def _one_line(words: str) -> str:
    """Readable text, whatever bytes a server said: aiosmtplib leaves those that are not UTF-8 as half surrogates."""
    if not words.isprintable():
        try:
            words.encode()
        except UnicodeEncodeError:
            words = words.encode("utf-8", "surrogateescape").decode("latin-1")
        words = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(words.split())


def _in_time(begun: float) -> None:
    if monotonic() - begun > _SOON:
        raise _TooLate


def _words(error: BaseException) -> str:
    return _one_line(str(error)) or type(error).__name__


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=2.0)
    except (aiosmtplib.SMTPException, OSError):
        client.close()
