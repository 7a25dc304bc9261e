"""kill -9 of a real `alerts serve` while people sign up and notices go out: lost 0, ghost 0, every count exact."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread, Timer

import pytest

from alerts.providers.inbox_store import SqliteTables
from alerts.storage.connect import connect
from tests.crash.server import CONSENT, HERE, NOTICE, Server

ROUNDS, PEOPLE = 2, 600


class SigningUp(Thread):
    """Signs people up one after the other; who was tried, and who was told that they are in."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server, self.ended = server, Event()
        self.tried, self.acknowledged = set[str](), set[str]()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            email = f"s{len(self.tried)}@example.org"
            self.tried.add(email)
            body = {"email": email, "places": [HERE], "topics": ["safety"], "confirmed": True, "consent": CONSENT}
            try:
                self._server.once("POST", "/api/v1/subscribers", body)
            except OSError:
                continue  # nobody knows, and nobody was promised anything
            self.acknowledged.add(email)


def inbox(folder: Path, url: str) -> list[tuple[str, str]]:
    """(delivery, recipient) of every copy."""
    tables = SqliteTables(folder / "var" / "inbox.db") if url.startswith("sqlite") else connect(url, "main")
    with tables.read() as tx:
        rows = tx.execute("SELECT delivery, recipient FROM inbox")
    tables.close()
    return [(row[0], row[1]) for row in rows]


# On SQLite the sweep over syncs and over the steps of each dialogue shows the same.
@pytest.mark.parametrize("dialect", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True)
@pytest.mark.crash
def test_a_killed_server_loses_nobody_and_tells_nobody_else(dialect: str, database_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    server, rng = Server(tmp_path, url), random.Random(time.time_ns())
    imported = {f"p{i}@example.org" for i in range(PEOPLE)}
    if dialect == "postgresql":
        server.run("migrate")
    server.take_in(imported)
    server.make_key()
    server.start()
    signing = SigningUp(server)
    issued: list[tuple[str, set[str], set[str]]] = []
    try:
        signing.start()
        for _ in range(ROUNDS):
            server.ask("GET", "/healthz")
            notice = server.ask("POST", "/api/v1/notices", NOTICE)["id"]

            def die() -> None:
                server.kill()
                server.start()

            killer = Timer(rng.uniform(0, 0.6), die)
            killer.start()
            before = imported | signing.acknowledged
            server.ask("POST", f"/api/v1/notices/{notice}/issue", {})
            issued.append((notice, before, imported | signing.tried))
            killer.join()
        signing.ended.set()
        signing.join()
        for notice, due, allowed in issued:
            seen = server.until(f"/api/v1/notices/{notice}/dispatch", lambda found: found["complete"])
            deliveries = server.deliveries(notice)
            assert seen["by_channel"] == {"email": dict(Counter(d["state"] for d in deliveries))}
            assert {d["state"] for d in deliveries} == {"sent"}
            ids = {d["id"] for d in deliveries}
            copies = Counter(copy for copy in inbox(tmp_path, url) if copy[0] in ids)
            reached = Counter(to for _, to in copies)
            assert due <= set(reached), "lost"
            assert set(reached) <= allowed and len(reached) == len(ids) == seen["deliveries"], "ghost"
            assert set(reached.values()) == {1}, "two identities"
            assert max(copies.values()) <= 1 + ROUNDS
        moving = ("unprojected", "planning", "queued", "in_flight", "in_doubt")
        server.until("/api/v1/status", lambda found: not any(found[name] for name in moving))
    finally:
        signing.ended.set()
        server.kill()
