"""The files that put the product on a server name commands, settings and paths that there are."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from alerts.cli import app
from alerts.settings import unknown

ROOT = Path(__file__).resolve().parents[3]
UNITS = sorted((ROOT / "deploy").glob("*.service"))


def check_command(arguments: list[str]) -> None:
    """Raises if the command line would not take these, without running anything."""
    assert arguments[0].rpartition("/")[2] == "alerts"
    group: Any = typer.main.get_command(app)
    command = group.commands[arguments[1]]
    with command.make_context(arguments[1], list(arguments[2:])):
        pass


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_the_image_runs_our_command_as_nobody_in_particular() -> None:
    found = instructions()
    last = dict(found)
    check_command(json.loads(last["CMD"]))
    assert last["USER"] == "10001:10001"
    assert last["HEALTHCHECK"].endswith('CMD ["python", "-m", "alerts.healthcheck"]')
    bases = [rest.split()[0] for name, rest in found if name == "FROM"]
    assert len(bases) == 2 and all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases), "pinned"
    assert not unknown(dict(re.findall(r"(ALERTS_\w+)=(\S+)", last["ENV"])))
    installs = [rest for name, rest in found if name == "RUN" and "pip install" in rest]
    assert "--require-hashes" in installs[0] and "--no-deps" in installs[1]


def test_what_the_image_copies_is_there_and_let_through() -> None:
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed and all((ROOT / name).exists() for name in copied)
    # What the wheel is built from is what the image has: a folder forgotten here is missing there.
    project = (ROOT / "pyproject.toml").read_text()
    assert {"alerts", "subscribers", "templates", "migrations"} <= copied
    assert 'packages = ["alerts", "subscribers"]' in project


def test_compose_starts_commands_and_sets_variables_that_there_are() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    ours = {name: service for name, service in services.items() if name != "database"}
    assert set(ours) == {"migrate", "app", "scheduler", "worker"}
    for service in ours.values():
        check_command(service["command"])
        assert not unknown(service["environment"])
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert set(service["secrets"]) <= set(compose["secrets"])
        inside = {Path(v).name for v in service["environment"].values() if v.startswith("/run/secrets/")}
        assert inside == set(service["secrets"])
        assert all(on in services for on in service["depends_on"])
    for name in ("app", "scheduler", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        host, port = (services[name]["command"][services[name]["command"].index(o) + 1] for o in ("--host", "--port"))
        assert (host, port) == ("0.0.0.0", "8080"), "where the image's own health check asks"
    assert all(port.startswith("127.0.0.1:") for port in services["app"]["ports"])
    assert "ports" not in services["database"] and services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert all("password" not in str(service.get("environment", "")).lower() for service in ours.values())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_start_commands_that_there_are(unit: Path) -> None:
    text = unit.read_text()
    for line in re.findall(r"^Exec\w+=(.+)$", text, re.MULTILINE):
        check_command(shlex.split(line.replace("%i", "8081")))
    assert not unknown(dict(re.findall(r"(ALERTS_\w+)=(\S+)", text)))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_what_systemd_understands(unit: Path, tmp_path: Path) -> None:
    text = re.sub(r"^(Exec\w+)=/opt/community-alerts/bin/alerts", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE)
    copy = tmp_path / unit.name.replace("@", "@8081")
    copy.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if copy.name in line and "not exist" not in line]
    assert not ours, ours
