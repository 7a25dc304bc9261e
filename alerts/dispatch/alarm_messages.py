"""Messages to the team about alarms and about what waits for a person: one when it lasts, one when an alarm is over.

They do not go through the delivery queue, which may be what stands still: the process that has won the alarm's row
hands them to the providers itself, by e-mail and to the members' browsers, and tries again while that fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic

from alerts.channels.message import Message
from alerts.channels.replies import AlarmLine, Answers
from alerts.dispatch.alarms import WAITS, Alarm
from alerts.dispatch.team_ways import TeamWay, TeamWays
from alerts.domain.reference_data import MemberState
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.terms import Channel
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
    """Tells the team. One per process and list of alarms, in one event loop."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        ways: TeamWays,
        answers: Answers,
        team: Callable[[str], Sequence[MemberState]],
        *,
        waits: bool = False,
        url: str = "",
        tick: Callable[[], float] = monotonic,
    ) -> None:
        """`team(name)`: members who are told of an alarm. `url`: public URL, for the link of a notification.

        `waits`: this list holds what waits for a person (names that begin with `WAITS`): its rows are not remembered,
        and when one is over, only providers are worth a message.
        """
        self._database, self._writer, self._ways, self._answers = database, writer, ways, answers
        self._team, self._waits, self._url, self._tick = team, waits, url, tick
        self._seen_since: dict[str, float] = {}
        """Alarm → when this process saw it first (monotonic)."""
        self._asked: set[str] = set()
        """Alarms whose row this process has tried to win."""
        self._off_since: dict[str, float] = {}
        """Row → since when this process does not see its alarm (monotonic)."""
        self._outbox: dict[TeamWay, dict[str, AlarmLine]] = {}
        """Way to a member → alarm → its line that is to be sent."""
        self._tried: set[TeamWay] = set()
        """Ways of the outbox by which a message has failed."""
        self._retry_at: dict[Channel | TeamWay, float] = {}
        """Channel, or way to a browser → when it is tried again (monotonic)."""

    async def tell(self, alarms: Sequence[Alarm]) -> None:
        """Tell what has begun and what is over since the last call; a periodic job."""
        on, now = {alarm.name: alarm for alarm in alarms}, self._tick()
        self._seen_since = {name: self._seen_since.get(name, now) for name in on}
        for name, alarm in on.items():
            if name not in self._asked and now - self._seen_since[name] >= LASTS_S:
                self._asked.add(name)
                if await self._win(alarm):
                    await self._put(name, AlarmLine(words=alarm.words, since=alarm.since, over=False))
        for name in await self._over(set(on), now):
            self._asked.discard(name)
            await self._end(name)
        if self._waits:
            self._drop_decided(set(on))
        await self._send(now)

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
            names = [str(name) for name, _, _ in tx.execute(_sql.raised)]
        return [name for name in names if name.startswith(WAITS) == self._waits]

    async def _end(self, name: str) -> None:
        def work(unit: UnitOfWork) -> list[tuple[str, int]]:
            ended = [(str(words), int(since)) for words, since in unit.read(_sql.clear_alarm, (name,))]
            for _, since in ended if not self._waits else ():
                unit.write(_sql.remember, (name, since, micros(unit.now)))
            return ended

        ended = (await self._writer.run(work, by="system")).result
        for words, since in ended:
            if not self._waits or name.startswith(f"{WAITS}provider:"):
                await self._put(name, AlarmLine(words=words, since=from_micros(since), over=True))

    async def _put(self, name: str, line: AlarmLine) -> None:
        for way in await asyncio.to_thread(self._ways.of, self._team(name)):
            self._outbox.setdefault(way, {})[name] = line

    async def _send(self, now: float) -> None:
        """Send what is in the outbox: the mail first, then to all browsers at once.

        A channel or a browser that fails is tried again later; the others are not kept waiting. How long a browser
        waits is read from the database, at least once a minute: another process may have reached it meanwhile.
        """
        self._retry_at = {one: at for one, at in self._retry_at.items() if at > now}
        for way in [one for one in self._outbox if one.device is None]:
            if way.channel not in self._retry_at:
                await self._send_by(way, way.channel)
        browsers = [one for one in self._outbox if one.device is not None and one not in self._retry_at]
        done = await asyncio.gather(*(self._send_by(way, way) for way in browsers), return_exceptions=True)
        for error in filter(None, done):  # raised once all have ended: none is under way at the next call
            raise error

    async def _send_by(self, way: TeamWay, retried: Channel | TeamWay) -> None:
        """Send one way's lines; if that fails they stay, and `retried` waits."""
        lines = self._outbox[way]
        if way in self._tried and not await self._is_told(way, lines):
            self._tried.discard(way)
            del self._outbox[way]
            return
        result = await self._ways.send(way, self._renderer(list(lines.values())), "alarm")
        del self._outbox[way]
        self._tried.discard(way)
        if result.result not in ("sent", "permanent", "in-doubt"):
            self._outbox[way] = lines
            self._tried.add(way)
            self._retry_at[retried] = self._tick() + min(max(_RETRY_S, result.retry_after or 0.0), STALE_S)

    def _drop_decided(self, on: set[str]) -> None:
        """Drop what was decided before it could be told: nobody waits for it any more."""
        for way, lines in list(self._outbox.items()):
            self._outbox[way] = {name: line for name, line in lines.items() if line.over or name in on}
            if not self._outbox[way]:
                del self._outbox[way]
                self._tried.discard(way)

    async def _is_told(self, way: TeamWay, lines: dict[str, AlarmLine]) -> bool:
        """True if a way that failed before is still one of somebody who is told: they may have left the team."""
        members = [one for name in lines for one in self._team(name) if one.id == way.member]
        return way in await asyncio.to_thread(self._ways.of, members[:1])

    def _renderer(self, lines: list[AlarmLine]) -> Callable[[Channel, str, str], Message]:
        def render(channel: Channel, to: str, delivery: str) -> Message:
            return self._answers.alarms(channel, to, delivery, lines, f"{self._url}/console", waits=self._waits)

        return render
