"""Messages to the administrators about alarms: one when an alarm lasts, one when it is over.

They do not go through the delivery queue, which may be what stands still: the process that has won the alarm's row
hands them to the e-mail provider itself, and tries again while that fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

from alerts.channels.message import Provider
from alerts.channels.replies import AlarmLine, Answers
from alerts.dispatch.alarms import Alarm
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.ids import new_id
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_log = logging.getLogger(__name__)
_sql = load("alerts.dispatch", "alarms.sql")
LASTS_S = 8.0
"""Seconds after which the team is told of an alarm."""
STALE_S = 60.0
"""Seconds after which a row that no process keeps up is taken for over."""
_RETRY_S = 10.0


class AlarmMessages:
    """Tells the administrators. One per process, in one event loop."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        provider: Provider | None,
        answers: Answers,
        team: Callable[[], Sequence[str]],
        *,
        clock: Callable[[], datetime],
        tick: Callable[[], float] = monotonic,
    ) -> None:
        """`team`: addresses of the administrators."""
        self._database, self._writer, self._provider, self._answers = database, writer, provider, answers
        self._team, self._clock, self._tick = team, clock, tick
        self._seen_since: dict[str, float] = {}
        """Alarm → when this process saw it first (monotonic)."""
        self._asked: set[str] = set()
        """Alarms whose row this process has tried to win."""
        self._off_since: dict[str, float] = {}
        """Row → since when this process does not see its alarm (monotonic)."""
        self._outbox: dict[str, dict[str, AlarmLine]] = {}
        """Address → alarm → its line that is to be sent."""
        self._retry_at = 0.0

    async def tell(self, alarms: Sequence[Alarm]) -> None:
        """Tell what has begun and what is over since the last call; a periodic job."""
        on, now = {alarm.name: alarm for alarm in alarms}, self._tick()
        self._seen_since = {name: self._seen_since.get(name, now) for name in on}
        for name, alarm in on.items():
            if name not in self._asked and now - self._seen_since[name] >= LASTS_S:
                self._asked.add(name)
                if await self._win(alarm):
                    self._put(name, AlarmLine(words=alarm.words, since=alarm.since, over=False))
        for name in await self._over(set(on), now):
            self._asked.discard(name)
            await self._end(name)
        if self._outbox and now >= self._retry_at:
            await self._send()

    async def _win(self, alarm: Alarm) -> bool:
        def work(unit: UnitOfWork) -> bool:
            return bool(unit.read(_sql.raise_alarm, (alarm.name, alarm.words, micros(alarm.since))))

        return (await self._writer.run(work, by="system")).result

    async def _over(self, on: set[str], now: float) -> list[str]:
        """Rows whose alarm is over: this process saw it end, or no process seems to keep it up."""
        rows = set(await asyncio.to_thread(self._rows))
        off = rows - on
        self._off_since = {name: self._off_since.get(name, now) for name in off}
        self._asked &= rows | on
        return [name for name in off if name in self._asked or now - self._off_since[name] >= STALE_S]

    def _rows(self) -> list[str]:
        with self._database.read() as tx:
            return [str(name) for name, _, _ in tx.execute(_sql.raised)]

    async def _end(self, name: str) -> None:
        def work(unit: UnitOfWork) -> list[tuple[str, int]]:
            ended = [(str(words), int(since)) for words, since in unit.read(_sql.clear_alarm, (name,))]
            for _, since in ended:
                unit.write(_sql.remember, (name, since, micros(unit.now)))
            return ended

        ended = (await self._writer.run(work, by="system")).result
        for words, since in ended:
            self._put(name, AlarmLine(words=words, since=from_micros(since), over=True))

    def _put(self, name: str, line: AlarmLine) -> None:
        for address in self._team():
            self._outbox.setdefault(address, {})[name] = line

    async def _send(self) -> None:
        for address, lines in list(self._outbox.items()):
            if self._provider is None:
                self._outbox.clear()
                return
            message = self._answers.alarms(address, f"alarm-{new_id().hex}", list(lines.values()))
            result = await self._provider.send(message)
            if result.result in ("sent", "permanent", "in-doubt"):
                del self._outbox[address]
            else:
                self._retry_at = self._tick() + _RETRY_S
                _log.warning("an administrator could not be told of an alarm: %s", result.reason or result.result)
                return
