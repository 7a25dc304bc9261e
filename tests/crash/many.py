"""Many processes of the product on one PostgreSQL, mail that goes to a ledger outside, and what that must show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from alerts.eventlog.database import connect
from tests.crash.server import REPOSITORY, Json, Server

SMTP_CONNECTIONS = 16


class Copy(NamedTuple):
    """One message that the mail server took."""

    at: float
    to: str
    identity: str


class Web(Server):
    """`alerts serve` with the roles web and scheduler."""

    def start(self, *options: str) -> None:
        """As a process that sends nothing."""
        super().start("--roles", "web,scheduler", *options)

    def beside(self) -> Web:
        """Another one, with the same settings on another port."""
        other = Web(self._folder, self._env["ALERTS_DATABASE_URL"])
        other._key = self._key
        other._env |= {name: value for name, value in self._env.items() if name != "ALERTS_PUBLIC_URL"}
        return other

    def set(self, **values: str) -> None:
        """Settings of all that is started from here on."""
        self._env |= values


class Cluster:
    """Two webs, any number of workers, and the ledger."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.ledger = folder / "ledger"
        command = [sys.executable, "-m", "tests.crash.mail_ledger", str(self.ledger)]
        self._peer = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._peer.stdout is not None
        port = int(self._peer.stdout.readline())
        self.web = Web(folder, url)
        self.web.set(ALERTS_SMTP_URL=f"smtp://127.0.0.1:{port}?tls=none", ALERTS_SMTP_CONNECTIONS=str(SMTP_CONNECTIONS))
        self.web.run("migrate")
        self.web.make_key()
        self.other = self.web.beside()
        self._workers: list[subprocess.Popen[bytes]] = []

    def people(self, count: int) -> set[str]:
        """Import so many around Walworth; their addresses."""
        rows = [f'p{i}@example.org,"51.49,-0.09,0.1",safety,yes,2026-01-01T00:00:00Z,test' for i in range(count)]
        file = self.folder / "people.csv"
        file.write_text("\n".join(["email,places,topics,consent_wording,consent_given_at,consent_how", *rows]))
        self.web.run("import", str(file))
        return {f"p{i}@example.org" for i in range(count)}

    def worker(self) -> subprocess.Popen[bytes]:
        """One more process that sends."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "alerts", "worker"]
            one = subprocess.Popen(command, cwd=self.folder, env=self.web._env, stdout=log, stderr=log)
        self._workers.append(one)
        return one

    def workers(self, count: int) -> list[subprocess.Popen[bytes]]:
        """So many, at work."""
        made = [self.worker() for _ in range(count)]
        self.until(lambda: self.ask("SELECT COUNT(*) FROM workers") == count, f"{count} workers at work")
        return made

    def ask(self, sql: str, *values: str) -> int:
        """A number that the database knows."""
        main = connect(self.url, "main")
        try:
            with main.read() as tx:
                return int(tx.execute(sql, values)[0][0])
        finally:
            main.close()

    def taken(self) -> list[Copy]:
        """What the mail server took, in order."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [Copy(float(at), to, identity) for at, to, identity in (line.split(" ", 2) for line in lines)]

    def until_taken(self, count: int) -> None:
        """Wait for so many copies."""
        self.until(lambda: len(self.taken()) >= count, f"{count} messages")

    def until(self, holds: Callable[[], bool], what: str, patience: float = 60.0) -> None:
        """Wait for something to hold."""
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"no {what}: " + (self.folder / "log").read_text()[-3000:]
            time.sleep(0.02)

    def close(self) -> None:
        """End everything that was started here."""
        for one in self._workers:
            one.send_signal(signal.SIGCONT)
            one.kill()
            one.wait()
        self.web.kill()
        self.other.kill()
        assert self._peer.stdin is not None
        self._peer.stdin.close()
        self._peer.wait(10)


def restart_database(url: str) -> None:
    """Kill a server process of PostgreSQL: it ends every session, recovers as after a crash, and takes connections."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        [(backend,)] = admin.execute("SELECT pg_backend_pid()").fetchall()
        os.kill(backend, signal.SIGKILL)


def database_away(url: str, seconds: float) -> None:
    """End every session and let nobody in for so long."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[call-overload]
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        time.sleep(seconds)
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[call-overload]


def judge(copies: list[Copy], due: set[str], incidents: list[float], *, doubtful: int) -> None:
    """Lost 0, ghost 0, one identity each; a second copy only of what was in flight at an incident (seconds since 1970),
    `doubtful` of them at most."""
    by_person: dict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_person[copy.to].append(copy)
    assert due <= set(by_person), f"lost: {len(due - set(by_person))}"
    assert set(by_person) <= due, "ghosts"
    assert all(len({copy.identity for copy in found}) == 1 for found in by_person.values()), "two identities"
    twice = {to: found for to, found in by_person.items() if len(found) > 1}
    most = max(Counter(copy.to for copy in copies).values())
    assert most <= 1 + len(incidents), f"{len(twice)} were told up to {most} times, after {len(incidents)} incidents"
    for to, found in twice.items():
        # The killed one had handed it over and not recorded it; or who woke was in mid-conversation about it.
        near = [at for at in incidents for copy in found if -2.0 <= copy.at - at <= 2.0]
        assert near, f"{to} was told twice, at {[copy.at for copy in found]}, far from every incident {incidents}"
    assert len(twice) <= doubtful, f"{len(twice)} were told twice"


def planned(web: Server, notice: Json, at: str | None = None) -> str:
    """Draft and issue a notice, at once or at that time; its id."""
    made = web.ask("POST", "/api/v1/notices", notice | ({"send_at": at} if at else {}))["id"]
    web.ask("POST", f"/api/v1/notices/{made}/issue", {})
    return str(made)
