"""An emergency into a running bulletin while one of two mail servers has stopped answering (P4).

ALERTS_TEST_FLOOD says how many get the bulletin of the long run (100,000; a million takes its time).
"""

from __future__ import annotations

import csv
import os
import signal
import statistics
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.crash.peer import Peer, peer
from tests.crash.server import COLUMNS, DANGER, NOTICE, Server

ADDED_S = 2.0
"""P4."""
THERE = [{"circle": {"lat": 51.60, "lon": -0.20, "radius_km": 2.0}}]
BULLETIN = {**NOTICE, "kind": "announcement", "priority": "bulletin"}
FLOOD = int(os.environ.get("ALERTS_TEST_FLOOD", "100000"))


@pytest.mark.crash
@pytest.mark.parametrize(
    ("flood", "emergency"), [(6_000, 500), pytest.param(FLOOD, 5_000, marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_an_emergency_overtakes_a_bulletin_though_half_the_servers_stall(
    flood: int, emergency: int, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        well = stack.enter_context(peer(tmp_path / "well"))
        ailing = stack.enter_context(peer(tmp_path / "ailing"))
        url, mail = f"sqlite:///{tmp_path}/var/alerts.db", f"{well.url},{ailing.url}"
        server = Server(tmp_path, url, {"ALERTS_SMTP_URL": mail})
        there, here = _take_in(server, tmp_path / "people.csv", emergency, flood)
        server.make_key()
        server.start()
        stack.callback(server.kill)
        server.ask("GET", "/healthz", patience=60)

        alone, at = server.issue({**DANGER, "area": THERE}), time.time()
        server.complete(alone, 120)
        idle = _first_attempts(server, alone, at)

        before = well.count() + ailing.count()
        bulletin = server.issue(BULLETIN)
        well.wait(before // 2 + flood // 20)
        ailing.signal(signal.SIGSTOP)
        time.sleep(0.3)
        urgent, at = server.issue({**DANGER, "area": THERE}), time.time()
        left = flood - (well.count() + ailing.count() - before)
        arrived = _half_arrive(well, there, at)
        was_running = not server.ask("GET", f"/api/v1/notices/{bulletin}/dispatch")["complete"]
        ailing.signal(signal.SIGCONT)
        server.complete(urgent, 120)
        busy = _first_attempts(server, urgent, at)
        server.complete(bulletin, 3600)
        copies = Counter((copy.delivery, copy.to) for one in (well, ailing) for copy in one.copies())
        print(
            f"\nP4: an emergency to {emergency}, p95 of first attempts: alone {idle:.2f} s; with {left} of a bulletin "
            f"waiting and one of two servers stopped {busy:.2f} s; half taken by the other one in {arrived:.2f} s"
        )
        assert was_running and left > flood // 4, "the flood was over too soon to show anything"
        assert busy - idle <= ADDED_S
        assert Counter(to for _, to in copies) == Counter(dict.fromkeys(there, 2) | dict.fromkeys(here, 1))
        assert set(copies.values()) == {1}


def _take_in(server: Server, file: Path, emergency: int, flood: int) -> tuple[set[str], set[str]]:
    """Residents of two places: (where the danger is, where the bulletin goes)."""
    there, here = {f"e{i}@example.org" for i in range(emergency)}, {f"b{i}@example.org" for i in range(flood)}
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(COLUMNS)
        for who, place in ((there, "51.60,-0.20,0.1"), (here, "51.49,-0.09,0.1")):
            rows.writerows([one, place, "safety", "yes", "2026-01-01T00:00:00Z", "test"] for one in who)
    server.run("import", str(file), timeout=600)
    return there, here


def _first_attempts(server: Server, notice: str, at: float) -> float:
    """The p95 of a notice's first attempts, in seconds after its 2xx."""
    first = [delivery["attempts"][0]["at"] for delivery in server.deliveries(notice)]
    took = [datetime.fromisoformat(one).timestamp() - at for one in first]
    return statistics.quantiles(took, n=20)[-1]


def _half_arrive(well: Peer, there: set[str], at: float) -> float:
    """Wait until half of an emergency has been taken by the server that works; how long that took, in seconds."""
    deadline = time.monotonic() + 20
    while True:
        taken = sorted(copy.taken for copy in well.copies() if copy.begun > at and copy.to in there)
        if len(taken) >= len(there) // 2:
            return taken[len(there) // 2 - 1] - at
        assert time.monotonic() < deadline, f"{len(taken)} of {len(there)} came"
        time.sleep(0.1)
