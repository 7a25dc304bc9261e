"""A start takes the audience's columns as they were kept: of exactly this log, readable by nobody after an erasure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from alerts.dispatch.warm_start import write_checkpoint_offline
from alerts.storage import blob_store
from alerts.storage.generations import LiveViews
from alerts.storage.migrate import migrate
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.encrypted_stream import Head, head_of
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from subscribers.vault import Vault
from tests.support.databases import MASTER_KEY, Databases
from tests.support.rig import Rig

TAKEN, NOT_USED = "are taken as they were kept", "are not used"


def caught_up(rig: Rig) -> Rig:
    """Once it stands at the log's end."""
    assert rig.projector.wait_for(rig.log.position(), 10)
    deadline = monotonic() + 10
    while not rig.projector.caught_up:
        assert monotonic() < deadline
        sleep(0.01)
    return rig


def filled(databases: Databases) -> list[int]:
    """A first life with ten people and a notice, ended in order; the contact points."""
    rig = Rig(databases, checkpoints=True)
    numbers = rig.people(10)
    rig.issue()
    caught_up(rig).close()
    return numbers


def kept(databases: Databases) -> bytes:
    """Stored checkpoint, as raw bytes; empty if there is none."""
    with blob_store.stored_blob(databases.views) as source:
        return b"" if source is None else source.read(1 << 30)


def head(databases: Databases) -> Head | None:
    with blob_store.stored_blob(databases.views) as source:
        return None if source is None else head_of(source)


def test_start_resumes_from_the_checkpoint(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    numbers = filled(databases)
    caplog.set_level(logging.INFO, "subscribers")
    rig = Rig(databases, checkpoints=True)
    try:
        [late] = rig.people(1)
        caught_up(rig)
        assert TAKEN in caplog.text
        assert {n for n in (*numbers, late) if (f := rig.projector.facts(n)) and f.usable} == {*numbers, late}
        issued = rig.reference_data.issued(1)
        assert issued is not None and issued.area is not None and issued.ended is None
        _, number = rig.issue()
        caught_up(rig)
        progress = rig.reads.progress(number)
        assert progress is not None and progress.people == 11
    finally:
        rig.close()


def test_erasure_destroys_the_checkpoint_key(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(databases, checkpoints=True)
    one, *others = rig.people(3)
    person = rig.subscriber_of[one]
    caught_up(rig).close()
    name = head(databases)
    vault = Vault(databases.keys, MASTER_KEY)
    assert name is not None and vault.copy_key(name.key) is not None
    vault.destroy(person)
    assert vault.copy_key(name.key) is None
    again = Rig(databases, checkpoints=True)
    try:
        caught_up(again)
        assert "key was destroyed" in caplog.text
        assert all(f is not None and f.usable for f in map(again.projector.facts, others))
    finally:
        again.close()


async def test_checkpoint_is_renewed_after_an_erasure(databases: Databases) -> None:
    rig = Rig(databases, checkpoints=True)
    try:
        one, _ = rig.people(2)
        person = rig.subscriber_of[one]
        await rig.until(lambda: (h := head(databases)) is not None and h.position == rig.log.position())
        before = head(databases)
        rig.tell(SUBSCRIBER, person, s.SubscriberErased())
        rig.vault.destroy(person)

        def renewed() -> bool:
            now = head(databases)
            return now is not None and now != before and rig.vault.copy_key(now.key) is not None

        await rig.until(renewed)
    finally:
        rig.close()
    again = Rig(databases, checkpoints=True)
    try:
        caught_up(again)
        point = int(again.columns.people.first_point[again.columns.row(person)])
        assert point == -1
        facts = again.projector.facts(one)
        assert facts is not None and facts.why_not == "erased"
    finally:
        again.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"something else entirely, and long enough to have a head",
        lambda raw: raw[: len(raw) // 2],
    ],
    ids=["foreign", "half"],
)
def test_damaged_checkpoint_is_ignored(
    databases: Databases, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    numbers = filled(databases)
    draft = blob_store.BlobDraft(databases.views)
    draft.file.write(damage(kept(databases)))
    draft.commit()
    rig = Rig(databases, checkpoints=True)
    try:
        caught_up(rig)
        assert TAKEN not in caplog.text
        assert all(f is not None and f.usable for f in map(rig.projector.facts, numbers))
    finally:
        rig.close()
    with_it = Rig(databases, checkpoints=True)
    caught_up(with_it).close()
    assert head(databases) is not None


def test_checkpoint_of_another_log_is_ignored(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    filled(databases)
    with databases.main.write() as tx:
        tx.execute("UPDATE events SET originator_version = 99 WHERE position = (SELECT MAX(position) FROM events)")
    rig = Rig(databases, checkpoints=True)
    try:
        assert rig.projector.wait_for(1, 10)
        assert "another log's" in caplog.text
    finally:
        rig.close()


def test_checkpoint_ahead_of_the_effects_is_ignored(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    """A start from such a checkpoint would never send what was issued between the two."""
    filled(databases)
    with databases.main.write() as tx:
        tx.execute("UPDATE reactors SET log_position = 12")
    rig = Rig(databases, checkpoints=True)
    try:
        caught_up(rig)
        assert "ahead of what has been sent" in caplog.text
    finally:
        rig.close()


def test_checkpoint_of_another_generation_is_ignored(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    numbers = filled(databases)
    raw = kept(databases)
    fresh = databases.another("views", 2)
    migrate(fresh, databases.migrations("views"))
    draft = blob_store.BlobDraft(fresh)
    draft.file.write(raw)
    draft.commit()
    with databases.main.write() as tx:
        tx.execute("UPDATE pointers SET generation = 2 WHERE name = 'views'")
    rig = Rig(databases, checkpoints=True)
    try:
        caught_up(rig)
        assert "another generation" in caplog.text
        assert all(rig.projector.facts(n) is not None for n in numbers)
    finally:
        rig.close()


def prepared(rig: Rig) -> int | None:
    """Write a checkpoint as a migration does, where nothing else runs."""
    views = LiveViews(rig.databases.url, rig.main, rig.databases.migrations("views"))
    try:
        store = CheckpointStore(rig.log, views, rig.vault, worth=1)
        return write_checkpoint_offline(rig.log, rig.main, store, rig.clock)
    finally:
        views.close()


def test_migration_writes_a_checkpoint_for_the_next_start(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(databases)
    numbers = rig.people(5)
    rig.issue()
    caught_up(rig)
    rig.projector.stop()
    assert kept(databases) == b""
    assert prepared(rig) == rig.log.position()
    assert prepared(rig) is None, "it is there already"
    rig.close()
    caplog.set_level(logging.INFO, "subscribers")
    rig = Rig(databases, checkpoints=True)
    try:
        caught_up(rig)
        assert TAKEN in caplog.text
        assert all((f := rig.projector.facts(n)) and f.usable for n in numbers)
        issued = rig.reference_data.issued(1)
        assert issued is not None and issued.area is not None
        _, number = rig.issue()
        caught_up(rig)
        progress = rig.reads.progress(number)
        assert progress is not None and progress.people == 5
    finally:
        rig.close()


def test_migration_writes_no_checkpoint_with_erasures_pending(databases: Databases) -> None:
    rig = Rig(databases)
    try:
        rig.people(2)
        caught_up(rig).projector.stop()
        rig.people(1)  # by a command, while nothing ran that has effects
        assert prepared(rig) is None and kept(databases) == b""
    finally:
        rig.close()
