"""One claim from hand-over to record: many messages at once, a last question before each, outcomes in chunks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from time import monotonic
from typing import Protocol

from alerts.channels.message import Handed, Provider
from alerts.dispatch.gate import Gate
from alerts.dispatch.handover import Carry
from alerts.dispatch.preparing import Batch, Outgoing, Preparer
from alerts.dispatch.retries import Retries
from alerts.dispatch.rows import CHUNK, QUEUED
from alerts.dispatch.settling import Claimed, Lapsed, Settled, settle
from alerts.domain.words.errors import DomainError
from alerts.domain.words.terms import Channel
from alerts.eventlog.ports import Unit, Writer

_log = logging.getLogger(__name__)
_RECORD_EVERY = 1.0
"""Seconds that an outcome waits for others at most."""


class Lease(Protocol):
    """Whether this worker's claims are still its own."""

    number: int

    def holds(self) -> bool:
        """False once others may take them over."""


class Server:
    """Serves claims. One a process, in one event loop."""

    def __init__(
        self,
        writer: Writer,
        preparer: Preparer,
        providers: Mapping[Channel, Provider],
        gates: Mapping[Channel, Gate],
        retries: Retries,
        lease: Lease,
        threads: ThreadPoolExecutor,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer, self._preparer, self._providers, self._gates = writer, preparer, providers, gates
        self._retries, self._lease, self._threads, self._clock = retries, lease, threads, clock
        self.stopping = False

    async def notices(self, rows: list[Claimed], expires: Mapping[int, datetime]) -> None:
        """Serve claimed rows of notices; `expires` by notice number."""
        loop = asyncio.get_running_loop()
        await self._serve(await loop.run_in_executor(self._threads, self._preparer.prepare, rows), expires, last=True)

    async def confirmations(self, rows: list[Claimed], expires: Mapping[int, datetime]) -> None:
        """Serve claimed rows of a day's confirmations."""
        loop = asyncio.get_running_loop()
        batch = await loop.run_in_executor(self._threads, self._preparer.confirmations, rows, dict(expires))
        await self._serve(batch, expires, last=False)

    async def _serve(self, batch: Batch, expires: Mapping[int, datetime], *, last: bool) -> None:
        """Hand over, and record as outcomes come; whatever happens, every row is recorded."""
        settled = list(batch.settled)
        pending = {asyncio.ensure_future(self._hand(out, batch.known, expires, last)) for out in batch.outgoing}
        recorded = monotonic()
        while pending or settled:
            wait = max(0.0, recorded + _RECORD_EVERY - monotonic())
            if pending:
                done, pending = await asyncio.wait(pending, timeout=wait, return_when=asyncio.ALL_COMPLETED)
                for task in done:
                    settled += task.result()
            if settled:
                await self._record(settled)
                settled = []
            recorded = monotonic()

    async def _hand(self, out: Outgoing, known: int, expires: Mapping[int, datetime], last: bool) -> list[Settled]:
        """One message; never raises."""
        provider = self._providers.get(out.channel)
        if provider is None:
            now = self._clock()
            handed = Handed(result="technical", reason="no provider")
            return [self._retries.settled(r, handed, now, now, expires[r.notice], out.language) for r in out.rows]
        async with self._gates[out.channel].passage(emergency=out.emergency):
            refused = self._last_question(out, known) if last else None
            if refused is not None:
                return refused
            started = self._clock()
            try:
                handed = await provider.send(out.message)
            except Exception as error:
                _log.exception("provider %s failed", provider.name)
                handed = Handed(result="in-doubt", reason=f"{provider.name} failed: {type(error).__name__}")
            finished = self._clock()
        return [self._retries.settled(r, handed, started, finished, expires[r.notice], out.language) for r in out.rows]

    def _last_question(self, out: Outgoing, known: int) -> list[Settled] | None:
        """Right before the first byte: what has happened since it was written decides (RULES 15, P5)."""
        if self.stopping or not self._lease.holds():
            return [_put_back(row, self._clock()) for row in out.rows]
        changed: list[Settled] = []
        for row in out.rows:
            verdict = self._preparer.again(row, known)
            if isinstance(verdict, Settled):
                changed.append(verdict)
            elif isinstance(verdict, Carry) and verdict.past:
                changed.append(_put_back(row, self._clock()))
        if not changed:
            return None
        # A digest loses the item that may not leave any more; the rest is written anew.
        gone = {settled.row for settled in changed}
        return changed + [_put_back(row, self._clock()) for row in out.rows if row not in gone]

    async def _record(self, settled: list[Settled]) -> None:
        """Record outcomes in chunks, until the disk takes them: a row must not stay claimed for ever."""
        for start in range(0, len(settled), CHUNK):
            chunk = settled[start : start + CHUNK]
            while not await self._recorded(chunk):
                if self.stopping:
                    break

    async def _recorded(self, chunk: list[Settled]) -> bool:
        """Whether there is nothing more to do about these outcomes."""

        def work(unit: Unit) -> None:
            settle(unit, self._lease.number, chunk)

        try:
            await self._writer.run(work, by="system")
        except Lapsed:
            _log.warning("this worker was taken for dead; %d outcomes are in doubt", len(chunk))
        except DomainError as error:
            _log.warning("%d outcomes are not recorded yet: %s", len(chunk), error)
            await asyncio.sleep(0.2)
            return False
        return True


def _put_back(row: Claimed, now: datetime) -> Settled:
    """As if it had not been claimed; taken again at once."""
    return Settled(row, QUEUED, row.reason or "", due=now)
