"""E-mail by one, two and four `alerts worker` processes on one PostgreSQL, end to end into a sink.

Compared is the work per core: messages per CPU second of the workers, several beside one. (On a machine with as many
cores as processes the rate grows accordingly, until the database is the limit; on a smaller one processes, database and
sink share the cores, and the rate shows only that.) The database's CPU time is reported beside it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from alerts import settings
from alerts.app import bootstrap, schema
from alerts.bench import mail_limit
from alerts.bench.mail_load import AT_A_TIME, issue, people
from alerts.bench.postgres import fresh_database
from alerts.bench.row import Row
from alerts.storage.connect import connect

_PROCESSES = (1, 2, 4)
_TARGET = 0.8
MOST = 20_000
_WAIT_S = 600.0
_IDLE_CPU_S = 0.05
"""CPU seconds within half a second below which processes count as idle."""
_KEYS = {name: b64encode(bytes(32)).decode() for name in ("ALERTS_MASTER_KEY", "ALERTS_SECRET_KEY")}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each size; above 20,000 messages the rates no longer change."""
    if not Path("/proc/self/stat").exists():
        print("alerts: the CPU time of other processes is read from /proc, which is not here: no row", file=sys.stderr)
        return
    with fresh_database() as fresh:
        if fresh is None:
            print("alerts: no PostgreSQL to measure on: several workers are not measured", file=sys.stderr)
            return
        for size in dict.fromkeys(min(size, MOST) for size in sizes):
            with fresh() as url:
                yield from _measured(url, size)


def _measured(url: str, size: int) -> Iterator[Row]:
    with TemporaryDirectory(prefix="alerts-bench-") as folder, mail_limit.sink() as port:
        env = {
            "ALERTS_DATABASE_URL": url,
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
            "ALERTS_SMTP_CONNECTIONS": str(mail_limit.SESSIONS),
            "ALERTS_LOG_LEVEL": "error",
            **_KEYS,
        }
        chosen = settings.load(env)
        schema.migrate_all(chosen)
        app = bootstrap.build(chosen)
        try:
            for first in range(0, size, AT_A_TIME):
                count = min(AT_A_TIME, size - first)
                app.writer.submit(lambda unit, n=count: people(unit, n), by="bench").result()  # type: ignore[misc]
            alone = 0.0
            with _workers(env, folder) as workers:
                for count in _PROCESSES:
                    workers.grow(count)
                    rate, per_cpu, database = _sent(app, url, workers.pids, size)
                    alone = alone or per_cpu
                    name = f"e-mail by {count} worker processes, PostgreSQL"
                    yield Row(name=name, size=size, unit="messages/s", ours=rate)
                    if count > 1:
                        work = f"{name}: work per CPU s (limit: one)"
                        yield Row(name=work, size=size, unit="messages", ours=per_cpu, limit=alone, target=_TARGET)
                    told = f"{name}: CPU of the database"
                    yield Row(name=told, size=size, unit="ms/1000", ours=database, better="lower")
        finally:
            asyncio.run(app.stop())


class _Workers:
    """The worker processes."""

    def __init__(self, env: dict[str, str], folder: str) -> None:
        self._env, self._folder = {**os.environ, **env}, folder
        self.all: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        return [one.pid for one in self.all]

    def grow(self, count: int) -> None:
        """Start workers up to `count` and wait until they are ready and idle."""
        while len(self.all) < count:
            command = [sys.executable, "-m", "alerts", "worker"]
            self.all.append(subprocess.Popen(command, cwd=self._folder, env=self._env))
        deadline = perf_counter() + _WAIT_S
        database = connect(self._env["ALERTS_DATABASE_URL"], "main")
        try:
            while True:
                with database.read() as tx:
                    [(there,)] = tx.execute("SELECT COUNT(*) FROM workers")
                before = _cpu(self.pids)
                sleep(0.5)
                if there == count and _cpu(self.pids) - before < _IDLE_CPU_S:
                    return
                if perf_counter() > deadline or any(one.poll() is not None for one in self.all):
                    raise RuntimeError("the workers did not start")
        finally:
            database.close()


@contextmanager
def _workers(env: dict[str, str], folder: str) -> Iterator[_Workers]:
    made = _Workers(env, folder)
    try:
        yield made
    finally:
        for one in made.all:
            one.terminate()
        for one in made.all:
            one.wait(30)


def _sent(app: bootstrap.App, url: str, pids: Sequence[int], size: int) -> tuple[float, float, float]:
    """Measure a dispatch.

    Returns (messages per second, messages per CPU second of the workers, CPU milliseconds of the database per 1000
    messages).
    """
    sessions = _sessions(url)
    theirs, ours, begun = _cpu(sessions), _cpu(pids), perf_counter()
    number = app.writer.submit(issue, by="bench").result().result
    while (progress := app.dispatch.progress(number)) is None or not progress.complete:
        if perf_counter() - begun > _WAIT_S:
            raise RuntimeError(f"the dispatch did not end within {_WAIT_S:g} s")
        sleep(0.1)
    took = perf_counter() - begun
    return size / took, size / (_cpu(pids) - ours), (_cpu(sessions) - theirs) * 1e6 / size


def _sessions(url: str) -> list[int]:
    """Server processes of this database; [] if the server runs on another machine."""
    database = connect(url, "main")
    try:
        with database.read() as tx:
            rows = tx.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return [int(pid) for (pid,) in rows if Path(f"/proc/{pid}/stat").exists()]
    finally:
        database.close()


def _cpu(pids: Iterable[int]) -> float:
    """CPU seconds used by these processes, without those that have ended."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
