"""Yearly mail: tell whoever had no message for a year that we are still here, by e-mail, at most once a year.

Spread: each call looks at one of 256 parts of the people, by the clock, and asks for a limited number of mails. Nobody
keeps a place in a list, so a restart, a downtime or a second scheduler neither doubles nor piles up anything: what was
missed has its turn again within two days. Who was asked for in the last year is on the person's own stream, where two
processes conflict.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

from alerts.commands.actor import SYSTEM
from alerts.commands.base import CommandBase
from alerts.commands.results import Saved
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import NotFound
from alerts.kernel.ids import SHARDS
from alerts.kernel.times import micros, zone
from alerts.storage.named_queries import load
from subscribers.audience.quiet_hours import quiet_until
from subscribers.domain.events import Preferences
from subscribers.domain.lifecycle import YEAR, decide_yearly_mail
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

_sql = load("alerts.commands", "yearly_mail.sql")
EVERY_S = 600.0
"""Seconds between two calls. Each part has its turn every 42 hours and 40 minutes, at another time of day each time."""
MOST = 100
"""Mails of one call: 14,400 a day, beside what residents must get."""
_FROM, _UNTIL = 9, 18
"""Local hours between which it leaves: it may wait, and nobody shall be woken by it."""


class YearlyMailCommands(CommandBase):
    """Ask for the yearly mails that are due."""

    async def send_yearly_mails(self) -> int:
        """Ask for the mails of the part whose turn it is, at most `MOST`; return their number."""
        now = self._clock()
        asked = 0
        for person in await asyncio.to_thread(self._silent, part_of(now), now):
            asked += await self._ask(person)
        return asked

    async def _ask(self, person: UUID) -> bool:
        asked = False

        def work(unit: UnitOfWork) -> Saved:
            nonlocal asked
            state = unit.get(SUBSCRIBER, person)
            events = decide_yearly_mail(state, now=unit.now) if state is not None else ()
            unit.append(SUBSCRIBER, person, *events)
            asked = bool(events)
            return Saved(id=person, version=0)

        await self._run(SYSTEM, work)
        return asked

    def _silent(self, part: int, now: datetime) -> list[UUID]:
        """List the people of a part who had nothing for a year, and whose day it is where they are. Blocks."""
        with self._database.read() as tx:
            # Who is known for less than a year needs no look at their deliveries or their stream.
            before = _first_id_of(now - YEAR)
            rows = [row for row in tx.execute(_sql.people, (part,)) if bytes(row[0]) < before]
            if not rows:
                return []
            lately = {int(contact) for (contact,) in tx.execute(_sql.lately, (part, micros(now - YEAR)))}
        reached = {bytes(subscriber) for subscriber, contact in rows if int(contact) in lately}
        found: list[UUID] = []
        for key in sorted({bytes(subscriber) for subscriber, _ in rows} - reached):
            try:
                state = self._log.state(SUBSCRIBER, UUID(bytes=key))
            except NotFound:  # a member of the team: their addresses are in the same table
                continue
            if state is not None and _is_due(state, now):
                found.append(state.id)
                if len(found) == MOST:
                    break
        return found


def part_of(now: datetime) -> int:
    """Part of the people whose turn it is: 0 to 255, the shard of their contact points."""
    return int(now.timestamp() // EVERY_S) % SHARDS


def _first_id_of(at: datetime) -> bytes:
    """Bytes below which every id of a subscriber (UUIDv7, which begins with its time) is older than `at`."""
    return (micros(at) // 1000).to_bytes(6, "big")


def _is_due(state: SubscriberState, now: datetime) -> bool:
    return bool(decide_yearly_mail(state, now=now)) and state.preferences is not None and is_day(state.preferences, now)


def is_day(preferences: Preferences, now: datetime) -> bool:
    """True by day where the person is, and outside their quiet hours."""
    if not _FROM <= now.astimezone(zone(preferences.timezone)).hour < _UNTIL:
        return False
    quiet = preferences.quiet_hours
    return quiet is None or quiet_until(quiet, preferences.timezone, now) is None
