"""The two ends of a mail benchmark, each in a separate process and not part of the measurement.

    python -m alerts.bench.mail_peers sink                          prints its port, accepts mail until its input ends;
                                                                    at each line of it, prints how much it has accepted
                                                                    and, at the next message, the time (epoch seconds)
    python -m alerts.bench.mail_peers pump PORT MESSAGES SESSIONS   pumps its standard input, prints seconds

Both exchange one command at a time, as `smtp-source` and `smtp-sink` of Postfix do.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter, time
from typing import cast

_HELO, _MAIL = b"EHLO pump.localhost\r\n", b"MAIL FROM:<alerts@localhost>\r\n"
_RCPT = b"RCPT TO:<reader@example.org>\r\n"
_OK = b"250 2.0.0 ok\r\n"


class _Counter:
    """Messages accepted on all connections, and pending requests for the time of the next."""

    def __init__(self) -> None:
        self.messages, self.wanted = 0, 0

    def one(self) -> None:
        """Count a message and answer pending requests."""
        self.messages += 1
        while self.wanted:
            self.wanted -= 1
            print(time(), flush=True)

    def asked(self) -> None:
        """Print the count, and request the time of the next message."""
        print(self.messages, flush=True)
        self.wanted += 1


class _Sink(asyncio.Protocol):
    """A connection that discards messages and answers."""

    def __init__(self, taken: _Counter) -> None:
        self._held, self._in_data, self._taken = bytearray(), False, taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the greeting."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's classes
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer a command, or the final dot."""
        self._held += data
        if self._in_data:
            if self._held.endswith(b"\r\n.\r\n"):
                self._held.clear()
                self._in_data = False
                self._transport.write(_OK)
                self._taken.one()
        elif self._held.endswith(b"\n"):
            verb = bytes(self._held[:4]).upper()
            self._held.clear()
            self._in_data = verb == b"DATA"
            self._transport.write(b"354 go on\r\n" if self._in_data else _OK)
            if verb == b"QUIT":
                self._transport.close()


class _Session(asyncio.Protocol):
    """A connection of the pump: sends the next command when the last one is answered."""

    def __init__(self, message: bytes, count: int) -> None:
        self._steps = (_MAIL, _RCPT, b"DATA\r\n", message)
        self._at, self._left = -1, count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Send the next command."""
        if not data.startswith((b"2", b"3")):
            self.done.set_exception(SystemExit(f"the sink said {data!r}"))
        elif self._at < 0:
            self._at = 0
            self._transport.write(_HELO)
        elif self._at == len(self._steps) or self._left == 0:
            self._finish()
        else:
            self._transport.write(self._steps[self._at])
            self._at += 1
            if self._at == len(self._steps):
                self._left -= 1
                self._at = 0 if self._left else len(self._steps)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


async def _sink() -> None:
    taken = _Counter()
    server = await asyncio.get_running_loop().create_server(lambda: _Sink(taken), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        taken.asked()
    server.close()


async def _pump(port: int, messages: int, sessions: int, data: bytes) -> float:
    stuffed = data.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    loop = asyncio.get_running_loop()
    begun = perf_counter()
    made = [
        await loop.create_connection(lambda: _Session(stuffed, messages // sessions), "127.0.0.1", port)
        for _ in range(sessions)
    ]
    await asyncio.gather(*(session.done for _, session in made))
    return perf_counter() - begun


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "sink":
        uvloop.run(_sink())
    else:
        print(uvloop.run(_pump(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.stdin.buffer.read())))
