"""Import of a file of subscribers, until the read models are current, beside reading it and writing the rows raw.

Ours is `alerts import` in a separate process (`python -m alerts.bench.importing FILE`, in an empty folder): every row
validated, a stream and a key for each person, sealed. The limit reads the same CSV and writes the resulting rows into
the same tables with the same settings, without validation or sealing.
"""

from __future__ import annotations

import asyncio
import csv
import json
import random
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from alerts.bench.row import Row

TARGET_S, TARGET_MB = 120.0, 500.0
"""Targets for a million people, in seconds and megabytes."""
_PAGE = 2_000
_TABLES = {
    "alerts.db": ("events", "addresses"),
    "alerts.keys.db": ("subject_keys",),
    "alerts.views-1.db": ("people", "contact_points"),
}


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of people: the speed, and the peak memory."""
    for size in sizes:
        with TemporaryDirectory(prefix="alerts-bench-") as name:
            folder = Path(name)
            file = folder / "people.csv"
            _write(file, size)
            seconds, megabytes = _ours(folder, file)
            raw = _raw(folder, file)
        yield Row(
            name="import of subscribers from CSV, SQLite",
            size=size,
            unit="rows/s",
            ours=size / seconds,
            limit=size / raw,
        )
        yield Row(
            name="— the same: seconds for a million people",
            size=size,
            unit="s",
            ours=seconds / size * 1_000_000,
            target=TARGET_S,
            better="lower",
        )
        yield Row(name="— the same: memory", size=size, unit="MB", ours=megabytes, target=TARGET_MB, better="lower")


def _write(file: Path, size: int) -> None:
    seed = random.Random(size)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("email", "places", "topics", "channels", "consent_wording", "consent_given_at", "consent_how"))
        for number in range(size):
            place = f"{seed.uniform(51.3, 51.7):.5f},{seed.uniform(-0.5, 0.3):.5f},1"
            agreed = ("Tell me what happens near me.", "2026-01-01T00:00:00+00:00", "form")
            writer.writerow((f"resident-{number}@example.org", place, "weather transport", "email", *agreed))


def _ours(folder: Path, file: Path) -> tuple[float, float]:
    """Run the import in a separate process; returns (seconds, peak megabytes)."""
    done = subprocess.run(
        [sys.executable, "-m", "alerts.bench.importing", str(file)],
        cwd=folder,
        env={"ALERTS_DATABASE_URL": "sqlite:///alerts.db", "ALERTS_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["seconds"], found["megabytes"]


def _raw(folder: Path, file: Path) -> float:
    """Seconds to read the file and to write the resulting rows raw. Reading ours is not timed."""
    begun = perf_counter()
    with file.open(newline="", encoding="utf-8") as text:
        for _ in csv.reader(text):
            pass
    seconds = perf_counter() - begun
    for name, tables in _TABLES.items():
        ours = sqlite3.connect(folder / name)
        raw = sqlite3.connect(folder / f"raw-{name}", isolation_level=None)
        synchronous = "NORMAL" if "views" in name else "FULL"
        for setting in ("journal_mode = WAL", f"synchronous = {synchronous}", "cache_size = -32768"):
            raw.execute(f"PRAGMA {setting}")
        for table in tables:
            _copy_tables(ours, raw, table)
            seconds += _copy_rows(ours, raw, table)
        ours.close()
        raw.close()
    return seconds


def _copy_tables(ours: sqlite3.Connection, raw: sqlite3.Connection, table: str) -> None:
    for (sql,) in ours.execute("SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL", (table,)):
        raw.execute(sql)


def _copy_rows(ours: sqlite3.Connection, raw: sqlite3.Connection, table: str) -> float:
    """Seconds to write all rows of a table, one page per transaction."""
    found = ours.execute(f"SELECT * FROM {table} ORDER BY rowid" if table == "events" else f"SELECT * FROM {table}")
    marks = ", ".join("?" * len(found.description))
    seconds = 0.0
    while page := found.fetchmany(_PAGE):
        begun = perf_counter()
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(f"INSERT INTO {table} VALUES ({marks})", page)
        raw.execute("COMMIT")
        seconds += perf_counter() - begun
    return seconds


class _NoRejectedRows:
    """Receiver of rejected rows that fails: none are expected."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[dict[str, object]] = []

    def add(self, number: int, field: str, reason: str) -> None:
        raise SystemExit(f"line {number}: {field}: {reason}")


async def _import(file: Path) -> float:
    """Seconds until the read models are current."""
    from alerts.app.connection import connected, settings
    from alerts.app.terminal import progress
    from alerts.import_export.client import Import

    async with connected(settings(), counting=False) as call:
        begun = perf_counter()
        await Import(file, _NoRejectedRows(), progress, dry_run=False, again=False).run(call)
        behind = True
        while behind:
            await asyncio.sleep(0.02)
            at = await call("position", {})
            behind = any(position < at["log"] for position in at["projections"].values())
        return perf_counter() - begun


if __name__ == "__main__":
    took = asyncio.run(_import(Path(sys.argv[1])))
    print(json.dumps({"seconds": took, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
