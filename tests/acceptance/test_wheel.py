"""What `pip install` gives: the wheel carries everything that the demonstration needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

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
    assert any(name.startswith("alerts/locale/") and name.endswith(".toml") for name in names)
    assert not any(name.startswith("tests/") or "__pycache__" in name for name in names)


@pytest.mark.slow
def test_the_demonstration_runs_from_the_wheel_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    if os.environ.get("CI"):  # as a stranger would install it; elsewhere no index is asked
        lock = ["--require-hashes", "-r", str(ROOT / "requirements.lock")]
        subprocess.run([python, "-m", "pip", "install", "-q", *lock], check=True)
    else:
        (packages,) = home.glob("lib/python*/site-packages")
        # A path in a .pth file has none of its own .pth files read, so the checkout stays out of sight.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "180"}
    where = subprocess.run(
        [python, "-c", "import alerts; print(alerts.__file__)"], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(home))
    command = [home / "bin" / "alerts", "demo", "--once"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "exactly the expected deliveries" in done.stdout
