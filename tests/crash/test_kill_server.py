"""kill -9 of a real `alerts serve` while people sign up and notices go out: lost 0, ghost 0, every count exact."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any
from uuid import uuid4

import pytest

from alerts.channels.providers.tables import SqliteTables
from alerts.eventlog.database import connect

Json = dict[str, Any]
ROUNDS, PEOPLE = 2, 600
REPOSITORY = Path(__file__).resolve().parents[2]
SCOPES = "read,notices:write,notices:issue,subscribers:write"
HERE = {"lat": 51.49, "lon": -0.09, "radius_km": 0.1}
CONSENT = {"wording": "yes", "given_at": "2026-01-01T00:00:00Z", "how": "test"}
NOTICE: Json = {
    "kind": "alert",
    "topic": "safety",
    "severity": "Severe",
    "area": [{"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 2.0}}],
    "content": {"en": {"title": "Smoke in Walworth", "body": "Close windows."}},
}
KEYS = {name: base64.b64encode(name.encode()[:1] * 32).decode() for name in ("ALERTS_SECRET_KEY", "ALERTS_MASTER_KEY")}


class Server:
    """A server that is killed and started again, and asked until it answers."""

    def __init__(self, folder: Path, url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url, self._folder, self._key = f"http://127.0.0.1:{self.port}", folder, ""
        own = {"ALERTS_DATABASE_URL": url, "ALERTS_PUBLIC_URL": self.url, "PYTHONPATH": str(REPOSITORY)}
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")} | own | KEYS
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "alerts", *arguments]
        done = subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_key(self) -> None:
        policy = self._folder / "policy.json"
        policy.write_text(json.dumps({"version": 1, "default": "issue", "rules": []}))
        made = self.run("api-key", "add", "tests", "--scopes", SCOPES, "--policy", str(policy), "--json")
        self._key = json.loads(made)["secret"]

    def start(self) -> None:
        command = [sys.executable, "-m", "alerts", "serve", "--port", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, env=self._env, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def once(self, method: str, path: str, body: Json | None = None, once: str = "") -> Json:
        """One request; OSError if there is no answer, or none but `try again`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        named = headers | ({"Idempotency-Key": once} if once else {})
        request = urllib.request.Request(f"{self.url}{path}", data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as refused:
            if refused.code >= 500:
                raise
            raise AssertionError((path, refused.code, refused.read())) from refused
        except (ValueError, HTTPException) as cut:
            raise OSError("the answer was cut off") from cut

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """The same until it is answered, as one request however often it is sent."""
        name, deadline = str(uuid4()), time.monotonic() + 30
        while True:
            try:
                return self.once(method, path, body, name if method == "POST" else "")
            except OSError:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2000:]
                time.sleep(0.05)

    def until(self, path: str, holds: Any) -> Json:
        deadline = time.monotonic() + 30
        while not holds(found := self.ask("GET", path)):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def deliveries(self, notice: str) -> list[Json]:
        found: list[Json] = []
        path: str | None = f"/api/v1/deliveries?notice={notice}&limit=500"
        while path:
            page = self.ask("GET", path.removeprefix(self.url))
            found, path = found + page["items"], page["next"]
        return found


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


@pytest.mark.crash
def test_a_killed_server_loses_nobody_and_tells_nobody_else(dialect: str, database_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    server, chance = Server(tmp_path, url), random.Random(time.time_ns())
    people = tmp_path / "people.csv"
    rows = [f'p{i}@example.org,"51.49,-0.09,0.1",safety,yes,2026-01-01T00:00:00Z,test' for i in range(PEOPLE)]
    people.write_text("\n".join(["email,places,topics,consent_wording,consent_given_at,consent_how", *rows]))
    if dialect == "postgresql":
        server.run("migrate")
    server.run("import", str(people))
    server.make_key()
    imported = {f"p{i}@example.org" for i in range(PEOPLE)}
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

            killer = Timer(chance.uniform(0, 0.6), die)
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
