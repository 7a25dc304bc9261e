"""Restart of one server with many people: time to serve, count and send after a start and after a kill; memory.

Measured on a real `alerts serve` over HTTP; its mail goes to a sink in a separate process, whose clock gives the time
of the first message. In order: the read models are rebuilt offline; a first start reads the rest of the log and is
stopped; the second start is measured, then the audience during drawing, an emergency to 5,000, a bulletin to everybody,
a SIGKILL in the middle of it, the start after that, and an emergency into the rest.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep, time
from typing import Any

from alerts.bench.postgres import fresh_database
from alerts.bench.row import Row

_STATED = 1_000_000
"""Size for which the targets are stated."""
_PATIENCE_S = 600.0
_ASKED = 60
_URGENT = 5_000
_SCOPES = "read,notices:write,notices:issue"
_LONDON = {"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 60.0}}
_AWAY = {"circle": {"lat": 55.0, "lon": -3.0, "radius_km": 2.0}}
_KEYS = ("ALERTS_MASTER_KEY", "ALERTS_SECRET_KEY")
_NOTICE = {"kind": "announcement", "priority": "bulletin", "channels": ["email"], "area": [_LONDON]}
_WORDS = {"en": {"title": "Front desks change on Monday", "body": "Half of the front desks close. Yours is below."}}
_DANGER = {
    "kind": "alert",
    "severity": "Extreme",
    "urgency": "Immediate",
    "certainty": "Observed",
    "channels": ["email"],
    "area": [_AWAY],
}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of people: SQLite, and PostgreSQL if a server is available."""
    for size in sizes:
        with TemporaryDirectory(prefix="alerts-bench-") as folder:
            yield from _measured(f"sqlite:///{folder}/alerts.db", "SQLite", Path(folder), size)
    with fresh_database() as server:
        if server is None:
            return
        for size in sizes:
            with server() as url, TemporaryDirectory(prefix="alerts-bench-") as folder:
                yield from _measured(url, "PostgreSQL", Path(folder), size)


def _measured(url: str, kind: str, folder: Path, size: int) -> Iterator[Row]:
    def row(name: str, ours: float, target: float | None, unit: str = "s", **more: Any) -> Row:
        stated = target if size >= _STATED else None
        return Row(name=f"{name}, {kind}", size=size, unit=unit, ours=ours, target=stated, better="lower", **more)

    with _sink() as sink:
        server = RestartedServer(url, folder, sink.port)
        if kind == "SQLite":
            server.start()
            yield row("memory, idle, nobody subscribed", server.megabytes(after=3.0), 120.0, "MB")
            server.stop()
        server.run("-m", "alerts", "migrate")
        server.run("-m", "alerts.bench.populated", str(size), str(_URGENT))
        begun = perf_counter()
        server.run("-m", "alerts", "rebuild")
        yield row("rebuild of all read models", perf_counter() - begun, 60.0)
        server.make_key()
        try:
            yield row("first count after a rebuild", server.start_and(server.counts), None)
            server.stop()
            yield row("serving after a start", server.start(), 2.0)
            yield row("first count after a start", server.since_start(server.counts), None)
            yield row("memory, everybody indexed", server.megabytes(after=3.0), 400.0, "MB")
            yield row("audience of a large borough through the API, p95", server.drawn() * 1000, 50.0, "ms")
            idle = server.emergency()
            yield row("emergency to 5,000 alone: p95 of first attempts", idle, 2.0)
            came = sink.next()
            issued = server.issue({**_NOTICE, "content": _WORDS})
            yield row("first message of a bulletin to everybody after the 2xx", came() - issued, 1.0)
            sleep(2.0)
            server.kill()
            came = sink.next()
            begun = time()
            yield row("serving after a kill -9", server.start(), 2.0)
            yield row("sending after a kill -9", came() - begun, 5.0)
            flood = server.emergency()
            yield row("the same emergency into the bulletin: more than alone", max(0.0, flood - idle), 2.0)
        finally:
            server.kill()


class RestartedServer:
    """An `alerts serve` process, with measurements."""

    def __init__(self, url: str, folder: Path, smtp: int) -> None:
        from alerts.bench.mail_limit import free_port

        self._folder, self._port = folder, free_port()
        self.http = f"http://127.0.0.1:{self._port}"
        own = {
            "ALERTS_DATABASE_URL": url,
            "ALERTS_PUBLIC_URL": self.http,
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{smtp}?tls=none",
            "ALERTS_LOG_LEVEL": "error",
            **{
                name: b64encode(secrets.token_bytes(32)).decode() for name in ("ALERTS_MASTER_KEY", "ALERTS_SECRET_KEY")
            },
        }
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")} | own
        self._process: subprocess.Popen[bytes] | None = None
        self._key, self._begun = "", 0.0

    def run(self, *arguments: str) -> str:
        """Run a Python program and return its output."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=self._env, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or "it failed").splitlines()[-1])
        return done.stdout

    def make_key(self) -> None:
        """Create an API key that may issue."""
        asked = ("api-key", "add", "bench", "--scopes", _SCOPES, "--policy", "issue", "--rate", "1000000", "--json")
        self._key = json.loads(self.run("-m", "alerts", *asked))["secret"]

    def sign_in_link(self) -> str:
        """Add an author to the team; returns the link that signs them in once."""
        said = self.run("-m", "alerts", "team", "add", "bench@town.example", "--role", "author")
        return next(word for word in said.split() if "/console/sign-in/" in word)

    def start(self) -> float:
        """Start the server; returns the seconds until it is ready."""
        command = [sys.executable, "-m", "alerts", "serve", "--port", str(self._port)]
        self._begun = perf_counter()
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, cwd=self._folder, stdout=log, stderr=log)
        return self.since_start(lambda: self._asked("GET", "/readyz") is not None)

    def start_and(self, there: Callable[[], bool]) -> float:
        """Start the server; returns the seconds until the condition holds."""
        self.start()
        return self.since_start(there)

    def since_start(self, there: Callable[[], bool]) -> float:
        """Seconds from the start until the condition holds."""
        while not there():
            if self._process is None or self._process.poll() is not None or self._seconds() > _PATIENCE_S:
                raise RuntimeError("the server did not come up")
            sleep(0.02)
        return self._seconds()

    def _seconds(self) -> float:
        return perf_counter() - self._begun

    def stop(self) -> None:
        """Stop the server as an operator does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def kill(self) -> None:
        """Kill the server as a power failure would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def megabytes(self, after: float) -> float:
        """Resident memory in megabytes after `after` seconds at rest."""
        assert self._process is not None
        sleep(after)
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        raise RuntimeError("the memory of a process is read from /proc, which says nothing here")

    def counts(self) -> bool:
        """Return True if the server can count an audience."""
        return self._asked("POST", "/api/v1/audience", {**_DANGER, "area": [_LONDON]}) is not None

    def drawn(self) -> float:
        """95th percentile of the seconds to count the audience of a large borough, measured repeatedly."""
        text = (files("alerts.demo") / "london-boroughs.geojson").read_text(encoding="utf-8")
        [shape] = [f["geometry"] for f in json.loads(text)["features"] if f["properties"]["name"] == "Bromley"]
        body = {"kind": "alert", "area": [shape], "topic": "weather", "severity": "Moderate", "channels": ["email"]}
        took = []
        for _ in range(_ASKED):
            begun = perf_counter()
            if self._asked("POST", "/api/v1/audience", body) is None:
                raise RuntimeError("the audience was not counted")
            took.append(perf_counter() - begun)
        return statistics.quantiles(took, n=20)[-1]

    def issue(self, notice: Mapping[str, Any]) -> float:
        """Issue a notice; returns the time of its 2xx in epoch seconds."""
        self._issued(notice)
        return time()

    def emergency(self) -> float:
        """Issue an emergency to the distant people; returns the p95 of the seconds from its 2xx to a first attempt."""
        number = self._issued({**_DANGER, "content": _WORDS})
        deadline = perf_counter() + _PATIENCE_S
        while True:
            found = self._asked("GET", f"/api/v1/notices/{number}/dispatch")
            if found is not None and found["complete"]:
                return float(found["p95_s"])
            if perf_counter() > deadline:
                raise RuntimeError("the emergency did not go out")
            sleep(0.1)

    def _issued(self, notice: Mapping[str, Any]) -> str:
        made = self._asked("POST", "/api/v1/notices", notice)
        if made is None:
            raise RuntimeError("the notice was not taken")
        if self._asked("POST", f"/api/v1/notices/{made['id']}/issue", {}) is None:
            raise RuntimeError("the notice was not issued")
        return str(made["id"])

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Response body, None if it is not a 2xx or the server does not answer."""
        request = urllib.request.Request(
            self.http + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except OSError:  # HTTPError is one
            return None
        return json.loads(text) if text[:1] in (b"{", b"[") else text


class _Sink:
    """Client of the sink of `alerts.bench.mail_peers`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def next(self) -> Callable[[], float]:
        """Return a function that waits for the next message from now on and gives its time in epoch seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write("next\n")
        self._process.stdin.flush()
        self._line()
        return lambda: float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def _sink() -> Iterator[_Sink]:
    command = [sys.executable, "-m", "alerts.bench.mail_peers", "sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Sink(process)
        assert process.stdin is not None
        process.stdin.close()
