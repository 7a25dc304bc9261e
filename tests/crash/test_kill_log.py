"""kill -9 at random moments, on both databases: what was acknowledged is there, and every counter is exact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import sleep
from uuid import UUID

import pytest

from tests.crash.counting import COUNTER, Process

ROUNDS = 6
REPOSITORY = Path(__file__).resolve().parents[2]


def one_life(url: str, seed: str, seconds: float) -> list[tuple[UUID, int, int]]:
    """Start the process, kill it after a while, and return what it had acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.counting", url, seed],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    # The pipe holds only 64 kB: reading goes on while the child lives, so that it never waits for us.
    lines: list[bytes] = []
    os.set_blocking(child.stdout.fileno(), False)
    left = seconds
    while left > 0:
        lines.append(child.stdout.read() or b"")
        sleep(min(left, 0.005))
        left -= 0.005
    child.send_signal(signal.SIGKILL)
    child.wait()
    os.set_blocking(child.stdout.fileno(), True)
    lines.append(child.stdout.read())
    child.stdout.close()
    whole = b"".join(lines).decode().splitlines()
    said = [line.split() for line in whole]
    return [(UUID(words[0]), int(words[1]), int(words[2])) for words in said if len(words) == 3]


@pytest.mark.crash
def test_what_was_acknowledged_survives_and_counters_are_exact(database_url: str) -> None:
    rng = random.Random(int.from_bytes(os.urandom(4)))
    acknowledged: list[tuple[UUID, int, int]] = []
    for life in range(ROUNDS):
        said = one_life(database_url, f"{life}-{rng.random()}", rng.uniform(0.05, 0.45))
        acknowledged += said
        check(database_url, acknowledged)
    assert len(acknowledged) > 500, "the test must have seen real work"


def check(url: str, acknowledged: list[tuple[UUID, int, int]]) -> None:
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
        assert process.runner.wait(process.log.position(), 20)
        assert process.runner.parked() == []
        with process.views.read() as tx:
            totals = {UUID(bytes=s): total for s, total in tx.execute("SELECT stream, total FROM tally")}
        assert totals == lengths, "each event is projected exactly once"
        some = next(iter(lengths))
        assert process.log.state(COUNTER, some) == lengths[some]
    finally:
        process.close()
