"""Digests: what waited, and what is past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from alerts.domain import events as e
from subscribers.domain.events import QuietHours
from tests.support.databases import Databases
from tests.support.rig import Rig


class Clock:
    """A clock that a test moves on."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def test_digest_carries_deferred_items_and_lists_expired_ones(databases: Databases) -> None:
    clock = Clock(datetime(2026, 11, 23, 14, 0, tzinfo=UTC))
    rig = Rig(databases, clock)
    [daily] = rig.people(1, frequency="daily")
    [at_once] = rig.people(1)

    def announced(title: str, hours: int) -> int:
        content = {"en": e.Content(title=title, body="Words.")}
        return rig.issue(kind="announcement", content=content, expires=timedelta(hours=hours))[1]

    async def run() -> None:
        async with rig.working():
            long, short = announced("A long one", 48), announced("A short one", 2)
            _, alarm = rig.issue(urgency="Immediate", certainty="Observed")
            await rig.complete(alarm)
            await rig.until(lambda: rig.states(short) == {daily: "held", at_once: "sent"})
            await rig.until(lambda: rig.states(long) == {daily: "held", at_once: "sent"})
            clock.at += timedelta(hours=3)
            await asyncio.sleep(0.6)
            assert rig.states(short)[daily] == "held", "an item that expires first is listed in the digest"
            clock.at = datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)
            await rig.complete(long)
            await rig.complete(short)
            assert (rig.states(long)[daily], rig.states(short)[daily]) == ("sent", "expired")

    try:
        asyncio.run(run())
        mine = [item for item in rig.inbox.items(to=f"p{daily}@example.org") if b"A long one" in item.data]
        assert len(mine) == 1 and b"A short one" in mine[0].data
    finally:
        rig.close()


def test_what_falls_due_after_quiet_hours_arrives_as_one_mail(databases: Databases) -> None:
    clock = Clock(datetime(2026, 11, 23, 23, 0, tzinfo=UTC))
    rig = Rig(databases, clock)
    [one] = rig.people(1, quiet_hours=QuietHours("22:00", "07:00"), timezone="UTC")

    def announced(title: str) -> int:
        content = {"en": e.Content(title=title, body="Words.")}
        return rig.issue(kind="announcement", content=content, expires=timedelta(hours=48))[1]

    async def run() -> None:
        async with rig.working():
            notices = [announced("The first"), announced("The second")]
            for notice in notices:
                await rig.until(lambda notice=notice: rig.states(notice) == {one: "held"})
            _, alarm = rig.issue(urgency="Immediate", certainty="Observed")
            await rig.complete(alarm)
            clock.at = datetime(2026, 11, 24, 7, 0, 1, tzinfo=UTC)
            for notice in notices:
                await rig.complete(notice)
                assert rig.states(notice) == {one: "sent"}

    try:
        asyncio.run(run())
        mine = [item.data for item in rig.inbox.items(to=f"p{one}@example.org")]
        assert len(mine) == 2, "the emergency at once, and one mail in the morning"
        assert b"The first" in mine[1] and b"The second" in mine[1] and b"The first" not in mine[0]
    finally:
        rig.close()
