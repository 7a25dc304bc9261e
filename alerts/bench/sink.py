"""HTTP sink: accepts everything over persistent connections, in a separate process.

Usage: python -m alerts.bench.sink [STATUS [BODY]]. Prints its port, and serves until its standard input ends. It
implements only as much HTTP as needed, so as not to affect the measurement: it delimits the bodies by their
Content-Length and answers.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

_LENGTH = b"content-length:"


class _Sink(asyncio.Protocol):
    """A connection of the sink."""

    def __init__(self, answer: bytes) -> None:
        self._answer, self._held, self._left = answer, bytearray(), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Answer each request whose last byte has arrived."""
        self._held += data
        while True:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._held[:end]).lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            del self._held[: end + 4 + length]
            self._transport.write(self._answer)


async def _serve(status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} Taken\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Sink(head.encode() + body), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int((sys.argv[1:2] or ["201"])[0]), (sys.argv[2:3] or [""])[0].encode()))
