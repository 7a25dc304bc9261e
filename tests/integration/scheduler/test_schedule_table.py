"""Table of docs/schedules.md: every row leaves once, at its instant, or at the start after a time without a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from alerts.commands import SYSTEM
from alerts.contract.bodies import BulletinBody, ContentBody, NewsletterBody, NewsletterScheduleBody, NoticeBody
from alerts.web.console.local_time import send_time
from tests.support.command_rig import CommandRig
from tests.support.databases import Databases

WORDS = {"en": ContentBody(title="This week")}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "schedules.md"
DOWN = timedelta(hours=3)
TYPED = {"refused": "does not exist", "asks which": "comes twice"}


class Row(NamedTuple):
    """A row of the page."""

    zone: str
    day: str
    at: str
    night: str
    due: datetime
    typed: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and "/" in cells[0]:
            zone, day, at, night, due, typed = cells
            found.append(Row(zone, day, at, night, datetime.fromisoformat(f"{due}+00:00"), typed))
    return found


ROWS = rows()


@pytest.fixture
def rig() -> Iterator[CommandRig]:
    made = CommandRig.in_memory()
    asyncio.run(made.commands.define_built_in_topics())
    try:
        yield made
    finally:
        made.close()


async def approved(rig: CommandRig, notice: UUID) -> UUID:
    """Submitted by Ann, approved by Bob: now it waits for its time."""
    waiting = await rig.commands.submit(await rig.person("ann"), notice)
    await rig.settled()
    await rig.commands.approve(await rig.person("bob"), notice, waiting.version, people=0)
    assert rig.notice(notice).phase == "scheduled"
    return notice


async def one_off(rig: CommandRig, at: datetime, **more: datetime) -> UUID:
    body = NoticeBody(kind="announcement", content=WORDS, audience={"all": []}, send_at=at, **more)
    return await approved(rig, (await rig.commands.draft_notice(await rig.person("ann"), body)).id)


async def issue_of(rig: CommandRig, newsletter: UUID) -> UUID:
    """The newsletter's next issue."""
    drafted = await rig.commands.draft_bulletin(await rig.person("ann"), newsletter, BulletinBody(content=WORDS))
    return await approved(rig, drafted.id)


async def series(rig: CommandRig, row: Row, slug: str = "week") -> UUID:
    """A newsletter that comes every day at the row's local time."""
    daily = NewsletterScheduleBody(rrule="FREQ=DAILY", at=row.at, timezone=row.zone)
    return (await rig.commands.start_newsletter(SYSTEM, NewsletterBody(slug=slug, name="Week", schedule=daily))).id


def sent_at(rig: CommandRig, notice: UUID) -> list[datetime]:
    """Instants of its issue: one, unless it was doubled or missed."""
    issued = rig.events("NoticeIssued")
    return [one.at for one in issued if one.originator_id == notice]


def test_page_has_every_kind_of_night() -> None:
    assert len(ROWS) == 14 and len({row.zone for row in ROWS}) == 5
    assert {row.typed for row in ROWS} == {"taken", *TYPED}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.zone} {row.night}" for row in ROWS])
def test_single_time_is_taken_or_asked_about(row: Row) -> None:
    now = row.due - timedelta(days=2)
    answer = send_time(row.day, row.at, "", row.zone, now)
    if row.typed == "taken":
        assert answer == row.due
    else:
        assert isinstance(answer, str) and TYPED[row.typed] in answer
    if row.typed == "asks which":
        first, second = (send_time(row.day, row.at, which, row.zone, now) for which in ("first", "second"))
        assert first == row.due and isinstance(second, datetime) and row.due < second <= row.due + timedelta(hours=1)


@pytest.mark.parametrize("down", [False, True], ids=["running", "down"])
@pytest.mark.parametrize("row", ROWS, ids=[f"{row.zone} {row.night}" for row in ROWS])
async def test_each_leaves_once_at_its_instant(rig: CommandRig, row: Row, down: bool) -> None:
    rig.now = row.due - timedelta(hours=20)
    newsletter = await series(rig, row)
    both = [await one_off(rig, row.due), await issue_of(rig, newsletter)]
    assert [rig.notice(one).send_at for one in both] == [row.due, row.due]
    if not down:
        rig.now = row.due - timedelta(seconds=1)
        assert await rig.due() == []
    rig.now = at = row.due + (DOWN if down else timedelta(0))
    assert sorted(await rig.due()) == ["notice-send", "notice-send"]
    for later in (0, 1, 30, 60, 61, 120):  # over the hour that comes a second time
        rig.now = at + timedelta(minutes=later)
        assert await rig.due() == []
    assert [sent_at(rig, one) for one in both] == [[at], [at]]

    # The next issue is that of the day after: none is drafted for the same day twice.
    following = rig.notice(await issue_of(rig, newsletter)).send_at
    assert following is not None and timedelta(hours=22.5) <= following - row.due <= timedelta(hours=25)


async def test_what_expired_while_nothing_ran_is_listed_and_not_sent(rig: CommandRig) -> None:
    row = ROWS[0]
    rig.now = row.due - timedelta(hours=20)
    missed = await one_off(rig, row.due, expires=row.due + timedelta(hours=1))
    rig.now = row.due + DOWN
    await rig.due()
    state = rig.notice(missed)
    assert sent_at(rig, missed) == [] and state.phase == "pending-approval"
    assert "passed" in state.reason, state.reason


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_two_schedulers_send_each_row_once(databases: Databases) -> None:
    """Two processes on one database poll at the same instants, over the whole table, and over a time without either."""
    one, two = CommandRig.on(databases), CommandRig.on(databases)
    try:
        await one.commands.define_built_in_topics()
        ordered = sorted(ROWS, key=lambda row: row.due)
        expected: dict[UUID, datetime] = {}
        for number, row in enumerate(ordered):
            one.now = two.now = row.due - timedelta(hours=1)
            newsletter = await series(one, row, f"week-{number}")
            both = [await one_off(one, row.due), await issue_of(one, newsletter)]
            at = row.due + (DOWN if number % 2 else timedelta(0))
            expected |= dict.fromkeys(both, at)
            one.now = two.now = at
            fired = await asyncio.gather(one.due(), two.due())
            sends = [kind for kinds in fired for kind in kinds if kind == "notice-send"]
            assert len(sends) == 2, (row, fired)
        issued = one.events("NoticeIssued")
        assert sorted((recorded.originator_id, recorded.at) for recorded in issued) == sorted(expected.items())
    finally:
        two.close()
        one.close()
