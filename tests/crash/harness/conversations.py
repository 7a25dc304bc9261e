"""Parts shared by all peers: a connection that detects when the other side has gone, and the book they write in."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from typing import Any

from tests.crash.harness.faults import Plan
from tests.crash.harness.ledger import Hand, Ledger, Unheard

_LOOK_S = 0.02


class Gone(Exception):
    """This conversation ends here, without another word."""


class Line:
    """Connection of a peer with the product."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, text: str) -> None:
        """Send a line."""
        self.write(f"{text}\r\n".encode())

    def write(self, raw: bytes) -> None:
        """As it is."""
        self._writer.write(raw)

    async def readline(self) -> bytes | None:
        """The next line, None at the end."""
        return await self._reader.readline() or None

    async def until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        return await self._reader.readuntil(end)

    async def exactly(self, size: int) -> bytes:
        """So many bytes."""
        return await self._reader.readexactly(size)

    async def some(self) -> bytes:
        """The beginning of what comes."""
        return await self._reader.read(64)

    @property
    def closed(self) -> bool:
        """True if the other side has gone, as far as can be known."""
        return self._reader.at_eof() or self._reader.exception() is not None or self._writer.is_closing()

    async def hold(self, seconds: float) -> None:
        """Do nothing for so long, or until the other side goes. Raises Gone then."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.closed:
                raise Gone
            await asyncio.sleep(min(_LOOK_S, left))


class Book:
    """The plan, the attempts on each recipient, and the ledger."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self._ledger = plan, ledger
        self._attempts: Counter[str] = Counter()
        self.strike: tuple[str, int] | None = None
        """The step at which the process that hands over is killed, and its group's id."""

    def meet(self, channel: str, to: str) -> tuple[int, str]:
        """(Which attempt on this recipient this is, its fault)."""
        self._attempts[to] += 1
        return self._attempts[to], self.plan.fault(channel, to, self._attempts[to])

    def at(self, step: str) -> None:
        """A step of the dialogue is reached: kill whoever hands over, if it is the one that was chosen."""
        if self.strike is not None and self.strike[0] == step:
            group, self.strike = self.strike[1], None
            os.killpg(group, signal.SIGKILL)

    def note(self, peer: str, channel: str, **what: Any) -> int:
        """Write a hand-over down; its number."""
        n = self._ledger.next()
        self._ledger.write(Hand(n=n, peer=peer, channel=channel, ended=time.time(), **what))
        return n

    async def answer(self, line: Line, n: int, raw: bytes, *, drip: bool) -> None:
        """Say it, slowly if need be, and write down if nobody heard it."""
        try:
            for one in [raw[i : i + 1] for i in range(len(raw))] if drip else [raw]:
                if line.closed:
                    raise Gone
                line.write(one)
                if drip:
                    await asyncio.sleep(self.plan.hold_s / len(raw))
        except (Gone, ConnectionError):
            self._ledger.write(Unheard(n=n))
            raise Gone from None
