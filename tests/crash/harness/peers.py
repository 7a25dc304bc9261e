"""Mail servers, two push services and two text message providers in a process of their own.

`python -m tests.crash.harness.peers LEDGER PLAN` (the plan as JSON) says its ports as JSON and obeys lines on its
standard input: `drain` answers once every connection has ended (whoever held them was killed), `down NAME` and
`up NAME` take one away and bring it back, `strike STEP GROUP` kills a process group at a step of a dialogue. It ends
with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.acceptance.peers import ACCOUNT, BEARER, NUMBER, SECRET, TOKEN, Device
from tests.crash.harness.conversations import Book, Gone, Line
from tests.crash.harness.faults import Plan
from tests.crash.harness.http_peer import PlainTexts, PushService, TwilioLike
from tests.crash.harness.ledger import Hand, Ledger, read
from tests.crash.harness.mail_peer import MailServer

ROOT = Path(__file__).resolve().parents[3]
STEPS = (
    *("mail:MAIL", "mail:RCPT", "mail:DATA", "mail:354", "mail:body", "mail:dot", "mail:answered"),
    *("push:asked", "push:answered", "sms:asked", "sms:answered"),
)
"""Of the dialogues, in their order: after that command came, and after the answer left."""
PUSHES = ("push-1", "push-2")
Talk = Callable[[Line], Coroutine[Any, Any, None]]


class Peers:
    """The process, as the test sees it."""

    def __init__(self, process: subprocess.Popen[str], ledger: Path) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process, self._in, self._out, self._ledger = process, process.stdin, process.stdout, ledger
        self._ports: dict[str, int] = json.loads(self._out.readline())

    @property
    def settings(self) -> dict[str, str]:
        """The product's settings that lead here."""
        ports = self._ports
        texts = [
            f"twilio://{ACCOUNT}:{TOKEN}@127.0.0.1:{ports['sms-1']}?from=%2B{NUMBER[1:]}&tls=off",
            f"http+json://{BEARER}@127.0.0.1:{ports['sms-2']}/send?secret={SECRET}",
        ]
        return {
            "ALERTS_SMTP_URL": ",".join(self.mail(name) for name in ports if name.startswith("mail-")),
            "ALERTS_SMS_URL": ",".join(texts),
            "ALERTS_SMS_RATE": "500",
            "ALERTS_SMS_BUDGET": "1000000",
            "ALERTS_ALLOW_PRIVATE_TARGETS": "true",
        }

    def mail(self, name: str) -> str:
        """URL of a mail server, as in ALERTS_SMTP_URL."""
        return f"smtp://127.0.0.1:{self._ports[name]}?tls=none"

    def subscription(self, device: str, service: str) -> dict[str, Any]:
        """A device's push subscription with one of PUSHES."""
        return {"endpoint": f"http://127.0.0.1:{self._ports[service]}/push/{device}", "keys": Device.of(device).keys}

    def hands(self) -> list[Hand]:
        """The ledger so far."""
        return read(self._ledger)

    def count(self) -> int:
        """About how many hand-overs there were."""
        return self._ledger.read_bytes().count(b"\n") if self._ledger.exists() else 0

    def wait(self, count: int, patience: float = 60) -> None:
        """Until there were so many."""
        deadline = time.monotonic() + patience
        while self.count() < count:
            assert time.monotonic() < deadline, f"{self.count()} of {count} hand-overs came"
            time.sleep(0.005)

    def drain(self) -> float:
        """Wait until all that a killed process had begun is written down; when that was (`time.time()`)."""
        return float(self._ask("drain"))

    def strike(self, step: str, group: int) -> None:
        """Kill that process group the next time that a dialogue comes to this step (STEPS)."""
        self._ask(f"strike {step} {group}")

    def down(self, name: str) -> None:
        """This one is not there any more."""
        self._ask(f"down {name}")

    def up(self, name: str) -> None:
        """It is there again, on the same port."""
        self._ask(f"up {name}")

    def _ask(self, what: str) -> str:
        self._in.write(f"{what}\n")
        self._in.flush()
        return self._out.readline()


@contextmanager
def peers(ledger: Path, plan: Plan) -> Iterator[Peers]:
    """A process that listens."""
    command = [sys.executable, "-m", "tests.crash.harness.peers", str(ledger), msgspec.json.encode(plan).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Peers(process, ledger)
        finally:
            assert process.stdin is not None
            process.stdin.close()


class _Door:
    """Port of a peer, which may be shut for a while."""

    def __init__(self, talk: Talk) -> None:
        self._talk, self.port = talk, 0
        self.open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port, limit=1 << 20, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self.open:
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._talk(Line(reader, writer))
        except (Gone, asyncio.IncompleteReadError, ConnectionError):
            pass  # the end of it, by plan or by the other side
        finally:
            self.open.discard(writer)
            writer.close()


async def _serve(ledger: Path, plan: Plan) -> None:
    book = Book(plan, Ledger(ledger))
    mails = [MailServer(f"mail-{i}", book, shaky=i == 1) for i in range(1, plan.mails + 1)]
    doors = {
        **{server.name: _Door(server.talk) for server in mails},
        **{name: _Door(PushService(name, book).talk) for name in PUSHES},
        "sms-1": _Door(TwilioLike("sms-1", book).talk),
        "sms-2": _Door(PlainTexts("sms-2", book).talk),
    }
    for door in doors.values():
        await door.up()
    print(json.dumps({name: door.port for name, door in doors.items()}), flush=True)
    while command := await asyncio.to_thread(sys.stdin.readline):
        what, _, name = command.strip().partition(" ")
        if what == "drain":
            await _drained(doors.values())
        elif what == "down":
            await doors[name].down()
        elif what == "up":
            await doors[name].up()
        elif what == "strike":
            step, _, group = name.partition(" ")
            book.strike = (step, int(group))
        print(time.time(), flush=True)
    os._exit(0)  # whoever is still connected is a product that was killed


async def _drained(doors: Any) -> None:
    """Nobody is connected, and nobody waits to be."""
    quiet = 0
    while quiet < 3:
        quiet = 0 if any(door.open for door in doors) else quiet + 1
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Plan)))
