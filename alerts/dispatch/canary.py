"""Canary messages: one to a tester of each channel every few minutes, to detect an outage before it matters.

It takes the path of every message from the log's writer on: its turn is committed, a provider accepts it within its
rate and circuit breakers, and the outcome is committed. A tester is an address of the operator's (ALERTS_CANARY), not a
resident: it is not counted, and has no delivery. Only the latest result of each channel is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic

import msgspec

from alerts.channels.descriptor import CanaryRequest
from alerts.channels.message import Message, Provider, SendResult
from alerts.channels.registry import writable
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.ids import new_id
from alerts.kernel.terms import Channel
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_log = logging.getLogger(__name__)
_sql = load("alerts.dispatch", "canary.sql")
EVERY = timedelta(minutes=5)
LATE = 3 * EVERY
"""Maximum age of the last success."""
_LOOK_S = 10.0
_MOST_S = 120.0


class CanaryState(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a channel's canary."""

    well: bool
    result: str
    """Result of the latest finished canary, as `SendResult.result`; "" while there is none."""
    reason: str = ""
    took_s: float = 0.0
    age_s: float | None = None
    """Seconds since the last one that a provider accepted; None if there was none."""


class Canaries:
    """Sender of canaries; one per sending process."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        providers: Mapping[Channel, Provider],
        testers: Mapping[Channel, str],
        *,
        sender: str,
        clock: Callable[[], datetime],
        every: timedelta = EVERY,
    ) -> None:
        """`testers`: an address per channel; for push the subscription as JSON. `sender`: `Name <address>`."""
        self._database, self._writer = database, writer
        self._providers, self._testers = providers, dict(testers)
        self._sender, self._clock, self._every = sender, clock, every

    @property
    def every_s(self) -> float:
        """Seconds between checks for due canaries."""
        return min(_LOOK_S, self._every.total_seconds())

    async def send_due(self) -> None:
        """Send the canaries that are due; a periodic job."""
        await asyncio.gather(*(self._quietly(channel) for channel in self._testers))

    async def _quietly(self, channel: Channel) -> None:
        try:
            await self.send(channel)
        except Exception as error:
            _log.warning("the %s canary could not be sent: %s", channel, error)

    async def send(self, channel: Channel) -> bool:
        """Send a channel's canary if it is due and no other process does; True if it was sent here."""
        turn = new_id().hex
        begun = (await self._writer.run(lambda unit: self._begin(unit, channel, turn), by="system")).result
        if begun is None or not await asyncio.to_thread(self._has, channel, turn):
            return False
        since, provider = monotonic(), self._providers.get(channel)
        result = SendResult(result="technical", reason="no provider")
        if provider is not None:
            try:
                async with asyncio.timeout(_MOST_S):
                    result = await provider.send(self._message(channel, begun))
            except Exception as error:
                result = SendResult(result="technical", reason=f"{provider.name} failed: {type(error).__name__}")
        took = int(1000 * (monotonic() - since))
        well_at = micros(begun) if result.result == "sent" else None
        row = (result.result, result.reason[:500], took, well_at, channel, turn)
        await self._writer.run(lambda unit: unit.write(_sql.ended, row), by="system")
        if well_at is None:
            _log.warning("the %s canary did not leave: %s", channel, result.reason or result.result)
        return True

    def _begin(self, unit: UnitOfWork, channel: Channel, turn: str) -> datetime | None:
        now = unit.now
        rows = unit.read(_sql.begun, (channel,))
        if rows and rows[0][0] > micros(now - self._every):
            return None
        unit.write(_sql.begin, (channel, micros(now), turn, micros(now - self._every)))
        return now

    def _has(self, channel: Channel, turn: str) -> bool:
        """True if this process committed the turn: two may have read the same old row."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.begun, (channel,))
        return bool(rows) and rows[0][1] == turn

    def _message(self, channel: Channel, at: datetime) -> Message:
        request = CanaryRequest(
            delivery=f"canary-{new_id().hex}",
            to=self._testers[channel],
            sender=self._sender,
            at=at,
            expires=at + self._every,
        )
        return writable(channel).canary(request)


def states(database: Database, channels: Mapping[Channel, str], now: datetime) -> dict[str, CanaryState]:
    """Canary state of each channel that has a tester. Blocks."""
    if not channels:
        return {}
    with database.read() as tx:
        rows = {row[0]: row[1:] for row in tx.execute(_sql.all)}
    return {channel: _state(rows.get(channel), now) for channel in channels}


def _state(row: tuple[int, str, str, int, int | None] | None, now: datetime) -> CanaryState:
    if row is None:
        return CanaryState(well=False, result="", reason="none has left yet")
    _, result, reason, took_ms, well_at = row
    age = None if well_at is None else max(0.0, (now - from_micros(well_at)).total_seconds())
    return CanaryState(
        well=age is not None and age <= LATE.total_seconds(),
        result=result,
        reason=reason,
        took_s=took_ms / 1000,
        age_s=None if age is None else round(age, 1),
    )
