"""A real `alerts serve` in a process of its own, that a test kills, starves and starts again."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

Json = dict[str, Any]
REPOSITORY = Path(__file__).resolve().parents[2]
SCOPES = "read,notices:write,notices:issue,subscribers:read,subscribers:write"
HERE = {"lat": 51.49, "lon": -0.09, "radius_km": 0.1}
CONSENT = {"wording": "yes", "given_at": "2026-01-01T00:00:00Z", "how": "test"}
NOTICE: Json = {
    "kind": "alert",
    "topic": "safety",
    "severity": "Severe",
    "area": [{"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 2.0}}],
    "content": {"en": {"title": "Smoke in Walworth", "body": "Close windows."}},
}
DANGER: Json = {**NOTICE, "urgency": "Immediate", "certainty": "Observed", "severity": "Extreme"}
"""Danger to life: an emergency."""
KEYS = {name: base64.b64encode(name.encode()[:1] * 32).decode() for name in ("ALERTS_SECRET_KEY", "ALERTS_MASTER_KEY")}
COLUMNS = ["email", "places", "topics", "consent_wording", "consent_given_at", "consent_how"]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server that is killed and started again, and asked until it answers."""

    patience = 30.0
    """Seconds in which it is to answer."""

    def __init__(self, folder: Path, url: str, settings: Mapping[str, str] | None = None) -> None:
        """`folder`: its working directory, with its log. `settings`: more of them, such as ALERTS_SMTP_URL."""
        self.port = free_port()
        self.url, self._folder, self._key = f"http://127.0.0.1:{self.port}", folder, ""
        own = {"ALERTS_DATABASE_URL": url, "ALERTS_PUBLIC_URL": self.url, "PYTHONPATH": str(REPOSITORY)}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")}
        self._env = inherited | own | KEYS | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    # --- the process ---

    def run(self, *arguments: str, timeout: float = 60) -> str:
        """Run a command line of `alerts` and return its output. Its exit code must be 0."""
        command = [sys.executable, "-m", "alerts", *arguments]
        done = subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_key(self) -> None:
        """An API key that may do everything these tests do."""
        policy = self._folder / "policy.json"
        policy.write_text(json.dumps({"version": 1, "default": "issue", "rules": []}))
        made = self.run("api-key", "add", "tests", "--scopes", SCOPES, "--policy", str(policy), "--json")
        self._key = json.loads(made)["secret"]

    def take_in(self, people: Iterable[str]) -> None:
        """Import these e-mail addresses as residents of Walworth."""
        file = self._folder / "people.csv"
        rows = [f'{one},"51.49,-0.09,0.1",safety,yes,2026-01-01T00:00:00Z,test' for one in people]
        file.write_text("\n".join([",".join(COLUMNS), *rows]))
        self.run("import", str(file))

    def command(self) -> list[str]:
        """Command that runs the product; a sweep runs it under a tracer, a guard runs another build of it."""
        return [sys.executable, "-m", "alerts"]

    def start(self, *options: str) -> None:
        """Start it, with options of `alerts serve`, without waiting until it answers."""
        command = [*self.command(), "serve", "--port", str(self.port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=self._env, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """True if it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def ended(self, timeout: float) -> int:
        """Wait for its end, by itself; the exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, to a tracer too."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        """Everything it has written to its log."""
        return (self._folder / "log").read_text()

    # --- HTTP ---

    def fetch(self, method: str, path: str, body: Json | None = None, once: str = "") -> tuple[int, bytes]:
        """Send a request; (status, body). OSError if there is no answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        named = headers | ({"Idempotency-Key": once} if once else {})
        request = urllib.request.Request(f"{self.url}{path}", data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()
        except (ValueError, HTTPException) as cut:
            raise OSError("the answer was cut off") from cut

    def once(self, method: str, path: str, body: Json | None = None, once: str = "") -> Json:
        """Send one request; OSError if there is no answer, or none but `try again`."""
        status, answer = self.fetch(method, path, body, once)
        if status >= 500:
            raise OSError(f"{status}: {answer.decode()}")
        assert status < 400, (path, status, answer)
        try:
            return dict(json.loads(answer))
        except ValueError as cut:
            raise OSError("the answer was cut off") from cut

    def ask(self, method: str, path: str, body: Json | None = None, patience: float = 0.0) -> Json:
        """The same until it is answered, as one request however often it is sent. `patience`: the server's own."""
        name, deadline = str(uuid4()), time.monotonic() + (patience or self.patience)
        while True:
            try:
                return self.once(method, path, body, name if method == "POST" else "")
            except OSError:
                assert time.monotonic() < deadline, self.log()[-2000:]
                time.sleep(0.05)

    def until(self, path: str, holds: Callable[[Json], bool], patience: float = 30) -> Json:
        """Poll `path` until `holds` is true of its content, and return that."""
        deadline = time.monotonic() + patience
        while not holds(found := self.ask("GET", path)):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def issue(self, body: Json) -> str:
        """Draft and issue a notice; its id."""
        notice = str(self.ask("POST", "/api/v1/notices", body)["id"])
        self.ask("POST", f"/api/v1/notices/{notice}/issue", {})
        return notice

    def complete(self, notice: str, patience: float = 60) -> Json:
        """Its dispatch once every delivery is final."""
        return self.until(f"/api/v1/notices/{notice}/dispatch", lambda found: bool(found["complete"]), patience)

    def deliveries(self, notice: str) -> list[Json]:
        """All of a notice's deliveries."""
        found: list[Json] = []
        path: str | None = f"/api/v1/deliveries?notice={notice}&limit=500"
        while path:
            page = self.ask("GET", path.removeprefix(self.url))
            found, path = found + page["items"], page["next"]
        return found
