"""A real `alerts serve`, keys by its command line, and kill -9: what was answered is there, and is answered again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Server:
    """Server of one folder. `kill` and `start` again as often as you like."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")},
            "PYTHONPATH": str(REPOSITORY),
            "ALERTS_PUBLIC_URL": self.url,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "alerts", "serve"],
            cwd=self._folder, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(1200):
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the server did not come up")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def run(self, *arguments: str) -> dict[str, Any]:
        done = self._alerts(*arguments)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def refused(self, *arguments: str) -> tuple[int, str]:
        done = self._alerts(*arguments)
        assert not done.stdout
        return done.returncode, done.stderr

    def _alerts(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alerts", *arguments, "--json"],
            cwd=self._folder, env=self._env, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"Content-Type": "application/json", **named}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"{}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server on SQLite in a folder of its own."""
    made = Server(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def test_what_was_answered_survives_kill_and_is_answered_again(server: Server) -> None:
    key = server.run("api-key", "add", "tests", "--scopes", "read,incidents:write")["secret"]
    bearer = f"Bearer {key}"
    body = {"headline": "A water main has burst"}
    status, first = server.ask("POST", "/api/v1/incidents", body, Authorization=bearer, Idempotency_Key="once")
    assert status == 201, first
    server.kill()
    server.start()
    status, again = server.ask("POST", "/api/v1/incidents", body, Authorization=bearer, Idempotency_Key="once")
    assert (status, again) == (201, first), "the key survives a crash"
    status, _ = server.ask("POST", "/api/v1/incidents", {"headline": "x"}, Authorization=bearer, Idempotency_Key="once")
    assert status == 409
    status, listed = server.ask("GET", "/api/v1/incidents", Authorization=bearer)
    assert [incident["id"] for incident in listed["items"]] == [first["id"]]

    secret = server.run("source", "add", "estates", "--kind", "cap")
    assert secret["url"].startswith(f"{server.url}/hooks/estates")
    status, found = server.ask("POST", "/hooks/estates", {}, Authorization=f"Bearer {secret['secret']}")
    assert (status, found["status"]) == (415, 415)
    assert server.ask("GET", "/api/v1/status")[0] == 401
    assert server.ask("GET", "/readyz")[0] == 200


def test_a_command_that_finds_nothing_fails_and_one_called_wrongly_says_so(server: Server) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    code, words = server.refused("why-not", nobody, nobody)
    assert code == 1 and "there is no notice" in words
    key = server.run("api-key", "add", "tests", "--scopes", "read,subscribers:write")["secret"]
    bearer = f"Bearer {key}"
    assert server.ask("POST", "/api/v1/subscribers", {"email": "a@example.org"}, Authorization=bearer)[0] == 201
    for _ in range(300):
        deliveries = server.ask("GET", "/api/v1/deliveries", Authorization=bearer)[1]["items"]
        if deliveries:
            break
        time.sleep(0.05)
    code, words = server.refused("why", deliveries[0]["id"])
    assert code == 1 and "a confirmation" in words, "through the running server"
    code, words = server.refused("api-key", "add", "x", "--scopes", "nonsense")
    assert code == 2 and "unknown scopes nonsense" in words, "through the running server"
