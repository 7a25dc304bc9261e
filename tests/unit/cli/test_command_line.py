"""The command line's own part: wrong use is exit code 2 with words, and slugs are made from names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts.cli import run
from alerts.cli.places import slug_of


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rehearse", "x"], "not available in this version"),
        (["source", "add", "x", "--kind", "json"], "needs --mapping"),
        (["source", "add", "x", "--kind", "json", "--mapping", "nothing.json"], "cannot be read"),
        (["source", "add", "x", "--kind", "cap", "--mapping", "nothing.json"], "takes no --mapping"),
        (["source", "revise", "x"], "--policy, --mapping or both"),
        (["api-key", "add", "x", "--scopes", "read", "--rate", "0"], "--rate is"),
        (["source", "add", "x", "--kind", "smoke-signal"], "--kind is"),
        (["source", "add", "x", "--kind", "cap", "--policy", "nothing"], "none of record, draft, issue"),
        (["team", "add", "a@x.example", "--role", "boss"], "--role is one of"),
        (["audience", "{"], "not JSON"),
        (["audience", "@missing.json"], "cannot be read"),
        (["parked", "retry"], "alerts parked"),
        (["serve", "--workers", "2"], "on SQLite one process does everything"),
        (["serve", "--roles", "cook"], "--roles takes"),
        (["serve", "--port", "99999"], "65535"),
        (["api-key", "add", "x", "--scopes", "nonsense"], "unknown scopes nonsense"),
        (["team", "add", "nobody", "--role", "admin"], "not an e-mail address"),
        (["audience", '{"al": []}'], "unknown operator"),
        (["worker"], "is for PostgreSQL"),
        (["scheduler"], "is for PostgreSQL"),
        (["nonsense"], "No such command"),
        (["why"], "Missing argument"),
    ],
)
def test_wrong_use_is_exit_code_2_with_words(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERTS_DATABASE_URL", f"sqlite:///{tmp_path}/alerts.db")
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["api-key", "add", "x", "--scopes", "read"],
        ["places", "export", "places.geojson"],
        ["verify"],
        ["backup", "copy"],
    ],
)
def test_command_in_a_wrong_folder_makes_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALERTS_DATABASE_URL", raising=False)
    assert run(arguments) == 1
    assert f"no database at {tmp_path}/var/alerts.db" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_permission_names_file_and_user(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "var" / "lock"))

    monkeypatch.setattr("alerts.cli.app", refuse)
    assert run(["migrate"]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "var" / "lock") in said and "belongs to" in said and "Traceback" not in said


def test_help_is_a_page_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    page = capsys.readouterr().out
    for command in (
        "serve migrate demo import export places audience why why-not rebuild parked team source api-key doctor bench"
    ).split():
        assert f"\n  {command} " in page
    assert len(page.splitlines()) < 45


def test_settings_that_cannot_be_used_fail_with_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERTS_DATABASE_URL", "mysql://x")
    monkeypatch.setenv("ALERTS_SMPT_URL", "smtp://x")
    assert run(["migrate"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("alerts: ALERTS_SMPT_URL is not a setting")
    assert said[1].startswith("alerts: ALERTS_DATABASE_URL: expected")


def test_a_master_key_is_32_bytes_in_base64(capsys: pytest.CaptureFixture[str]) -> None:
    import base64

    assert run(["keys", "master"]) == 0
    assert len(base64.b64decode(capsys.readouterr().out)) == 32


def test_a_file_of_places_without_names_or_with_one_twice_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "places.geojson"
    feature = {"type": "Feature", "properties": {"NAME": "Old Town"}, "geometry": None}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert run(["places", "import", str(file)]) == 2
    assert "there are: NAME" in capsys.readouterr().err
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature, feature]}))
    assert run(["places", "import", str(file), "--name-property", "NAME"]) == 1
    assert "old-town" in capsys.readouterr().err
    file.write_text("[]")
    assert run(["places", "import", str(file)]) == 1
    assert "no GeoJSON" in capsys.readouterr().err


def test_a_feature_that_is_none_is_refused_by_its_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "places.geojson"
    for properties, words in (
        (["x"], "feature 1: there are none"),
        (None, "feature 1: there are none"),
        ({"name": 5}, "'name' is missing or no text"),
        ({"name": "—!"}, "no slug can be made"),
    ):
        feature = {"type": "Feature", "properties": properties, "geometry": None}
        file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        assert run(["places", "import", str(file)]) == 2
        assert words in capsys.readouterr().err


def test_slugs() -> None:
    assert slug_of("King's Lynn & West Norfolk") == "kings-lynn-west-norfolk"
    assert slug_of("Ynys Môn") == "ynys-mon"
    assert slug_of("  Saint-Étienne (Loire) ") == "saint-etienne-loire"
    for name, slug in {"Łódź": "lodz", "Ødź": "odz", "Straße": "strasse", "Ærø": "aero", "Київ": "kiiv"}.items():
        assert slug_of(name) == slug
    assert slug_of("北京") and slug_of("الرياض") and slug_of("دہلی")
