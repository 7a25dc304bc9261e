"""kill -9 in mid-dispatch, again and again: lost 0, ghost 0, copies bounded, each under one identity (P1–P3)."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from alerts.delivery_queue.row_format import CHUNK
from tests.support.databases import Databases
from tests.support.rig import WALWORTH, Rig

PEOPLE, KILLS, SENDERS = 2500, 3, 6
REPOSITORY = Path(__file__).resolve().parents[2]


# On SQLite the sweep over syncs and over the steps of each dialogue shows the same.
@pytest.mark.parametrize("dialect", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True)
@pytest.mark.crash
def test_kills_in_mid_dispatch_lose_nothing(database_url: str, dialect: str) -> None:
    databases = Databases(database_url, dialect)
    first = Rig(databases)
    due = first.people(PEOPLE)
    first.people(200, at=(52.5, 1.0))
    _, number = first.issue(area=[WALWORTH])
    assert first.projector.wait_for(first.log.position(), 30)
    first.close()

    rng = random.Random(time.time_ns())
    for _ in range(KILLS):
        _work_and_kill(databases, rng.randint(1, 500))

    last = Rig(databases)
    assert KILLS <= last.inbox.count() < PEOPLE, "the kills were not in mid-dispatch"

    async def finish() -> None:
        async with last.working():
            await last.complete(number, 60)

    try:
        asyncio.run(finish())
        assert last.states(number) == dict.fromkeys(due, "sent")
        copies = Counter((item.to, item.delivery) for item in last.inbox.items(limit=10 * PEOPLE))
    finally:
        last.close()
        databases.close()
    assert {to for to, _ in copies} == {f"p{contact}@example.org" for contact in due}, "lost or ghost"
    assert len(copies) == PEOPLE, "a copy under another identity"
    assert sum(copies.values()) - PEOPLE <= KILLS * SENDERS * CHUNK
    assert max(copies.values()) <= 1 + KILLS


def _work_and_kill(databases: Databases, messages: int) -> None:
    """Let a process hand over so many more messages, then kill it."""
    wanted = _arrived(databases) + messages
    command = [sys.executable, "-m", "tests.crash.dispatching", databases.url, databases.dialect]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "working\n"
        deadline = time.monotonic() + 60
        while _arrived(databases) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL


def _arrived(databases: Databases) -> int:
    """The number of messages in the inbox, which is a file of its own on SQLite."""
    query = "SELECT COALESCE(MAX(id), 0) FROM inbox"
    if databases.dialect == "postgresql":
        with databases.main.read() as tx:
            return int(tx.execute(query)[0][0])
    file = Path(databases.url.removeprefix("sqlite:///")).parent / "inbox.db"
    with closing(sqlite3.connect(file, timeout=10)) as inbox:
        return int(inbox.execute(query).fetchone()[0])
