"""Many processes of the product on one PostgreSQL, and mail that goes to a ledger outside: a mail server a worker, so
that the ledger knows who handed over what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from alerts.storage.connect import connect
from tests.crash.harness.checker import Case, Incident, Notice, Verdict, judge
from tests.crash.harness.peers import Peers
from tests.crash.harness.trial import goes_out, told_by, words_of
from tests.crash.server import NOTICE, Server

SMTP_CONNECTIONS = 16
THINK_S = 0.15
"""Delay of a mail server for each message, in seconds: messages in flight at an incident are those in this delay."""
SETTLE_S = 2.0
"""Time after an incident in which hand-overs begun before may still reach their mail server, in seconds."""


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
    """Two webs, up to three workers, and the ledger."""

    def __init__(self, folder: Path, url: str, box: Peers) -> None:
        self.folder, self.url, self.box = folder, url, box
        self.incidents: list[Incident] = []
        self.notices: dict[str, Notice] = {}
        self.ids: dict[str, str] = {}
        self.web = Web(folder, url)
        self.web.set(**box.settings, ALERTS_SMTP_CONNECTIONS=str(SMTP_CONNECTIONS))
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
        """Start one more process that sends, with a mail server of its own: `mail-1` is the first one's."""
        env = self.web._env | {"ALERTS_SMTP_URL": self.box.mail(f"mail-{len(self._workers) + 1}")}
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "alerts", "worker"]
            one = subprocess.Popen(command, cwd=self.folder, env=env, stdout=log, stderr=log)
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

    def plan(self, send_at: float = 0.0) -> str:
        """Draft and issue a notice, at once or at that time (`time.time()`); its id."""
        mark = f"Trial {len(self.notices) + 1}"
        made = str(self.web.ask("POST", "/api/v1/notices", NOTICE | {"content": words_of(mark)})["id"])
        asked = time.time()
        goes_out(self.web, made, send_at)
        self.ids[mark] = made
        self.notices[mark] = Notice(mark=mark, asked=asked, acknowledged=time.time(), due_at=send_at)
        return made

    def killed(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL."""
        at = time.time()
        worker.kill()
        worker.wait()
        self.incidents.append(Incident(at, at + SETTLE_S, self._mail_of(worker)))

    def stopped(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGSTOP."""
        at = time.time()
        worker.send_signal(signal.SIGSTOP)
        self.incidents.append(Incident(at, at + SETTLE_S, self._mail_of(worker)))

    def woken(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGCONT."""
        at = next(i for i, one in enumerate(self.incidents) if one.peer == self._mail_of(worker))
        self.incidents[at] = self.incidents[at]._replace(woke=time.time())
        worker.send_signal(signal.SIGCONT)

    def _mail_of(self, worker: subprocess.Popen[bytes]) -> str:
        return f"mail-{self._workers.index(worker) + 1}"

    def judge(self, people: set[str], at_once: int, *, web: Server) -> Verdict:
        """All notices, to all these people. `at_once`: what a process may have in hand; `web`: whom to ask."""
        due = frozenset((mark, "email", to) for mark in self.notices for to in people)
        told, hands = told_by(web, self.ids), self.box.hands()
        return judge(
            Case(
                notices=list(self.notices.values()),
                due=due,
                hands=hands,
                told=told,
                incidents=self.incidents,
                at_once=at_once,
            )
        )

    def taken(self, mark: str = "") -> set[str]:
        """To whom something has come, or this notice."""
        return {hand.to for hand in self.box.hands() if hand.taken and mark in ("", hand.notice)}

    def until_taken(self, count: int) -> None:
        """Wait for so many copies."""
        self.box.wait(count)

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
