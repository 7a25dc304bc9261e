"""An HTTP client for addresses that strangers gave us: push endpoints and webhook targets.

The guard stands where a socket is made, on the address really used: a guard in the resolver is passed by by IP literals
and by names that change their mind. No redirect is followed, no proxy of the environment used, no cookie kept, and at
most 64 kB of an answer are read.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import abc, hdrs
from yarl import URL

from alerts.net.push_endpoints import is_inbox
from alerts.net.ssrf import check_target, is_public

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = [
    "SOON",
    "Answer",
    "ConnectFailed",
    "ReplyLost",
    "RequestTimeout",
    "SafeHttpClient",
    "TargetError",
    "TargetRefused",
    "check_target",
]

MAX_ANSWER = 64 * 1024
SOON = 0.9
"""Seconds within which a message must begin to leave: whatever happened since it was let go has to be asked again."""
_BODY_S = 3.0
"""How long the rest of an answer is waited for once its status is there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered. `body` is cut at 64 kB, or where it stopped coming."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes


class TargetError(Exception):
    """No answer; `str(error)` says why, without the URL, which may hold secrets."""


class TargetRefused(TargetError):
    """We do not post there: the address is private or reserved, or not https. Nothing was connected."""


class ConnectFailed(TargetError):
    """No connection came about (name, refusal, TLS, time limit): not a byte of the request left."""


class RequestTimeout(TargetError):
    """The connection took too long to come about; it is kept. Not a byte of the request left: ask again whether it may,
    then post again."""


class ReplyLost(TargetError):
    """The request left, at least in part, and no answer came: the target may have taken it."""


class _Private(OSError):
    """The address that a socket was wanted for. One text for all: aiohttp keeps the type of equal errors only."""

    def __init__(self) -> None:
        super().__init__("the address is private or reserved")


class SafeHttpClient:
    """Posts to strangers' addresses. Made anywhere, used within one event loop, closed there."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        own: str | None = None,
        connections: int = 64,
        connect_s: float = 5.0,
        total_s: float = 15.0,
        begin_s: float = float("inf"),
        resolver: abc.AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`own`: the public URL while the local inbox exists; `{own}/inbox/push/{id}` is then posted to wherever it is.

        `connect_s` bounds name, connection and TLS together, `total_s` everything; `resolver` and `tls` are for tests.
        A request for which no connection was ready after `begin_s` does not leave (`Late`).
        """
        self._begin_s = begin_s
        self._allow_private, self._own = allow_private, own
        self._connections, self._resolver, self._tls = connections, resolver, tls
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body`; any status is an answer. Raises Refused, Unreached, Late or Lost."""
        open_to_all = self._allow_private or is_inbox(url, self._own)
        if not url.startswith("https://" if not open_to_all else ("https://", "http://")):
            raise TargetRefused("the address is not https")
        if " " in url or not (url.isascii() and url.isprintable()):  # a line break would begin a header of theirs
            raise TargetRefused("the address is no URL")
        try:
            target = URL(url, encoded=True)  # sent as it was given: an endpoint is nobody's to respell
            async with self._session(guarded=not open_to_all).post(
                target, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await _beginning(response))
        except (aiohttp.InvalidURL, ValueError) as error:
            raise TargetRefused("the address is no URL") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Private):
                raise TargetRefused(str(error.os_error)) from error
            raise ConnectFailed(_words(error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise ConnectFailed("no connection in time") from error
        except TimeoutError as error:
            raise ReplyLost("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ReplyLost(f"the connection broke before an answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Let kept connections go."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Two sessions: a connection made without guard must not be found by a request that is guarded."""
        if guarded not in self._sessions:
            connector = _Connector(
                self._begin_s,
                limit=self._connections,
                resolver=self._resolver,
                ssl=True if self._tls is None else self._tls,
                socket_factory=_guarded_socket if guarded else None,
            )
            self._sessions[guarded] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=(hdrs.CONTENT_TYPE, hdrs.USER_AGENT, hdrs.ACCEPT_ENCODING),
            )
        return self._sessions[guarded]


class _Connector(aiohttp.TCPConnector):
    """Gives no connection to a request that has waited too long for one, but keeps it for the next."""

    def __init__(self, begin_s: float, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._begin_s = begin_s

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        begun = monotonic()
        connection = await super().connect(req, traces, timeout)
        if monotonic() - begun > self._begin_s:
            connection.release()
            raise RequestTimeout("the connection took too long to come about")
        return connection


def _guarded_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """A socket for an address that may be connected to; it is given to connect next, the same address."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise _Private
    return socket.socket(family, kind, protocol)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Up to 64 kB of the body. The status is known by now: a body that breaks off or drips takes nothing away."""
    if response.content.at_eof():
        return b""
    taken = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            while len(taken) < MAX_ANSWER and (part := await response.content.read(MAX_ANSWER - len(taken))):
                taken += part
        if not response.content.at_eof():
            response.close()
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()
    return bytes(taken)


def _words(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection came about, without the address."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name was not found"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the host's certificate was not accepted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS could be agreed on"
    return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
