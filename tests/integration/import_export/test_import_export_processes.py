"""`alerts import` and `export` on both databases, as processes: killed at odd moments, two at once, out and in."""

from __future__ import annotations

import base64
import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest

from alerts.storage.connect import connect

AGREED = "Tell me,2026-01-01T00:00:00+00:00,form"
COUNT = 3_000
KILLS = 2
KEYS = {name: base64.b64encode(bytes(32)).decode() for name in ("ALERTS_SECRET_KEY", "ALERTS_MASTER_KEY")}


class Office:
    """Runs commands against one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        own = {"ALERTS_DATABASE_URL": url, "ALERTS_LOG_LEVEL": "warning", **KEYS}
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")} | own

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command under way."""
        return subprocess.Popen(
            [sys.executable, "-m", "alerts", *arguments, "--json"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Any:
        """Run a command and return what it prints."""
        return told(self.start(*arguments))

    def migrate(self) -> None:
        """Make the tables, as an operator does on PostgreSQL; until then a command says so."""
        if not self._url.startswith("sqlite"):
            early = self.start("export", "early.csv")
            assert "run `alerts migrate` first" in early.communicate(timeout=60)[1]
            subprocess.run([sys.executable, "-m", "alerts", "migrate"], cwd=self._folder, env=self._env, check=True)

    def topics(self) -> Counter[str]:
        """Number of events by topic."""
        database = connect(self._url, "main")
        try:
            with database.read() as tx:
                return Counter(str(topic) for (topic,) in tx.execute("SELECT topic FROM events"))
        finally:
            database.close()


def told(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    return json.loads(out)


def people(file: Path, count: int) -> Path:
    """Of a thousand people one without an address; every second without a consent."""
    with file.open("w") as out:
        out.write("email,consent_wording,consent_given_at,consent_how\n")
        for number in range(count):
            email = f"r{number}@x.example" if number % 1_000 else f"CANARY {number}"
            out.write(f"{email},{AGREED if number % 2 else ',,'}\n")
    return file


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
def test_an_import_killed_again_and_again_takes_everybody_once(tmp_path: Path, database_url: str) -> None:
    office, rng = Office(tmp_path, database_url), Random(7)
    office.migrate()
    file = people(tmp_path / "people.csv", COUNT)
    for _ in range(KILLS):
        process = office.start("import", str(file))
        sleep(rng.uniform(1.2, 2.4))
        process.kill()
        process.communicate()
    answer = office.run("import", str(file))
    assert (answer["taken"], answer["known"], answer["refused_count"]) == (COUNT - 3, 0, 3)
    topics = office.topics()
    assert topics["SubscriberRegistered"] + topics["SubscriptionRequested"] == COUNT - 3
    assert (topics["ImportStarted"], topics["ImportRowRefused"], topics["ImportFinished"]) == (1, 3, 1)
    assert office.run("import", str(file))["finished_before"]
    assert office.topics() == topics

    assert office.run("export", "out.csv")["subscribers"] == COUNT - 3
    with (tmp_path / "out.csv").open(newline="") as rows:
        addresses = [row["email"] for row in csv.DictReader(rows)]
    assert sorted(addresses) == sorted(f"r{number}@x.example" for number in range(COUNT) if number % 1_000)
    # What went out is another file: everybody who is confirmed is there already.
    again = office.run("import", "out.csv", "--dry-run")
    assert (again["known"], again["refused_count"]) == (topics["SubscriberRegistered"], 0)
    assert office.topics() == topics + Counter({"ExportStarted": 1, "ExportFinished": 1})


def test_two_imports_at_once_take_everybody_once(tmp_path: Path, database_url: str) -> None:
    office = Office(tmp_path, database_url)
    office.migrate()
    both, first = people(tmp_path / "both.csv", 3_000), people(tmp_path / "first.csv", 2_000)
    running = [office.start("import", str(file)) for file in (both, first)]
    ended = [process.communicate(timeout=90) for process in running]
    if database_url.startswith("sqlite"):
        # Without a server one process has the file; the other says so and takes nothing.
        assert sorted(process.returncode for process in running) == [0, 1]
        assert any("try again in a moment" in err for _, err in ended)
        told(office.start("import", str(both)))
        told(office.start("import", str(first)))
    else:
        assert [process.returncode for process in running] == [0, 0], ended
    topics = office.topics()
    assert topics["SubscriberRegistered"] == 1_500
    assert (topics["ImportStarted"], topics["ImportFinished"]) == (2, 2)
