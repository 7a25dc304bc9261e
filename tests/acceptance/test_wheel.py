"""Content of the wheel that `pip install` installs: everything that the demonstration needs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from alerts.channels.i18n import LANGUAGES
from alerts.healthcheck import check

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without asking any index."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_both_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "alerts/__main__.py",
        "alerts/py.typed",
        "alerts/demo/london-boroughs.geojson",
        "alerts/demo/SOURCES.md",
        "alerts/web/static/look.css",
        "alerts/_data/migrations/sqlite/0001_log.sql",
        "alerts/_data/migrations/postgresql/0001_log.sql",
        "subscribers/vault.py",
    ):
        assert needed in names
    assert any(name.startswith("alerts/_data/templates/email/") for name in names)
    assert {f"alerts/locale/{language}.po" for language in LANGUAGES} <= set(names)
    assert not any(name.startswith("tests/") or "__pycache__" in name for name in names)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own, out of sight of this checkout."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    # The packages of the lock, as they were installed for these tests: no index is asked. A path in a .pth file has
    # none of its own .pth files read, so the checkout stays out of sight.
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    where = subprocess.run(
        [python, "-c", "import alerts; print(alerts.__file__)"],
        env=outside(home),
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(home))
    return home


def outside(folder: Path) -> dict[str, str]:
    """An environment in which nothing is set."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "180"}


@pytest.mark.soak
def test_the_demonstration_runs_from_the_wheel_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    command = [installed / "bin" / "alerts", "demo", "--once"]
    done = subprocess.run(command, env=outside(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "exactly the expected deliveries" in done.stdout


@pytest.mark.slow
def test_the_wheel_serves_from_an_empty_folder_and_writes_nowhere_else(installed: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    packages = next(installed.glob("lib/python*/site-packages/alerts"))
    before = sorted(file for file in packages.rglob("*") if "__pycache__" not in file.parts)
    # As the image and the unit start it: the data in a folder of their own, the working directory for reading alone.
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    env = {
        **outside(work),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ALERTS_DATABASE_URL": f"sqlite:///{data}/alerts.db",
        "ALERTS_PUBLIC_URL": url,
    }
    alerts = str(installed / "bin" / "alerts")
    server = subprocess.Popen([alerts, "serve", "--port", str(port)], env=env, cwd=work, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1_200):  # it compiles all of its modules
            if not check(f"{url}/readyz"):
                break
            time.sleep(0.05)
        for path in ("/", "/metrics", "/changes", "/inbox", "/sw.js", "/manifest.webmanifest", "/api/v1/openapi.json"):
            with urllib.request.urlopen(url + path) as answer:
                assert answer.status == 200 and answer.read(), path
        doctor = subprocess.run([alerts, "doctor", "--json"], env=env, cwd=work, capture_output=True, text=True)
        wrong = [found for found in json.loads(doctor.stdout)["findings"] if found["state"] == "wrong"]
        assert doctor.returncode == 0 and not wrong, wrong
    finally:
        server.terminate()
        assert server.wait(20) == 0
    assert list(work.iterdir()) == [] and (data / "alerts.db").exists()
    assert sorted(file for file in packages.rglob("*") if "__pycache__" not in file.parts) == before
