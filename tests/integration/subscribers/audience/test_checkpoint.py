"""A start takes the audience's columns as they were kept: of exactly this log, readable by nobody after an erasure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from alerts.dispatch.warm_start import write_checkpoint_offline
from alerts.storage import blob_store
from alerts.storage.migrate import migrate
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.encrypted_stream import Head, head_of
from subscribers.domain import events as s
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.databases import Databases
from tests.support.rig import Stack

TAKEN, NOT_USED = "are taken as they were kept", "are not used"


def caught_up(stack: Stack) -> Stack:
    """Once it stands at the log's end."""
    assert stack.follower.wait_for(stack.log.position(), 10)
    deadline = monotonic() + 10
    while not stack.follower.caught_up:
        assert monotonic() < deadline
        sleep(0.01)
    return stack


def filled(databases: Databases, folder: Path) -> list[int]:
    """A first life with ten people and a notice, ended in order; the contact points."""
    stack = Stack(databases, folder, keeps=True)
    numbers = stack.people(10)
    stack.issue()
    caught_up(stack).close()
    return numbers


def kept(databases: Databases) -> bytes:
    """What is kept, as it lies there."""
    with blob_store.stored_blob(databases.views) as source:
        return b"" if source is None else source.read(1 << 30)


def head(databases: Databases) -> Head | None:
    with blob_store.stored_blob(databases.views) as source:
        return None if source is None else head_of(source)


def test_a_start_goes_on_where_it_was(databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    numbers = filled(databases, tmp_path)
    caplog.set_level(logging.INFO, "subscribers")
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        [late] = stack.people(1)
        caught_up(stack)
        assert TAKEN in caplog.text
        assert {n for n in (*numbers, late) if (f := stack.follower.facts(n)) and f.usable} == {*numbers, late}
        issued = stack.registers.issued(1)
        assert issued is not None and issued.area is not None and issued.ended is None
        _, number = stack.issue()
        caught_up(stack)
        progress = stack.reads.progress(number)
        assert progress is not None and progress.people == 11
    finally:
        stack.close()


def test_nobody_can_open_it_after_an_erasure(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stack = Stack(databases, tmp_path, keeps=True)
    one, *others = stack.people(3)
    person = stack.subscriber_of[one]
    caught_up(stack).close()
    name = head(databases)
    assert name is not None and stack.vault.copy_key(name.key) is not None
    stack.vault.destroy(person)
    assert stack.vault.copy_key(name.key) is None
    again = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(again)
        assert "key was destroyed" in caplog.text
        assert all(f is not None and f.usable for f in map(again.follower.facts, others))
    finally:
        again.close()


async def test_a_copy_without_the_erased_follows_soon(databases: Databases, tmp_path: Path) -> None:
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        one, _ = stack.people(2)
        person = stack.subscriber_of[one]
        await stack.until(lambda: (h := head(databases)) is not None and h.position == stack.log.position())
        before = head(databases)
        stack.tell(SUBSCRIBER, person, s.SubscriberErased())
        stack.vault.destroy(person)

        def renewed() -> bool:
            now = head(databases)
            return now is not None and now != before and stack.vault.copy_key(now.key) is not None

        await stack.until(renewed)
    finally:
        stack.close()
    again = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(again)
        point = int(again.columns.people.first_point[again.columns.row(person)])
        assert point == -1
        facts = again.follower.facts(one)
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
def test_what_is_damaged_is_left_and_the_log_read(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    numbers = filled(databases, tmp_path)
    draft = blob_store.BlobDraft(databases.views)
    draft.file.write(damage(kept(databases)))
    draft.commit()
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(stack)
        assert TAKEN not in caplog.text
        assert all(f is not None and f.usable for f in map(stack.follower.facts, numbers))
    finally:
        stack.close()
    with_it = Stack(databases, tmp_path, keeps=True)
    caught_up(with_it).close()
    assert head(databases) is not None


def test_another_logs_copy_is_not_used(databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(databases, tmp_path)
    with databases.main.write() as tx:
        tx.execute("UPDATE events SET originator_version = 99 WHERE position = (SELECT MAX(position) FROM events)")
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        assert stack.follower.wait_for(1, 10)
        assert "another log's" in caplog.text
    finally:
        stack.close()


def test_a_copy_ahead_of_the_effects_is_not_used(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever began there would never send what was issued between the two."""
    filled(databases, tmp_path)
    with databases.main.write() as tx:
        tx.execute("UPDATE reactors SET log_position = 12")
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(stack)
        assert "ahead of what has been sent" in caplog.text
    finally:
        stack.close()


def test_another_generations_copy_is_not_used(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = filled(databases, tmp_path)
    raw = kept(databases)
    fresh = databases.another("views", 2)
    migrate(fresh, databases.migrations("views"))
    draft = blob_store.BlobDraft(fresh)
    draft.file.write(raw)
    draft.commit()
    with databases.main.write() as tx:
        tx.execute("UPDATE pointers SET generation = 2 WHERE name = 'views'")
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(stack)
        assert "another generation" in caplog.text
        assert all(stack.follower.facts(n) is not None for n in numbers)
    finally:
        stack.close()


def prepared(stack: Stack) -> int | None:
    """What a migration does, where nothing else runs."""
    return write_checkpoint_offline(
        stack.log, stack.main, CheckpointStore(stack.log, stack.current, stack.vault, worth=1), stack.clock
    )


def test_a_migration_makes_the_next_start_ready(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stack = Stack(databases, tmp_path)
    numbers = stack.people(5)
    stack.issue()
    caught_up(stack)
    stack.follower.stop()
    assert kept(databases) == b""
    assert prepared(stack) == stack.log.position()
    assert prepared(stack) is None, "it is there already"
    stack.close()
    caplog.set_level(logging.INFO, "subscribers")
    stack = Stack(databases, tmp_path, keeps=True)
    try:
        caught_up(stack)
        assert TAKEN in caplog.text
        assert all((f := stack.follower.facts(n)) and f.usable for n in numbers)
        issued = stack.registers.issued(1)
        assert issued is not None and issued.area is not None
        _, number = stack.issue()
        caught_up(stack)
        progress = stack.reads.progress(number)
        assert progress is not None and progress.people == 5
    finally:
        stack.close()


def test_a_migration_keeps_nobody_whose_erasure_may_not_be_known(databases: Databases, tmp_path: Path) -> None:
    stack = Stack(databases, tmp_path)
    try:
        stack.people(2)
        caught_up(stack).follower.stop()
        stack.people(1)  # by a command, while nothing ran that has effects
        assert prepared(stack) is None and kept(databases) == b""
    finally:
        stack.close()
