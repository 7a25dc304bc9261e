"""Several workers and restarts on one queue."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

import pytest

from tests.support.databases import Databases
from tests.support.rig import CONTENT, Rig, Scripted


class Clock:
    """A clock that a test moves on."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_two_workers_share_a_dispatch(databases: Databases) -> None:
    one, two = Rig(databases), Rig(databases)
    provider = Scripted("email", delay=0.005)

    async def run() -> None:
        async with one.working({"email": provider}), two.working({"email": provider}):
            due = await asyncio.to_thread(one.people, 1500)
            _, number = one.issue()
            await two.complete(number, 40)
            assert one.states(number) == dict.fromkeys(due, "sent")
            assert set(Counter(provider.recipients()).values()) == {1}

    try:
        asyncio.run(run())
    finally:
        one.close()
        two.close()


def test_restart_resumes_the_fan_out(databases: Databases) -> None:
    first = Rig(databases)
    due = first.people(50)
    first.projector.wait_for(first.log.position(), 10)
    first.projector.stop()  # this process dies before its fan-out sees the notice
    _, number = first.issue(content=CONTENT)
    first.close()
    second = Rig(databases)

    async def run() -> None:
        async with second.working():
            await second.complete(number)
            assert second.states(number) == dict.fromkeys(due, "sent")

    try:
        asyncio.run(run())
        assert second.inbox.count() == 50
    finally:
        second.close()
