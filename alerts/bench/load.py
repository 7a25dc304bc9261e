"""HTTP load generator: many clients on persistent connections repeat one request, in a separate process.

Usage: python -m alerts.bench.load URL REQUESTS CLIENTS [HEADER …]. Reads the body to post from standard input (empty:
GET), prints the seconds that all requests took. Any response other than 2xx ends it with exit code 1.
"""

from __future__ import annotations

import asyncio
import re
import sys
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Client(asyncio.Protocol):
    """A connection that sends the next request when the last one is answered.

    Kept cheap, since the server is measured.
    """

    def __init__(self, request: bytes, count: int) -> None:
        self._request, self._left = request, count
        self._seen = b""
        self._transport: asyncio.WriteTransport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transport does not derive from this class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._seen += data
        head, end, body = self._seen.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 2") or length is None:
            self._end(f"the server answered {head.splitlines()[0].decode()}")
        elif len(body) >= int(length[1]):
            self._seen = b""
            self._left -= 1
            if self._left:
                self._transport.write(self._request)
            else:
                self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the server closed the connection")

    def _end(self, fault: str = "") -> None:
        if not self.done.done():
            if fault:
                self.done.set_exception(SystemExit(fault))
            else:
                self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def _clients(host: str, port: int, request: bytes, requests: int, clients: int) -> float:
    loop = asyncio.get_running_loop()
    begun = perf_counter()
    made = [
        await loop.create_connection(lambda: _Client(request, requests // clients), host, port) for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for _, client in made))
    return perf_counter() - begun


async def _all(url: str, requests: int, clients: int, headers: list[str], body: bytes) -> float:
    to = urlsplit(url)
    assert to.hostname is not None and to.port is not None
    lines = [
        f"{'POST' if body else 'GET'} {to.path} HTTP/1.1",
        f"Host: {to.netloc}",
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        *headers,
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    await _clients(to.hostname, to.port, request, 2 * clients, clients)  # warm-up: the first requests fill caches
    return await _clients(to.hostname, to.port, request, requests, clients)


def main() -> None:
    """Run the load and print the seconds."""
    url, requests, clients, *headers = sys.argv[1:]
    print(uvloop.run(_all(url, int(requests), int(clients), headers, sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
