"""Backup and restore on both databases: all that was acknowledged is in it, it is proven, and nothing lies about it."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import msgspec
import pytest

import alerts.backup.backup as backups
from alerts import settings as settings_of
from alerts.app import bootstrap, schema, verify
from alerts.app.verify import verify_log
from alerts.backup.backup import backup
from alerts.backup.manifest import BadBackup, Manifest
from alerts.backup.restore import restore
from alerts.kernel.errors import Conflict, Invalid
from alerts.settings import Settings
from alerts.storage.connect import connect
from subscribers.vault import Vault, WrongMasterKey
from tests.support.databases import MASTER_KEY


@pytest.fixture
def fresh(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], Settings]:
    """Settings of a new, empty instance each time, with the same keys."""
    made: list[int] = []

    def new() -> Settings:
        made.append(1)
        url = f"sqlite:///{tmp_path}/{len(made)}/alerts.db"
        if dialect == "postgresql":
            url = request.getfixturevalue("new_postgres")()
        return settings_for(url)

    return new


def settings_for(url: str, master: bytes = MASTER_KEY) -> Settings:
    key = base64.b64encode(master).decode()
    return settings_of.load(
        {"ALERTS_DATABASE_URL": url, "ALERTS_SECRET_KEY": "x" * 40, "ALERTS_MASTER_KEY": key}, terminal=False
    )


async def filled(settings: Settings, count: int = 5, during: Callable[[], Any] = lambda: None) -> list[int]:
    """Run the product for some commands, as a server would; the positions."""
    schema.migrate_all(settings)
    app = bootstrap.build(settings, ("scheduler",))
    await app.start()
    try:
        positions = []
        for _ in range(count):
            vault, subject = app.vault, uuid4()
            vault.seal(subject, b"ada", fresh=True)
            vault.flush()
            from alerts.commands import SYSTEM

            kept = await app.commands.invite_member(SYSTEM, email=f"{subject}@example.org", role="admin")
            positions.append(kept.position)
        during()
    finally:
        await app.stop()
    return positions


def rows(settings: Settings) -> list[Any]:
    database = connect(settings.database_url, "main", readonly=True)
    try:
        with database.read() as tx:
            return [tuple(row) for row in tx.execute("SELECT * FROM events ORDER BY position")]
    finally:
        database.close()


async def test_a_backup_beside_a_running_process_comes_back_whole(
    fresh: Callable[[], Settings], tmp_path: Path
) -> None:
    old, new, dest = fresh(), fresh(), tmp_path / "backup"
    made: list[Manifest] = []
    positions = await filled(old, during=lambda: made.append(backup(old, dest)[0]))
    assert made[0].position >= positions[-1], "all that was acknowledged before"
    assert made[0].whole and stat.S_IMODE(dest.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in dest.iterdir()} == {0o600}
    done = restore(new, dest)
    assert done.report.whole and done.report.events == made[0].events
    assert rows(new) == [row for row in rows(old) if row[0] <= made[0].position]
    assert verify_log(new, against=made[0].checkpoint).compared == made[0].checkpoint
    with pytest.raises(Conflict, match="--force"):
        restore(new, dest)
    more = await filled(new, 2)
    assert more[0] > made[0].position, "no position is given twice"
    assert verify_log(new).whole and verify_log(new).proven == len(rows(new))
    done = restore(new, dest, force=True)
    assert len(rows(new)) == made[0].events
    assert bool(done.aside) == new.on_sqlite
    app = bootstrap.build(new)
    try:
        assert len(app.views.members()) == 5, "read models are there, computed from the log"
    finally:
        await app.stop()
    with pytest.raises(Invalid, match="there already"):
        backup(old, dest)


async def test_an_erased_key_does_not_come_back_with_a_backup_made_after(
    fresh: Callable[[], Settings], tmp_path: Path
) -> None:
    old, new, ada = fresh(), fresh(), uuid4()
    await filled(old, 1)
    keys = connect(old.database_url, "keys")
    vault = Vault(keys, MASTER_KEY)
    sealed = vault.seal(ada, b"ada@example.org")
    vault.flush()
    vault.destroy(ada)
    backup(old, tmp_path / "backup")
    keys.close()
    restore(new, tmp_path / "backup")
    keys = connect(new.database_url, "keys")
    assert Vault(keys, MASTER_KEY).unseal(ada, sealed) is None
    keys.close()


async def test_backups_under_writing_hold_every_event_and_key_up_to_their_end(
    fresh: Callable[[], Settings], tmp_path: Path
) -> None:
    old = fresh()
    schema.migrate_all(old)
    stop, made = Event(), []

    def copying() -> None:
        while not stop.is_set() and len(made) < 4:
            made.append(backup(old, tmp_path / f"backup{len(made)}")[0])

    thread = Thread(target=copying)
    thread.start()
    await filled(old, 60)
    stop.set()
    thread.join()
    assert made and all(manifest.whole for manifest in made)
    whole = rows(old)
    for number in (0, len(made) - 1):
        new = fresh()
        restore(new, tmp_path / f"backup{number}")
        assert rows(new) == whole[: made[number].events]


async def test_a_damaged_or_altered_backup_is_refused_and_touches_nothing(
    fresh: Callable[[], Settings], tmp_path: Path
) -> None:
    old, new, dest = fresh(), fresh(), tmp_path / "backup"
    await filled(old)
    made, _ = backup(old, dest)
    await filled(new, 3)
    before = rows(new)
    part = dest / made.parts[0].file
    good = part.read_bytes()
    part.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(BadBackup, match="is not what was backed up"):
        restore(new, dest, force=True)
    part.write_bytes(good)
    forged = msgspec.structs.replace(made, position=made.position - 1)
    (dest / "manifest.json").write_bytes(msgspec.json.encode(forged))
    with pytest.raises(BadBackup, match="not the log that its manifest speaks of"):
        restore(new, dest, force=True)
    (dest / "manifest.json").write_bytes(msgspec.json.encode(made))
    other = settings_for(new.database_url, bytes(32))
    with pytest.raises(WrongMasterKey):
        restore(other, dest, force=True)
    (dest / made.parts[-1].file).unlink()
    with pytest.raises(BadBackup, match="incomplete"):
        restore(new, dest, force=True)
    with pytest.raises(BadBackup, match="no backup"):
        restore(new, tmp_path, force=True)
    assert rows(new) == before
    assert verify_log(new).whole


async def test_a_first_proof_that_is_not_yet_in_the_copy_is_waited_for(
    fresh: Callable[[], Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key to prove with is made first, then the first proof is written: a copy between the two is made again."""
    old = fresh()
    schema.migrate_all(old)
    await filled(old, 5)
    keys = connect(old.database_url, "keys")
    taken: list[tuple[str, list[Any]]] = []
    with keys.write() as tx:
        for table in ("leaf_batches", "checkpoints"):
            taken.append((table, [tuple(row) for row in tx.execute(f"SELECT * FROM {table}")]))
            tx.execute(f"DELETE FROM {table}")

    def written(seconds: float) -> None:
        with keys.write() as tx:
            while taken:
                table, proofs = taken.pop()
                for row in proofs:
                    tx.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    for module in (backups, verify):
        monkeypatch.setattr(module, "sleep", written)
    made, _ = backup(old, tmp_path / "backup")
    assert made.whole and made.events == len(rows(old))
    assert not taken
    assert verify_log(old).whole
    with keys.write() as tx:
        tx.execute("DELETE FROM leaf_batches")
        tx.execute("DELETE FROM checkpoints")
    assert not backup(old, tmp_path / "robbed")[0].whole, "who was robbed of the proofs is told so all the same"
    assert not verify_log(old).whole
    keys.close()
