"""Assembly of the alarm watch and of the roles' signs of life; part of the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.channels.replies import Answers
from alerts.dispatch.alarm_messages import AlarmMessages
from alerts.dispatch.alarms import Alarm, AlarmWatch, beat
from alerts.dispatch.attention import AttentionWatch, told
from alerts.dispatch.team_ways import TeamWays
from alerts.dispatch.worker import Worker
from alerts.domain.reference_data import MemberState
from alerts.eventlog.ports import Writer
from alerts.projections import ReadModelQueries
from alerts.scheduler.due_items import DuePoll
from alerts.settings import Settings
from alerts.storage.ports import Database
from subscribers.audience.reference_data import ReferenceData


def assemble_alarms(
    database: Database,
    writer: Writer,
    views: ReadModelQueries,
    reference_data: ReferenceData,
    ways: TeamWays,
    states: Callable[[], Mapping[str, Any]],
    *,
    settings: Settings,
    clock: Callable[[], datetime],
) -> tuple[AlarmWatch, Callable[[], Awaitable[object]]]:
    """Return the watch of a process, and its periodic job: look, then tell the administrators."""
    watch = AlarmWatch(database, views.to_be_planned, states, clock=clock)
    answers = Answers(sender=settings.sender, clock=clock, default_language=settings.default_language)

    def admins(_: str) -> list[MemberState]:
        return [member for member in reference_data.team() if member.role == "admin"]

    messages = AlarmMessages(database, writer, ways, answers, admins, url=settings.public_url)

    async def run() -> None:
        await asyncio.to_thread(watch.look)
        await messages.tell(watch.alarms())

    return watch, run


def assemble_attention(
    watch: AttentionWatch,
    database: Database,
    writer: Writer,
    reference_data: ReferenceData,
    ways: TeamWays,
    alarms: Callable[[], Sequence[Alarm]],
    *,
    settings: Settings,
    clock: Callable[[], datetime],
) -> Callable[[], Awaitable[object]]:
    """Return the periodic job that looks for what waits for a person, then tells those who may decide."""
    answers = Answers(sender=settings.sender, clock=clock, default_language=settings.default_language)
    messages = AlarmMessages(
        database,
        writer,
        ways,
        answers,
        lambda name: told(reference_data.team(), name),
        waits=True,
        url=settings.public_url,
    )

    async def run() -> None:
        await messages.tell(await asyncio.to_thread(watch.look, alarms()))

    return run


def signs_of_life(
    database: Database,
    roles: Collection[str],
    worker: Worker | None,
    due: DuePoll | None,
    *,
    clock: Callable[[], datetime],
) -> list[Callable[[], Awaitable[None]]]:
    """Return a job for each role of this process; it gives a sign only while that role does its work."""
    polls = -1

    def works(role: str) -> bool:
        nonlocal polls
        if role == "worker":
            return worker is not None and worker.is_working()
        if role == "scheduler":
            before, polls = polls, polls if due is None else due.polls
            return polls != before
        return True

    def job(role: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            if works(role):
                await asyncio.to_thread(beat, database, role, clock())

        return run

    return [job(role) for role in sorted(roles)]
