"""Acts on the command line leave a line in the log, with who did them."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.app import bootstrap
from alerts.app.connection import settings
from alerts.cli import run
from alerts.projections.timeline import TimelineEntry

Alerts = Callable[..., Any]
USER = f"operator:{getpass.getuser()}"
PEOPLE = "email,consent_wording,consent_given_at,consent_how\n" + "".join(
    f"p{number}@example.org,Tell me,2026-01-01T00:00:00+00:00,form\n" for number in range(3)
)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Alerts:
    """Runs a command with `--json` on an instance of its own; what it prints."""
    for name in [name for name in os.environ if name.startswith("ALERTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert run(["migrate"]) == 0

    def run_here(*arguments: str, words: bool = False) -> Any:
        capfd.readouterr()
        found = run([*arguments] if words else [*arguments, "--json"])
        out, err = capfd.readouterr()
        assert found == 0, err
        return out if words else json.loads(out)

    return run_here


def lines() -> list[TimelineEntry]:
    """Read the console's log, oldest line first."""
    app = bootstrap.build(settings())
    app.runner.start()
    try:
        assert app.runner.wait_for(app.log.position(), 10)
        return list(reversed(app.views.timeline(500)))
    finally:
        app.close()


def register(asked: Alerts) -> list[dict[str, Any]]:
    """Import three people; their ids and contact points."""
    Path("people.csv").write_text(PEOPLE)
    asked("import", "people.csv")
    app = bootstrap.build(settings())
    app.runner.start()
    try:
        assert app.runner.wait_for(app.log.position(), 10)
        return [
            {"id": str(person.id), "contact": person.contacts[0].number}
            for person in app.views.directory.people(None, 10).items
        ]
    finally:
        app.close()


def test_export_erasure_and_suppression_have_actor_and_line(asked: Alerts) -> None:
    first, second, _ = register(asked)
    asked("export", "out.csv")
    asked("suppress", str(first["contact"]), "--reason", "asked by phone")
    asked("lift", str(first["contact"]), "--reason", "a mistake")
    asked("erase", second["id"])
    told = {entry.topic: entry for entry in lines()}
    for topic in ("ExportStarted", "ExportFinished", "ContactPointSuppressed", "SuppressionLifted", "SubscriberErased"):
        assert told[topic].by == USER, topic
    assert told["ExportFinished"].detail == "3 people"
    assert "asked by phone" in told["ContactPointSuppressed"].detail
    assert str(told["SubscriberErased"].subject) == second["id"]
    assert not [entry for entry in lines() if entry.by == "system" and entry.kind not in ("topics",)]


def test_command_acts_as_a_member(asked: Alerts) -> None:
    admin = asked("team", "add", "ann@example.org", "--role", "admin")
    asked("team", "add", "bob@example.org", "--role", "author", "--as", "ann@example.org")
    asked("--as=ann@example.org", "team", "add", "cy@example.org", "--role", "viewer")
    granted = [entry.by for entry in lines() if entry.topic == "RoleGranted"]
    assert granted == [USER, f"person:{admin['id']}", f"person:{admin['id']}"]
    assert run(["--as", "nobody@example.org", "team", "add", "x@example.org", "--role", "viewer"]) == 1


def test_repeated_erasure_certifies_nothing(asked: Alerts) -> None:
    person = register(asked)[0]["id"]
    first = asked("erase", person)
    again = asked("erase", person)
    assert not first["erased_before"] and again["erased_before"]
    assert (again["at"], again["position"]) == (first["at"], first["position"])
    words = asked("erase", person, words=True)
    assert "nothing left to erase" in words and first["at"] in words and "Certificate" not in words


def test_rows_leave_only_under_a_recorded_export(asked: Alerts) -> None:
    import asyncio

    from alerts.app.connection import connected
    from alerts.kernel.errors import NotFound
    from alerts.kernel.ids import new_id

    register(asked)

    async def without() -> None:
        async with connected(settings(), counting=False) as call:
            await call("subscribers-export", {"export": str(new_id()), "cursor": None, "limit": 10})

    with pytest.raises(NotFound):
        asyncio.run(without())


def test_team_is_kept_on_the_command_line(asked: Alerts) -> None:
    asked("team", "add", "ann@example.org", "--role", "admin")
    bob = asked("team", "add", "bob@example.org", "--role", "author", "--kind", "alert", "--kind", "announcement")
    listed = {one["email"]: one for one in asked("team", "list")["items"]}
    assert listed["bob@example.org"]["kinds"] == ["alert", "announcement"]
    assert "bob@example.org" in asked("team", "list", words=True)
    assert run(["team", "remove", "ann@example.org"]) == 1
    asked("team", "end-sign-ins", bob["id"])
    asked("team", "remove", "bob@example.org")
    assert {one["email"]: one["state"] for one in asked("team", "list")["items"]}["bob@example.org"] == "removed"
    assert [entry.topic for entry in lines()][-2:] == ["SignInsEnded", "RoleRevoked"]


def test_organisations_are_kept_on_the_command_line(asked: Alerts, tmp_path: Path) -> None:
    area = tmp_path / "area.json"
    area.write_text('{"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 2}}')
    define = ("organisation", "define", "council", "--sender-name", "Camden Council")
    made = asked(*define, "--name", "cy=Cyngor Camden", "--area", f"@{area}", "--kind", "announcement")
    assert made == {"slug": "council", "version": 1}
    [one] = asked("organisation", "list")["items"]
    assert one["name"] == {"cy": "Cyngor Camden"} and one["kinds"] == ["announcement"] and one["areas"]
    assert "council  Camden Council  only announcement in some areas" in asked("organisation", "list", words=True)
    assert asked(*define)["version"] == 2
    assert asked("organisation", "list")["items"][0]["kinds"] is None, "what is left out has no limit"
    assert run([*define, "--name", "Camden"]) == 2 and run([*define, "--kind", "rumour"]) == 2
    assert run(["organisation", "retire", "police"]) == 1
    asked("organisation", "retire", "council")
    assert asked("organisation", "list", words=True).strip().endswith("retired")
    assert [entry.topic for entry in lines()][-1] == "OrganisationRetired"
