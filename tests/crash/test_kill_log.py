"""kill -9 at random moments, on both databases: what was acknowledged is there, and every counter is exact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from tests.crash.counting import COUNTER, Process

Promise = tuple[UUID, int, int]
"""stream, version, position."""

ROUNDS = 6
REPOSITORY = Path(__file__).resolve().parents[2]


class Child:
    """Counting process, and what it has acknowledged."""

    def __init__(self, url: str, seed: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.counting", url, seed],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self._said: list[bytes] = []
        assert self._out.readline() == b"ready\n"
        os.set_blocking(self._out.fileno(), False)

    def listen(self) -> None:
        """Take what it has said: a pipe holds 64 kB only, and it must never wait for us."""
        self._said.append(self._out.read() or b"")

    def kill(self) -> list[Promise]:
        """SIGKILL; every promise that it made."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.set_blocking(self._out.fileno(), True)
        self._said.append(self._out.read())
        self._out.close()
        lines = [line.split() for line in b"".join(self._said).decode().splitlines()]
        return [(UUID(words[0]), int(words[1]), int(words[2])) for words in lines]


def lives(url: str, seeds: list[str], rng: random.Random) -> list[Promise]:
    """Let processes run beside each other and kill each at a moment of its own."""
    children = [Child(url, seed) for seed in seeds]
    ends = [monotonic() + rng.uniform(0.05, 0.45) for _ in children]
    promises: list[Promise] = []
    while children:
        for child, end in list(zip(children, ends, strict=True)):
            child.listen()
            if monotonic() >= end:
                promises += child.kill()
                children.remove(child)
                ends.remove(end)
        sleep(0.003)
    return promises


@pytest.mark.crash
def test_what_was_acknowledged_survives_and_counters_are_exact(database_url: str, dialect: str) -> None:
    rng = random.Random(int.from_bytes(os.urandom(4)))
    beside = 1 if dialect == "sqlite" else 2  # On PostgreSQL two processes count on the same streams.
    acknowledged: list[Promise] = []
    for life in range(ROUNDS):
        acknowledged += lives(database_url, [f"{life}-{n}-{rng.random()}" for n in range(beside)], rng)
        check(database_url, acknowledged)
    assert len(acknowledged) > 500, "the test must have seen real work"


def check(url: str, acknowledged: list[Promise]) -> None:
    process = Process(url)
    try:
        events = process.log.read(0, 10_000_000)
        kept = {(e.originator_id, e.originator_version): e for e in events}
        for stream_id, version, position in acknowledged:
            assert kept[stream_id, version].position == position, "an acknowledged event is lost or has moved"
        positions = [event.position for event in events]
        assert positions == sorted(set(positions))
        lengths: Counter[UUID] = Counter()
        for event in events:
            lengths[event.originator_id] += 1
            assert event.originator_version == lengths[event.originator_id], "a version is missing or came twice"
            assert event.event.who == f"{event.originator_id} {event.originator_version}", "sealed and unreadable"  # type: ignore[attr-defined]
        with process.main.read() as tx:
            beside = {(UUID(bytes=s), v) for s, v in tx.execute("SELECT stream, version FROM beside")}
        assert beside == set(kept), "events and what stands beside them are one transaction"
        process.runner.start()
        assert process.runner.wait_for(process.log.position(), 20)
        assert process.runner.parked() == []
        with process.views.read() as tx:
            totals = {UUID(bytes=s): total for s, total in tx.execute("SELECT stream, total FROM tally")}
        assert totals == lengths, "each event is projected exactly once"
        some = next(iter(lengths))
        assert process.log.state(COUNTER, some) == lengths[some]
    finally:
        process.close()
