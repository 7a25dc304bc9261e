"""Many clients on kept connections, posting one body again and again: a process of its own beside the server.

Usage: python -m alerts.bench.load PORT PATH REQUESTS CLIENTS. Reads the body from standard input, prints the seconds
that all requests took.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

import uvloop


async def _client(port: int, request: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"the server answered {head.splitlines()[0].decode()}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()


async def _all(port: int, path: str, requests: int, clients: int, body: bytes) -> float:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    await _client(port, request, 100)  # Warm: the first requests fill caches.
    begun = perf_counter()
    await asyncio.gather(*(_client(port, request, requests // clients) for _ in range(clients)))
    return perf_counter() - begun


def main() -> None:
    """Run and print."""
    port, path, requests, clients = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print(uvloop.run(_all(port, path, requests, clients, sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
