"""The demonstration is the acceptance test of the whole: a server of its own, its doors, and an independent judge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.settings.package_data import find
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate

pytestmark = pytest.mark.slow


def told(arguments: list[str], database_url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")} | {"COLUMNS": "180"}
    if database_url.startswith("postgres"):
        env["ALERTS_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "alerts", "demo", "--once", *arguments]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        command,
        env={**env, "PYTHONPATH": str(root)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("dialect", "arguments"),
    [
        ("sqlite", []),
        # On PostgreSQL the same story is told among real peers, and killed, by test_demo_peers.
        pytest.param("postgresql", [], marks=pytest.mark.soak),
        pytest.param("sqlite", ["--kill"], marks=pytest.mark.soak),
        pytest.param("postgresql", ["--kill"], marks=pytest.mark.soak),
    ],
    indirect=["dialect"],
)
def test_exactly_the_expected_deliveries_happen(arguments: list[str], database_url: str, tmp_path: Path) -> None:
    done = told(arguments, database_url, tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "lost 0, ghost 0" in done.stdout
    assert "exactly the expected deliveries" in done.stdout
    if arguments:
        assert "Killed 2 times in mid-dispatch" in done.stdout
    else:
        assert "copies beyond the first 0" in done.stdout


def test_a_database_with_a_log_is_not_touched(new_postgres: Callable[[], str], tmp_path: Path) -> None:
    """On SQLite the demonstration has a folder of its own and takes over no database."""
    database_url = new_postgres()
    main = connect(database_url, "main")
    migrate(main, find("migrations", "postgresql"))
    with main.write() as tx:
        tx.execute(
            "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (1, ?, 1, 'x', ?)",
            (bytes(16), b""),
        )
    main.close()
    done = told([], database_url, tmp_path)
    assert done.returncode == 1
    assert "empty database" in done.stderr
