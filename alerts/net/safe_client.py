"""HTTP client for untrusted addresses: push endpoints and webhook targets.

The SSRF guard checks the address at socket creation, which is the address really used. A guard in the resolver is
bypassed by IP literals and by names that change their address. No redirect is followed, no proxy of the environment
used, no cookie stored, and at most 64 kB of a response are read.
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
"""Default limit in seconds between the decision to send and the start of sending; after it the decision is repeated."""
_BODY_S = 3.0
"""Time limit in seconds for the rest of a response once its status has arrived."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Response of a target. `body` is cut at 64 kB, or where the stream broke off."""

    status: int
    headers: Mapping[str, str]
    """Header names are case-insensitive."""
    body: bytes


class TargetError(Exception):
    """No response. `str(error)` gives the reason without the URL, which may contain secrets."""


class TargetRefused(TargetError):
    """The address is private or reserved, or not https. No connection was made."""


class ConnectFailed(TargetError):
    """No connection could be made (name, refusal, TLS, time limit); no byte of the request was sent."""


class RequestTimeout(TargetError):
    """The connection took too long; it is returned to the pool. No byte of the request was sent.

    The caller repeats its checks, then posts again.
    """


class ReplyLost(TargetError):
    """The request was sent, at least in part, and no response came: the target may have processed it."""


class _Private(OSError):
    """The target address of a socket is private or reserved.

    The message is always the same: aiohttp preserves the type of equal errors only.
    """

    def __init__(self) -> None:
        super().__init__("the address is private or reserved")


class SafeHttpClient:
    """HTTP client for posts to untrusted addresses. Created anywhere; used and closed within one event loop."""

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
        """Configure the client; connections are made on the first post.

        `own` is the public URL while the local inbox exists; `{own}/inbox/push/{id}` may then be posted to at any
        address. `connect_s` bounds name lookup, connection and TLS together, `total_s` the whole exchange; `resolver`
        and `tls` are for tests. A request whose connection was not ready within `begin_s` is not sent
        (`RequestTimeout`).
        """
        self._begin_s = begin_s
        self._allow_private, self._own = allow_private, own
        self._connections, self._resolver, self._tls = connections, resolver, tls
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body` and return the response, whatever its status.

        Raises TargetRefused, ConnectFailed, RequestTimeout or ReplyLost.
        """
        open_to_all = self._allow_private or is_inbox(url, self._own)
        if not url.startswith("https://" if not open_to_all else ("https://", "http://")):
            raise TargetRefused("the address is not https")
        if " " in url or not (url.isascii() and url.isprintable()):  # a line break would allow header injection
            raise TargetRefused("the address is no URL")
        try:
            target = URL(url, encoded=True)  # sent unchanged: an endpoint must not be normalised
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
        """Close the pooled connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Return the session for guarded or unguarded requests.

        They are separate, so that a guarded request never reuses a connection made without the guard.
        """
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
    """Connector that refuses a connection to a request that waited too long; the connection stays in the pool."""

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
    """Create a socket if the address is public. aiohttp connects it to the same address next."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise _Private
    return socket.socket(family, kind, protocol)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Read up to 64 kB of the body.

    The status is already known: a body that breaks off or is slow does not fail the request.
    """
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
    """Reason for the failed connection, without the address."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host's name was not found"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the host's certificate was not accepted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no TLS could be agreed on"
    return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
