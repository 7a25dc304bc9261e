"""Fetching the map's script: what cannot be had is said, and nothing half-fetched is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import fetch_frontend


def test_lock_names_hashes_and_no_addresses() -> None:
    lock = (fetch_frontend.ROOT / "package-lock.json").read_text()
    assert '"node_modules/leaflet"' in lock and "sha512-" in lock
    assert "resolved" not in lock and "http" not in lock


@pytest.mark.parametrize("npm", [["false"], ["/nowhere/npm"]])
def test_failure_is_said_in_words(npm: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_frontend, "VENDOR", tmp_path / "vendor")
    assert fetch_frontend.fetch(npm)
    assert not (tmp_path / "vendor").exists()


def test_install_goes_on_without_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch_frontend, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(fetch_frontend, "_commands", lambda: iter(()))
    assert fetch_frontend.main() == 0
    assert "Pages show the drawn map instead." in capsys.readouterr().err
