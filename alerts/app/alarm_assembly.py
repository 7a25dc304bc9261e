"""Assembly of the alarm watch and of the roles' signs of life; part of the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from alerts.channels.message import Provider
from alerts.channels.replies import Answers
from alerts.dispatch.alarm_messages import AlarmMessages
from alerts.dispatch.alarms import AlarmWatch, beat
from alerts.dispatch.worker import Worker
from alerts.eventlog.ports import Writer
from alerts.kernel.terms import SIGN_IN_CHANNEL, Channel
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
    providers: Mapping[Channel, Provider],
    states: Callable[[], Mapping[str, Any]],
    *,
    settings: Settings,
    clock: Callable[[], datetime],
) -> tuple[AlarmWatch, Callable[[], Awaitable[object]]]:
    """Return the watch of a process, and its periodic job: look, then tell the administrators."""
    watch = AlarmWatch(database, views.to_be_planned, states, clock=clock)
    messages = AlarmMessages(
        database,
        writer,
        providers.get(SIGN_IN_CHANNEL),
        Answers(sender=settings.sender, clock=clock, default_language=settings.default_language),
        lambda: [member.email for member in reference_data.team() if member.role == "admin" and member.email],
        clock=clock,
    )

    async def run() -> None:
        await asyncio.to_thread(watch.look)
        await messages.tell(watch.alarms())

    return watch, run


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
