"""Keys of an instance: a wrong one is refused, each can be renewed, and the page's own steps do it."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from alerts import settings as settings_of
from alerts.app import bootstrap
from alerts.app.renew_keys import renew_master
from alerts.app.verify import verify_log
from alerts.cli import run
from alerts.kernel.errors import Conflict
from alerts.settings import Settings
from alerts.settings.key_files import new_master_key
from alerts.storage.connect import connect
from subscribers.domain.subscriber import SUBSCRIBER
from subscribers.vault import Vault, WrongMasterKey, WrongSecretKey
from tests.support.databases import MASTER_KEY, Databases
from tests.support.rig import SECRET, Rig

DOCS = Path(__file__).parents[3] / "docs" / "keys.md"


def settings(databases: Databases, **more: str) -> Settings:
    base = {
        "ALERTS_DATABASE_URL": databases.url,
        "ALERTS_SECRET_KEY": SECRET.decode(),
        "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }
    return settings_of.load({**base, **more})


def test_another_secret_key_is_refused_at_the_start(databases: Databases) -> None:
    Rig(databases).close()
    with pytest.raises(WrongSecretKey, match="ALERTS_SECRET_KEY"):
        bootstrap.build(settings(databases, ALERTS_SECRET_KEY="x" * 40))
    renewed = settings(databases, ALERTS_SECRET_KEY="x" * 40, ALERTS_SECRET_KEY_PREVIOUS=SECRET.decode())
    bootstrap.build(renewed).close()
    with pytest.raises(WrongSecretKey):
        bootstrap.build(settings(databases))


def test_addresses_are_found_after_a_renewal(databases: Databases) -> None:
    rig = Rig(databases)
    before = rig.commands._addresses.keyed_hash("email", "a@example.org")
    rig.close()
    app = bootstrap.build(settings(databases, ALERTS_SECRET_KEY="x" * 40, ALERTS_SECRET_KEY_PREVIOUS=SECRET.decode()))
    assert app.commands._addresses.keyed_hash("email", "a@example.org") == before
    app.close()


def test_people_are_read_under_a_new_master_key(databases: Databases) -> None:
    rig = Rig(databases)
    [number] = rig.people(1)
    subject = rig.subscriber_of[number]
    rig.close()
    new = new_master_key()
    assert renew_master(settings(databases), new) >= 2
    with closing(connect(databases.url, "keys")) as keys, pytest.raises(WrongMasterKey):
        Vault(keys, MASTER_KEY)
    app = bootstrap.build(settings(databases, ALERTS_MASTER_KEY=new))
    state = app.log.state(SUBSCRIBER, subject)
    assert state is not None and state.contacts[0].address == f"p{number}@example.org"
    app.close()


def test_process_with_the_master_key_before_wraps_nothing_more(databases: Databases) -> None:
    rig = Rig(databases, sends=False)
    with closing(connect(databases.url, "keys")) as keys:
        Vault(keys, MASTER_KEY).rewrap(base64.b64decode(new_master_key()))
    with pytest.raises(WrongMasterKey, match="renewed"):
        rig.people(1)
    rig.close()


def test_master_key_is_not_renewed_beside_a_worker(databases: Databases) -> None:
    if databases.dialect == "sqlite":
        pytest.skip("one process on SQLite: the command takes its lock")
    rig = Rig(databases)

    async def run_beside() -> None:
        async with rig.working():
            with pytest.raises(Conflict, match="stop every process"):
                renew_master(settings(databases), new_master_key())

    asyncio.run(run_beside())
    rig.close()


def test_forged_event_has_no_effect_and_is_named(databases: Databases) -> None:
    rig = Rig(databases)
    rig.people(1)
    rig.close()
    last = rig_events(databases)[-1]
    with closing(connect(databases.url, "main")) as main, main.write() as tx:
        tx.execute(
            "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (?, ?, 1, ?, ?)",
            (last[0] + 1, b"f" * 16, last[3], last[4]),
        )
        if databases.dialect == "postgresql":
            tx.execute("SELECT setval('events_position', ?)", (last[0] + 1,))
    report = verify_log(settings(databases))
    assert [(one.kind, one.position) for one in report.findings] == [("forged", last[0] + 1)]


def test_planted_key_opens_nothing_and_is_named(databases: Databases) -> None:
    rig = Rig(databases)
    asyncio.run(rig.until(lambda: rig.runner.position() == rig.log.position()))
    from alerts.commands.actor import SYSTEM

    kept = asyncio.run(rig.commands.issue_api_key(SYSTEM, "ours", ("read",)))
    asyncio.run(rig.until(lambda: rig.runner.position() == rig.log.position()))
    with rig.main.read() as tx:
        [(generation,)] = tx.execute("SELECT generation FROM pointers WHERE name = 'views'")
    with closing(connect(databases.url, "views", generation)) as views, views.write() as tx:
        columns = "created, position, revoked, doc"
        [row] = tx.execute(f"SELECT {columns} FROM api_keys WHERE id = ?", (kept.id.bytes,))
        tx.execute(
            f"INSERT INTO api_keys (id, secret_hash, {columns}) VALUES (?, 'planted', ?, ?, ?, ?)", (b"p" * 16, *row)
        )
    rig.close()
    report = verify_log(settings(databases))
    assert [one.kind for one in report.findings] == ["access differs"]


def rig_events(databases: Databases) -> list[tuple[int, bytes, int, str, bytes]]:
    """Rows of the log."""
    with closing(connect(databases.url, "main")) as main, main.read() as tx:
        return tx.execute("SELECT position, originator_id, originator_version, topic, state FROM events ORDER BY 1")  # type: ignore[return-value]


def test_steps_of_the_page_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ALERTS_DATABASE_URL", "ALERTS_SECRET_KEY", "ALERTS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.S) for line in block.splitlines()]
    assert len(commands) >= 4
    assert run(["migrate"]) == run(["api-key", "add", "one", "--scopes", "read"]) == 0
    before = _files(tmp_path)
    for command in commands:
        assert command.startswith("alerts ")
        assert run(command.split()[1:]) == 0, capsys.readouterr().err
    after = _files(tmp_path)
    assert before["secret.key"] == after["secret.key.previous"] != after["secret.key"]
    assert before["master.key"] != after["master.key"]
    capsys.readouterr()
    assert run(["api-key", "list", "--json"]) == 0 and '"one"' in capsys.readouterr().out


def test_interrupted_renewal_is_finished_by_the_same_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALERTS_DATABASE_URL", raising=False)
    assert run(["migrate"]) == 0

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        real = __import__("os").replace
        cut.setattr(
            "alerts.app.renew_keys.os.replace", lambda a, b: killed() if str(b).endswith("master.key") else real(a, b)
        )
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            renew_master(settings_of.load({}))
    assert run(["keys", "renew-master"]) == run(["verify"]) == 0


def _files(folder: Path) -> Mapping[str, str]:
    names = ("secret.key", "secret.key.previous", "master.key")
    return {name: file.read_text() for name in names if (file := folder / "var" / name).exists()}
