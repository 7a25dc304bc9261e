"""Limits on connections: their number, in all and per peer address, and the time until a request is complete.

aiohttp has none of them: a peer that opens connections and says nothing, or sends its headers byte by byte, would hold
them for an hour.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

from aiohttp import web

from alerts.net.loopback import is_loopback

_log = logging.getLogger("alerts.web")

_SPARE_FILES: Final = 256
"""File descriptors left to the database, the providers and the log."""
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of a listening socket. Seconds."""

    total: int = 2_000
    per_peer: int = 200
    """Of one peer address. Loopback addresses have none: a proxy on this machine is one peer."""
    idle: float = 75.0
    """Between two requests, or before the first."""
    headers: float = 10.0
    """From a request's first byte to the end of its headers."""

    def affordable(self) -> ConnectionLimits:
        """Return limits that the process's file descriptors allow."""
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        total = self.total if most == resource.RLIM_INFINITY else min(self.total, max(16, most - _SPARE_FILES))
        return ConnectionLimits(total, self.per_peer, self.idle, self.headers)


class ConnectionGate:
    """Counts open connections and admits new ones."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.open = 0
        self.refused = 0
        self._peers: Counter[str] = Counter()

    def admit(self, peer: str) -> bool:
        """Count a new connection; False if there are too many."""
        crowded = self._peers[peer] >= self.limits.per_peer and not is_loopback(peer)
        if self.open >= self.limits.total or crowded:
            self.refused += 1
            return False
        self.open += 1
        self._peers[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """Count a closed connection."""
        self.open -= 1
        self._peers[peer] -= 1
        if self._peers[peer] <= 0:
            del self._peers[peer]


class GatedConnection(asyncio.Protocol):
    """Protocol of one connection: refuses it, or passes it on to aiohttp's protocol under time limits."""

    def __init__(self, gate: ConnectionGate, made: Callable[[], asyncio.Protocol]) -> None:
        self._gate, self._make = gate, made
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._requests = 0
        """Requests that are being answered."""
        self._begun = False
        """True once a byte of the next request has arrived."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or refuse the connection."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._gate.admit(self._peer):
            self._transport.write(_REFUSAL)
            self._transport.close()
            return
        self._inner = self._make()
        self._inner.connection_made(transport)
        self._wait(self._gate.limits.idle)

    def data_received(self, data: bytes) -> None:
        """Pass data on; the first byte of a request starts the time limit of its headers."""
        if self._inner is None:
            return
        if not self._begun and not self._requests:
            self._begun = True
            self._wait(self._gate.limits.headers)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass the end of the peer's data on."""
        return self._inner.eof_received() if self._inner is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection as closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._inner is not None:
            self._gate.leave(self._peer)
            inner, self._inner = self._inner, None
            inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass back-pressure on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass the end of back-pressure on."""
        if self._inner is not None:
            self._inner.resume_writing()

    def request_begun(self) -> None:
        """Suspend the time limits: headers are complete, and body and answer have limits of their own."""
        self._requests += 1

    def request_ended(self) -> None:
        """Wait for the next request."""
        self._requests -= 1
        self._begun = False
        self._wait(self._gate.limits.idle)

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + seconds
        # One timer a connection, moved on lazily: requests must not pay for timers.
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(self._deadline, self._expired)

    def _expired(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._transport is None or self._inner is None:
            return
        if self._requests:
            return  # the end of the request sets the next limit
        if loop.time() < self._deadline:
            self._timer = loop.call_at(self._deadline, self._expired)
            return
        self._transport.abort() if self._begun else self._transport.close()


def connection_of(request: web.Request) -> GatedConnection | None:
    """Return the connection of a request; None behind a listener without limits, as in tests."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, GatedConnection) else None


@asynccontextmanager
async def listening(
    runner: web.AppRunner, host: str, port: int, limits: ConnectionLimits, backlog: int = 1024
) -> AsyncIterator[tuple[asyncio.Server, ConnectionGate]]:
    """Serve a runner that is set up; at the end no new connection is accepted."""
    gate = ConnectionGate(limits.affordable())
    make = runner.server
    assert make is not None, "the runner is set up first"
    server = await asyncio.get_running_loop().create_server(
        lambda: GatedConnection(gate, make), host, port, backlog=backlog
    )
    if gate.limits.total < limits.total:
        text = "at most %d connections, not %d: raise the limit of open files (ulimit -n)"
        _log.warning(text, gate.limits.total, limits.total)
    try:
        yield server, gate
    finally:
        server.close()
