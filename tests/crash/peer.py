"""A mail server in a process of its own, with a ledger outside the product: when each message began, when it was taken.

`python -m tests.crash.peer FILE THINK_S` says its port and ends with its standard input. A line a message, written
before the answer: when MAIL came, when DATA ended (seconds of the wall clock), the recipient, the delivery's id. One
that is `silent` takes connections and says nothing at all.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SILENT = float("inf")


class Copy(NamedTuple):
    """Message that was taken."""

    begun: float
    """Time at which MAIL came, as `time.time()`."""
    taken: float
    to: str
    delivery: str


class Peer:
    """The server, as the test sees it."""

    def __init__(self, process: subprocess.Popen[str], port: int, ledger: Path) -> None:
        self._process, self.port, self._ledger = process, port, ledger

    @property
    def url(self) -> str:
        """As ALERTS_SMTP_URL has it."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def signal(self, number: int) -> None:
        """SIGSTOP makes it silent at once, in every conversation; SIGCONT has it go on."""
        self._process.send_signal(number)

    def copies(self) -> list[Copy]:
        """Messages taken so far."""
        if not self._ledger.exists():
            return []
        whole = [line.split(" ") for line in self._ledger.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [Copy(float(begun), float(taken), to, identity.strip()) for begun, taken, to, identity in whole]

    def count(self) -> int:
        """Number of messages taken so far."""
        return self._ledger.read_bytes().count(b"\n") if self._ledger.exists() else 0

    def wait(self, count: int, patience: float = 60) -> None:
        """Until it has taken so many."""
        deadline = time.monotonic() + patience
        while self.count() < count:
            assert time.monotonic() < deadline, f"{self.count()} of {count} copies came"
            time.sleep(0.005)


@contextmanager
def peer(ledger: Path, think_s: float = 0.0) -> Iterator[Peer]:
    """Run a peer that listens. `think_s`: seconds before each answer to a message, SILENT for none to anything."""
    command = [sys.executable, "-m", "tests.crash.peer", str(ledger), str(think_s)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield Peer(process, int(process.stdout.readline()), ledger)
        finally:
            process.send_signal(signal.SIGCONT)
            process.stdin.close()


async def _serve(file: int, think_s: float) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun, to = 0.0, ""
        try:
            if think_s == SILENT:
                await reader.read()
                return
            writer.write(b"220 ledger\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"MAIL":
                    begun = time.time()
                elif verb == b"RCPT":
                    to = line.partition(b"<")[2].partition(b">")[0].decode()
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    if think_s:
                        await asyncio.sleep(think_s)
                    os.write(file, f"{begun:.3f} {time.time():.3f} {to} {_identity(text)}\n".encode())
                writer.write(b"250 yes\r\n")
                if verb == b"QUIT":
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # whoever is still connected is a product that was killed


def _identity(message: bytes) -> str:
    head = message.partition(b"\r\n\r\n")[0]
    at = head.lower().find(b"\r\nmessage-id:")
    return head[at:].partition(b"<")[2].partition(b"@")[0].decode()


if __name__ == "__main__":
    asyncio.run(_serve(os.open(sys.argv[1], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), float(sys.argv[2])))
