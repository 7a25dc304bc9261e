"""`alerts import`, `export` and `places` as an operator runs them: broken off, run again, taken out and in."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from alerts.cli import run
from tests.support.command_rig import CAMDEN, HACKNEY

AGREED = "Tell me,2026-01-01T00:00:00+00:00,form"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance of its own, on SQLite."""
    for name in [name for name in os.environ if name.startswith("ALERTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert run(["migrate"]) == 0
    return tmp_path


Alerts = Callable[..., Any]


@pytest.fixture
def asked(folder: Path, capfd: pytest.CaptureFixture[str]) -> Alerts:
    """Runs a command with `--json` in this process; what it prints."""

    def run_here(*arguments: str, code: int = 0) -> Any:
        capfd.readouterr()
        found = run([*arguments, "--json"])
        out, err = capfd.readouterr()
        assert found == code, err
        return json.loads(out) if code == 0 else err

    return run_here


def topics(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "var/alerts.db") as database:
        return [topic for (topic,) in database.execute("SELECT topic FROM events ORDER BY position")]


def test_an_import_that_is_killed_goes_on_where_it_was(folder: Path, asked: Alerts) -> None:
    count = 9_000
    file = folder / "people.csv"
    with file.open("w") as out:
        out.write("email,consent_wording,consent_given_at,consent_how\n")
        out.writelines(
            f"r{number}@x.example,{AGREED if number % 2 else ',,'}\n" if number % 1_000 else f"bad {number},,,\n"
            for number in range(count)
        )
    command = [sys.executable, "-m", "alerts", "import", str(file)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_rows(folder / "var/alerts.db", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = topics(folder)
    assert 0 < before.count("SubscriptionRequested") < count / 2

    report = folder / "refused.csv"
    answer = asked("import", str(file), "--report", str(report))
    assert answer["resumed_at"] in (2_000, 4_000, 6_000)
    assert (answer["taken"], answer["known"], answer["refused_count"]) == (count - 9, 0, 9)
    after = topics(folder)
    assert after.count("SubscriptionRequested") + after.count("SubscriberRegistered") == count - 9
    assert (after.count("ImportStarted"), after.count("ImportRowRefused"), after.count("ImportFinished")) == (1, 9, 1)
    with report.open() as rows:
        assert [int(row["line"]) for row in csv.DictReader(rows)] == [2 + 1_000 * n for n in range(9)]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600

    once_more = asked("import", str(file))
    assert (once_more["finished_before"], once_more["taken"], once_more["refused_count"]) == (True, count - 9, 9)
    assert topics(folder) == after


def _wait_for_rows(database: Path, process: subprocess.Popen[bytes]) -> None:
    """Until a page of the import is on disk."""
    deadline = monotonic() + 60
    while monotonic() < deadline and process.poll() is None:
        try:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reader:
                if reader.execute("SELECT 1 FROM imports WHERE done > 0").fetchall():
                    return
        except sqlite3.Error:
            pass  # not there yet
        sleep(0.005)
    raise AssertionError("no page was ever taken")


def test_what_goes_out_comes_in_the_same_elsewhere(
    folder: Path, asked: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "people.csv"
    file.write_text(
        "email,phone,language,places,topics,quiet_from,quiet_to,frequency,paused_until,consent_wording,"
        "consent_given_at,consent_how\n"
        'a@x.example,+447700900001,cy,"51.5,-0.1,2",weather safety,22:00,07:00,daily,2999-01-01T00:00:00+00:00,'
        "'=1+1 is what I agree to,2026-01-01T00:00:00+00:00,form\n"
        "b@x.example,,,,,,,,,,,\n"
        f"c@x.example,,,,,,,,,{AGREED}\n"
    )
    assert asked("import", str(file), "--dry-run")["taken"] == 3
    assert not set(topics(folder)) & {"ImportStarted", "SubscriberRegistered", "SubscriptionRequested"}
    assert asked("import", str(file))["taken"] == 3
    assert asked("export", "out.csv")["subscribers"] == 3
    assert stat.S_IMODE((folder / "out.csv").stat().st_mode) == 0o600
    assert "'=1+1 is what I agree to" in (folder / "out.csv").read_text()
    other = folder / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert run(["migrate"]) == 0
    assert asked("import", str(folder / "out.csv"))["taken"] == 3
    asked("export", "out.csv")
    assert (other / "out.csv").read_text() == (folder / "out.csv").read_text()
    assert not list(folder.glob(".*.part"))


def test_a_file_that_cannot_be_read_is_refused_before_anything_is_taken(folder: Path, asked: Alerts) -> None:
    (folder / "people.csv").write_text('email\na@x.example\n"b@x.example\n')
    told = asked("import", "people.csv", code=1)
    assert "line 3: a quotation mark is opened and never closed" in told
    assert not (folder / "var").exists() or "SubscriptionRequested" not in topics(folder)


def test_places_go_out_as_geojson_and_come_in_the_same(folder: Path, asked: Alerts) -> None:
    def feature(name: object, geometry: object, **more: object) -> dict[str, object]:
        return {"type": "Feature", "properties": {"name": name, **more}, "geometry": geometry}

    def save(*found: dict[str, object]) -> None:
        (folder / "p.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": found}))

    save(
        feature("Camden", CAMDEN, names={"en": "Camden", "cy": "Camden Gymraeg"}),
        feature("Nowhere", {"type": "Point", "coordinates": [0, 0]}),
        feature("King's Cross", HACKNEY),
        feature(None, HACKNEY),
        feature("half \ud800", HACKNEY, slug="half"),
    )
    would = asked("places", "import", "p.geojson", "--dry-run")
    assert (would["created"], would["refused_count"]) == (2, 3)
    assert "PlaceDefined" not in topics(folder)
    answer = asked("places", "import", "p.geojson", "--report", "refused.csv")
    assert (answer["created"], answer["changed"], answer["known"], answer["refused_count"]) == (2, 0, 0, 3)
    with (folder / "refused.csv").open() as rows:
        told = [(row["feature"], row["field"]) for row in csv.DictReader(rows)]
    assert told == [("2", "area"), ("4", "properties"), ("5", "")]
    assert asked("places", "export", "out.geojson")["places"] == 2
    document = json.loads((folder / "out.geojson").read_text())
    assert [f["properties"]["slug"] for f in document["features"]] == ["camden", "kings-cross"]
    assert document["features"][0]["properties"]["names"]["cy"] == "Camden Gymraeg"
    before = topics(folder)
    again = asked("places", "import", "out.geojson")
    assert (again["created"], again["changed"], again["known"]) == (0, 0, 2)
    assert topics(folder) == before
    save(feature("Camden", HACKNEY))
    assert asked("places", "import", "p.geojson")["changed"] == 1
    save(feature("Camden", CAMDEN), feature("camden", HACKNEY))
    assert "several places" in asked("places", "import", "p.geojson", code=1)
