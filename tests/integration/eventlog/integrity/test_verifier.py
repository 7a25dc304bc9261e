"""Tampering with a real log on both databases: every change is found and named, whether or not anybody looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from alerts.eventlog.integrity.merkle import SECRET_BYTES, Checkpoint, CheckpointSigner
from alerts.eventlog.integrity.prover import CHECKPOINT_EVERY, Prover
from alerts.eventlog.integrity.verifier import Report, verify
from alerts.kernel.ids import new_id
from subscribers.vault import stored_secret
from tests.support.counters import COUNTER, MASTER, START, Clock, LogRig, Named, log_rig

if TYPE_CHECKING:
    from tests.support.databases import Databases


@dataclass
class Scene:
    """A log with its prover and some events."""

    databases: Databases
    rig: LogRig
    clock: Clock = field(default_factory=Clock)
    streams: list[UUID] = field(default_factory=list)

    def prover(self, *, another: bool = False) -> Prover:
        keys = self.databases.another("keys") if another else self.databases.keys
        signer = CheckpointSigner(self.rig.vault.shared_secret("proofs", SECRET_BYTES))
        return Prover(self.rig.log, self.databases.main, keys, lambda: signer, self.clock)

    def append(self, count: int) -> None:
        for _ in range(count):
            self.streams.append(new_id())
            self.rig.count(self.streams[-1])

    def prove(self) -> None:
        self.prover().stop()

    def verify(self, against: Checkpoint | None = None) -> Report:
        secret = stored_secret(self.databases.keys, MASTER, "proofs", SECRET_BYTES)
        signer = None if secret is None else CheckpointSigner(secret)
        return verify(self.databases.main, self.databases.keys, signer, datetime.now(UTC), against=against)

    def tamper(self, *statements: str, part: str = "main") -> None:
        with getattr(self.databases, part).write() as tx:
            for sql in statements:
                tx.execute(sql)


@pytest.fixture
def scene(databases: Databases) -> Iterator[Scene]:
    with log_rig(databases) as made:
        yield Scene(databases, made)


def found(report: Report) -> list[tuple[str, int | None]]:
    return [(finding.kind, finding.position) for finding in report.findings]


def test_an_empty_log_and_one_that_was_never_proven_are_whole(scene: Scene) -> None:
    assert (scene.verify().whole, scene.verify().events) == (True, 0)
    scene.append(3)
    assert scene.verify().whole and scene.verify().checkpoint is None, "nobody has signed here yet"
    scene.prove()
    report = scene.verify()
    assert (report.whole, report.events, report.proven, report.checkpoints) == (True, 3, 3, 1)
    assert report.checkpoint is not None and report.checkpoint.size == 3
    scene.append(2)
    report = scene.verify()
    assert (report.whole, report.events, report.proven) == (True, 5, 3), "the youngest are not proven yet"
    assert report.checkpoint is not None and report.checkpoint.size == 5, "and stand in the checkpoint all the same"
    scene.prove()
    assert scene.verify(report.checkpoint).compared == report.checkpoint


SWAP = (
    "UPDATE events SET position = -4 WHERE position = 4",
    "UPDATE events SET position = 4 WHERE position = 7",
    "UPDATE events SET position = 7 WHERE position = -4",
)
TAMPERINGS: list[tuple[str, tuple[str, ...], list[tuple[str, int]]]] = [
    ("state", ("UPDATE events SET state = {blob} WHERE position = 4",), [("changed", 4)]),
    ("topic", ("UPDATE events SET topic = 'named' WHERE position = 4",), [("changed", 4)]),
    ("version", ("UPDATE events SET originator_version = 9 WHERE position = 4",), [("changed", 4)]),
    ("deletion", ("DELETE FROM events WHERE position = 4",), [("missing", 4)]),
    ("swap", SWAP, [("changed", 4), ("changed", 7)]),
    ("tail", ("DELETE FROM events WHERE position > 8",), [("missing", 9), ("missing", 10)]),
    ("everything", ("DELETE FROM events",), [("missing", p) for p in range(1, 11)]),
    (
        "insertion",
        ("UPDATE events SET position = 0 WHERE position = 4",),
        [("inserted", 0), ("missing", 4)],
    ),
]


@pytest.mark.parametrize(("name", "statements", "expected"), TAMPERINGS, ids=[t[0] for t in TAMPERINGS])
def test_what_was_done_to_a_past_event_is_found_and_named(
    scene: Scene, name: str, statements: tuple[str, ...], expected: list[tuple[str, int]]
) -> None:
    scene.append(10)
    scene.prove()
    blob = "x'00'" if scene.databases.dialect == "sqlite" else "'\\x00'::bytea"
    scene.tamper(*(sql.format(blob=blob) for sql in statements))
    report = scene.verify()
    assert not report.whole and report.checkpoint is None
    assert found(report) == expected
    for finding in report.findings:
        if finding.kind != "inserted":
            assert finding.position is not None
            assert (finding.stream, finding.topic) == (str(scene.streams[finding.position - 1]), "Counted")
        assert str(finding.position) in finding.words
    scene.append(1)
    scene.prove()
    assert found(scene.verify())[: len(expected)] == expected, "what comes later does not heal it"


def test_who_changes_the_proofs_too_is_found_by_their_seals(scene: Scene) -> None:
    scene.append(5)
    scene.prove()
    scene.append(5)
    scene.prove()
    scene.append(5)
    scene.prove()
    assert scene.verify().whole and scene.verify().checkpoints == 3
    with scene.databases.keys.write() as tx:
        leaves = bytearray(tx.execute("SELECT leaves FROM leaf_batches WHERE first_leaf = 5")[0][0])
        leaves[-1] ^= 1
        tx.execute("UPDATE leaf_batches SET leaves = ? WHERE first_leaf = 5", (bytes(leaves),))
    report = scene.verify()
    assert found(report) == [("proof altered", None), ("changed", 10)]
    assert "events 6 to 10" in report.findings[0].words
    scene.tamper("DELETE FROM leaf_batches WHERE first_leaf = 5", part="keys")
    assert [kind for kind, _ in found(scene.verify())] == ["proof missing", *["inserted"] * 5]
    scene.tamper("DELETE FROM leaf_batches", part="keys")
    assert {kind for kind, _ in found(scene.verify())} == {"proof missing"}
    scene.tamper("DELETE FROM checkpoints", part="keys")
    assert {kind for kind, _ in found(scene.verify())} == {"proof missing"}


def test_altered_checkpoint_is_found_and_not_built_upon(scene: Scene) -> None:
    scene.append(3)
    scene.prove()
    scene.tamper("UPDATE checkpoints SET at = at + 1", part="keys")
    assert found(scene.verify()) == [("checkpoint altered", None)]
    with pytest.raises(Exception, match="its signature is not ours"):
        scene.prover().catch_up()


def test_external_checkpoint_detects_a_rebuilt_log_with_proofs(scene: Scene) -> None:
    scene.append(6)
    scene.prove()
    kept = scene.verify().checkpoint
    assert kept is not None
    scene.tamper("DELETE FROM events WHERE position = 6")
    scene.tamper("DELETE FROM leaf_batches", "DELETE FROM checkpoints", part="keys")
    scene.prove()
    assert scene.verify().whole, "by itself it looks whole: the proofs were made anew"
    assert found(scene.verify(kept)) == [("other checkpoint", None)], "it is shorter than it once was"
    scene.append(3)
    scene.prove()
    report = scene.verify(kept)
    assert found(report) == [("other checkpoint", None)] and report.compared is None
    assert "changed together" in report.findings[0].words
    forged = CheckpointSigner(bytes(64)).checkpoint(kept.size, bytes.fromhex(kept.root), kept.at)
    assert not scene.verify(forged).whole


def test_an_erasure_leaves_the_proofs_as_they_were(scene: Scene) -> None:
    ada = new_id()

    def name(unit: object) -> None:
        unit.get(COUNTER, ada)  # type: ignore[attr-defined]
        unit.append(COUNTER, ada, Named(name="Ada"))  # type: ignore[attr-defined]

    scene.rig.writer.submit(name, by="system").result(10)
    scene.prove()
    kept = scene.verify().checkpoint
    scene.rig.vault.destroy(ada)
    assert scene.rig.log.read(0, 1)[0].event.name is None  # type: ignore[attr-defined]
    report = scene.verify(kept)
    assert report.whole and report.compared == kept


def test_a_thread_proves_within_about_a_second_while_events_come(scene: Scene) -> None:
    scene.append(20)  # from before there were proofs
    prover = scene.prover()
    prover.start()
    try:
        until(lambda: scene.verify().proven == 20)
        for _ in range(5):
            scene.append(20)
            begun = monotonic()
            until(lambda: scene.verify().proven == scene.rig.log.position())
            assert monotonic() - begun < 3
        scene.tamper("DELETE FROM events WHERE position = 30")
        assert found(scene.verify()) == [("missing", 30)]
        before = scene.verify().checkpoints
        prover.request_checkpoint()  # too early
        scene.clock.now += CHECKPOINT_EVERY + timedelta(seconds=1)
        prover.request_checkpoint()
        until(lambda: scene.verify().checkpoints > before, 5)
    finally:
        prover.stop()
    assert scene.verify().proven == 120 and scene.clock.now > START


def test_of_two_that_prove_at_once_one_gives_way(scene: Scene) -> None:
    one, two = scene.prover(), scene.prover(another=True)
    scene.append(5)
    assert one.catch_up() == 5
    assert two.catch_up() == 5
    scene.append(5)
    assert one.catch_up() == 10
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        two.catch_up()
    assert two.catch_up() == 10, "it has read again what is kept"
    assert scene.verify().whole and scene.verify().proven == 10


def test_request_for_a_checkpoint_that_another_prover_signed_is_dropped(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    prover, other, leads = scene.prover(), scene.prover(another=True), True
    monkeypatch.setattr(prover._leader, "is_leader", lambda: leads)
    scene.append(1)
    prover.start()
    try:
        until(lambda: scene.verify().checkpoints == 1)
        leads = False
        until(lambda: prover._tree is None)
        scene.clock.now += CHECKPOINT_EVERY + timedelta(seconds=1)
        prover.request_checkpoint()
        other.catch_up()
        other._sign(always=True)
        assert scene.verify().checkpoints == 2
        leads = True
        scene.append(1)
        until(lambda: scene.verify().proven == 2)
        sleep(0.5)
        assert scene.verify().checkpoints == 2
    finally:
        prover.stop()


def test_many_batches_and_checkpoints_on_the_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.eventlog.integrity.prover._BATCH", 7)
    monkeypatch.setattr("alerts.eventlog.integrity.prover.CHECKPOINT_LEAVES", 10)
    monkeypatch.setattr("alerts.eventlog.integrity.verifier._PAGE", 8)
    monkeypatch.setattr("alerts.eventlog.integrity.verifier._BATCHES", 2)
    scene.append(33)
    kept = []
    for more in (0, 3, 20):
        scene.append(more)
        scene.prove()
        report = scene.verify()
        assert report.whole and report.checkpoint is not None
        kept.append(report.checkpoint)
    for checkpoint in kept:
        assert scene.verify(checkpoint).compared == checkpoint
    assert scene.verify().checkpoints >= 5
    scene.tamper("DELETE FROM events WHERE position IN (8, 33, 56)")
    assert found(scene.verify()) == [("missing", 8), ("missing", 33), ("missing", 56)]


def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "waited in vain"
        sleep(0.05)
