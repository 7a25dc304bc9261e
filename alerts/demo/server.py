"""Server of the demonstration: `alerts serve` as a child process, with its own folder and port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from alerts.settings.key_files import new_master_key

READY_S = 30.0


class ServerFailed(Exception):
    """The server did not start, or ended; `str(error)` has the end of its log."""


class Server:
    """An `alerts serve` process that can be killed and restarted on the same data."""

    def __init__(self, folder: Path, outer: Mapping[str, str]) -> None:
        """`outer` is the environment of the command; of its settings only a PostgreSQL database is used."""
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = folder / "server.log"
        self.env = self._environment(outer)
        self.kills = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it is ready. Raises ServerFailed."""
        if self.env["ALERTS_DATABASE_URL"].startswith("postgres"):
            self._run("migrate")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alerts", "serve", "--host", "127.0.0.1", "--port", str(self.port)],
                env={**os.environ, **self.env},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # so that a Ctrl-C of the demonstration does not reach it first
            )
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"the server did not start; the end of its log:\n{self._tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Send SIGKILL: no handler runs, nothing is completed."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.kills += 1

    def stop(self) -> None:
        """Terminate the server; kill it after ten seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait(self) -> None:
        """Wait until the server ends, or the user interrupts."""
        assert self._process is not None
        self._process.wait()

    def _environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        given = outer.get("ALERTS_DATABASE_URL", "")
        own = {name: "" for name in outer if name.startswith("ALERTS_")}  # an empty value counts as not set
        own |= {
            "ALERTS_DATABASE_URL": f"sqlite:///{self.folder / 'var' / 'alerts.db'}",
            "ALERTS_PUBLIC_URL": self.url,
            "ALERTS_FROM": "London Alerts (demonstration) <alerts@demo.example>",
            "ALERTS_TIMEZONE": "Europe/London",
            "ALERTS_DEFAULT_LANGUAGE": "en",
            "ALERTS_RETRY_SCHEDULE": "1,2,5,10",
            "ALERTS_LOG_FORMAT": "json",
        }
        if given.startswith("postgres"):
            own |= {
                "ALERTS_DATABASE_URL": given,
                "ALERTS_SECRET_KEY": new_master_key(),
                "ALERTS_MASTER_KEY": new_master_key(),
            }
        return own

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "alerts", *command],
            env={**os.environ, **self.env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(done.stderr.strip() or done.stdout.strip())

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
