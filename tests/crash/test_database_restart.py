"""PostgreSQL is restarted, or dies, under load: words instead of promises, and all goes on by itself (P1–P3)."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.crash.mailbox import mailbox
from tests.crash.postgres import OwnPostgres, own_postgres
from tests.crash.server import NOTICE, Server

PEOPLE = {f"p{i}@example.org" for i in range(1500)}
AWAY_S = 1.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


class Drafting(Thread):
    """Drafts notices one after the other; what was acknowledged, and how everything else was answered."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server, self.ended = server, Event()
        self.acknowledged: list[str] = []
        self.refused: list[tuple[int, str]] = []
        self.slowest = 0.0

    def run(self) -> None:
        while not self.ended.wait(0.02):
            begun = time.monotonic()
            status, body = self._server.fetch("POST", "/api/v1/notices", NOTICE)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if status == 201:
                self.acknowledged.append(json.loads(body)["id"])
            else:
                self.refused.append((status, json.loads(body)["detail"]))


@pytest.mark.crash
@pytest.mark.parametrize(
    "crash", [pytest.param(False, id="restarted", marks=pytest.mark.soak), pytest.param(True, id="killed")]
)
def test_a_database_that_goes_away_and_comes_back(crash: bool, postgres: OwnPostgres, tmp_path: Path) -> None:
    with mailbox() as box:
        server = Server(tmp_path, postgres.new(), {"ALERTS_SMTP_URL": box.url})
        server.run("migrate")
        server.take_in(PEOPLE)
        server.make_key()
        server.start()
        drafting = Drafting(server)
        try:
            server.ask("GET", "/readyz")
            drafting.start()
            first = server.issue(NOTICE)
            box.wait(len(PEOPLE) // 4)
            postgres.stop(crash=crash)
            assert len(box.taken) < len(PEOPLE), "it was to go in mid-dispatch"
            time.sleep(AWAY_S)
            assert server.fetch("GET", "/healthz")[0] == 200
            assert server.fetch("GET", "/readyz")[0] == 503
            assert server.fetch("GET", "/api/v1/notices")[0] == 503
            postgres.start()
            second = server.issue(NOTICE)  # in the same process
            for notice in (first, second):
                assert server.complete(notice)["by_channel"] == {"email": {"sent": len(PEOPLE)}}
            server.until("/readyz", lambda found: bool(found["ready"]), 10)
            drafting.ended.set()
            drafting.join(30)
            kept = {item["id"] for item in _every(server, "/api/v1/notices?limit=500")}
        finally:
            drafting.ended.set()
            server.kill()
    assert drafting.refused and {status for status, _ in drafting.refused} == {503}, drafting.refused
    assert all(words.startswith(("PostgreSQL", "The log cannot be written")) for _, words in drafting.refused)
    assert set(drafting.acknowledged) <= kept, "an acknowledged draft is lost"
    copies = Counter((one.to, one.delivery) for one in box.taken)
    assert Counter(to for to, _ in copies) == dict.fromkeys(PEOPLE, 2), "lost, ghost or another identity"
    assert set(copies.values()) == {1}, "no process died and no reply was lost: there is nothing to send twice"


def _every(server: Server, path: str) -> Iterator[dict[str, str]]:
    following: str | None = path
    while following:
        page = server.ask("GET", following.removeprefix(server.url))
        yield from page["items"]
        following = page["next"]
