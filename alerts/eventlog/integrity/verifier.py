"""Verifier: compares the log with its proofs, and reports changed, inserted and missing events one by one.

It only reads, a page at a time, so that a running server is not blocked and an erasure does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import msgspec

from alerts.eventlog.codec import LOG_COLUMNS
from alerts.eventlog.integrity.merkle import Checkpoint, CheckpointSigner, Tree, holds, leaf_of, stream_name, unpacked
from alerts.eventlog.integrity.prover import Genuine, split
from alerts.kernel.times import from_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import ReadableDatabase

_sql = load("alerts.eventlog.integrity", "proofs.sql")
_READ = f"SELECT {LOG_COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_END = "SELECT COALESCE(MAX(position), 0) FROM events"
_BEFORE_ALL = -(1 << 63) + 1
"""Start below position 1, so that a row inserted there is found too."""
_PAGE = 5000
FIRST_PROOF_S = 2.0
"""Maximum seconds between the creation of the key and the first proof, on a busy disk and processor."""
_BATCHES = 20
MOST_FINDINGS = 200
"""Findings named one by one; further ones are counted."""

Kind = Literal[
    "changed",
    "missing",
    "inserted",
    "forged",
    "access differs",
    "proof altered",
    "proof missing",
    "checkpoint altered",
    "other checkpoint",
]


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """A detected deviation."""

    kind: Kind
    words: str
    position: int | None = None
    stream: str | None = None
    topic: str | None = None


class Report(msgspec.Struct, kw_only=True):
    """Result of a verification."""

    whole: bool = True
    events: int = 0
    """Events in the log now."""
    position: int = 0
    """End of the log when the verification began."""
    proven: int = 0
    """Number of events with a stored proof; the others are younger than the last one."""
    checkpoints: int = 0
    since: datetime | None = None
    """Time of the first checkpoint: changes to older events before that cannot be detected."""
    found: int = 0
    findings: list[Deviation] = msgspec.field(default_factory=list)
    compared: Checkpoint | None = None
    """External checkpoint that the log extends."""
    checkpoint: Checkpoint | None = None
    """New checkpoint over the whole log, to be stored elsewhere; None if the log is not whole."""

    @property
    def unproven(self) -> bool:
        """True if a signing key exists but no proof: the proofs were removed, or the first is being written.

        A caller that cannot tell verifies again after FIRST_PROOF_S.
        """
        return not self.whole and not self.proven and not self.checkpoints

    def add(self, finding: Deviation) -> None:
        """Record a finding."""
        self.whole, self.found = False, self.found + 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)


class Proof(msgspec.Struct, frozen=True):
    """Stored leaf."""

    position: int
    stream: bytes
    topic: str
    hash: bytes


def verify(
    main: ReadableDatabase,
    keys: ReadableDatabase,
    signer: CheckpointSigner | None,
    now: datetime,
    *,
    against: Checkpoint | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    genuine: Genuine | None = None,
) -> Report:
    """Recompute everything and compare. Without `signer` nothing was ever proven here, or its key is gone.

    Without `genuine` the events' MACs are not checked.
    """
    return _Verification(main, keys, signer, against, progress, genuine).run(now)


class _Verification:
    def __init__(
        self,
        main: ReadableDatabase,
        keys: ReadableDatabase,
        signer: CheckpointSigner | None,
        against: Checkpoint | None,
        progress: Callable[[int, int], None],
        genuine: Genuine | None,
    ) -> None:
        self._genuine = genuine
        self._main, self._keys, self._signer, self._against = main, keys, signer, against
        self._progress = progress
        self._report = Report()
        self._heads: list[tuple[int, int, datetime, bytes, bytes]] = []
        self._tree: Tree | None = Tree()
        """None after a batch that was altered, up to the next checkpoint."""
        self._compared = False

    def run(self, now: datetime) -> Report:
        report = self._report
        # The proofs' end first: they follow the log, so all that they cover is in it by the time it is read.
        with self._keys.read() as tx:
            self._heads = [
                (int(n), int(size), from_micros(int(at)), bytes(peaks), bytes(signature))
                for n, size, at, peaks, signature in tx.execute(_sql.checkpoints)
            ]
            last = tx.execute(_sql.last_batch)
        proven_end = int(last[0][0]) + int(last[0][1]) if last else 0
        with self._main.read() as tx:
            report.position = int(tx.execute(_END)[0][0])
        report.checkpoints, report.since = len(self._heads), self._heads[0][2] if self._heads else None
        if self._signer is not None and report.position and not last and not self._heads:
            report.add(Deviation(kind="proof missing", words="every proof of the log's events is gone"))
        self._heads.reverse()
        tail = self._compare(self._proofs(proven_end))
        self._finish_heads(proven_end)
        self._extend(tail)
        if report.whole and self._signer is not None and self._tree is not None:
            report.checkpoint = self._signer.checkpoint(self._tree.size, self._tree.root, now)
        return report

    # --- the proofs

    def _proofs(self, end: int) -> Iterator[Proof]:
        """Yield the stored leaves in order; faults of their batches go into the report."""
        first, numbers = 0, 0
        while first < end:
            with self._keys.read() as tx:
                rows = tx.execute(_sql.batches, (first, _BATCHES))
            if not rows:
                break
            for start, count, packed, seal in rows:
                start, count, packed = int(start), int(count), bytes(packed)
                if start >= end:
                    break
                if start != first:
                    self._spoilt("proof missing", f"the proofs of events {first + 1} to {start} (in order) are gone")
                first, numbers = start + count, numbers + 1
                yield from self._batch(start, count, packed, bytes(seal))
            else:
                self._progress(first, end)
                continue
            break
        self._report.proven = first

    def _batch(self, start: int, count: int, packed: bytes, seal: bytes) -> Iterator[Proof]:
        try:
            leaves = unpacked(packed)
        except ValueError:
            leaves = None
        sealed = self._signer is not None and self._signer.seal(start, count, packed) == seal
        if leaves is None or not sealed or len(leaves.hashes) != count:
            where = f"events {start + 1} to {start + count} (in order)"
            if leaves is not None and leaves.positions:
                where += f", positions {leaves.positions[0]} to {leaves.positions[-1]}"
            self._spoilt("proof altered", f"the kept proof of {where} was altered: nothing vouches for them any more")
        if leaves is None:
            return
        self._grow(start, leaves.hashes)
        yield from map(Proof, leaves.positions, leaves.streams, leaves.topics, leaves.hashes)

    def _spoilt(self, kind: Kind, words: str) -> None:
        self._report.add(Deviation(kind=kind, words=words))
        self._tree = None

    def _grow(self, start: int, hashes: Any) -> None:
        """Add leaves to the tree, checking each checkpoint on the way."""
        if self._tree is not None and self._tree.size != start:
            self._tree = None
        done = 0
        while done < len(hashes):
            self._check_heads(start + done)
            upto = len(hashes)
            stops = [
                size for size in (self._next_head(), self._external_size()) if size is not None and size > start + done
            ]
            if stops:
                upto = min(upto, min(stops) - start)
            if self._tree is not None:
                self._tree.add(islice(hashes, done, upto))
            done = upto
        self._check_heads(start + done)

    # --- signed heads

    def _next_head(self) -> int | None:
        return self._heads[-1][1] if self._heads else None

    def _external_size(self) -> int | None:
        return None if self._against is None or self._compared else self._against.size

    def _check_heads(self, size: int) -> None:
        """Compare the tree of `size` leaves with every checkpoint of that size."""
        while self._heads and self._heads[-1][1] <= size:
            head = self._heads.pop()
            self._check_head(head, size)
        if self._external_size() == size:
            self._check_external()

    def _check_head(self, head: tuple[int, int, datetime, bytes, bytes], size: int) -> None:
        number, of, at, peaks, signature = head
        try:
            kept = Tree(of, split(peaks))
        except ValueError:
            kept = None
        valid = kept is not None and self._signer is not None and self._signer.signed(of, kept.root, at, signature)
        if kept is None or not valid or of != size:
            words = f"checkpoint {number} (of {at.isoformat(timespec='seconds')}) was altered"
            self._report.add(Deviation(kind="checkpoint altered", words=words))
        elif self._tree is None:
            self._tree = kept  # Events before it are known to be altered; from here on comparison resumes.
        elif self._tree.root != kept.root:
            words = f"the proofs of the first {of} events are not those of checkpoint {number}"
            self._spoilt("checkpoint altered", words)

    def _finish_heads(self, size: int) -> None:
        self._check_heads(size)
        for number, of, *_ in reversed(self._heads):
            words = f"checkpoint {number} speaks of {of} events, and proofs of {size} are there"
            self._report.add(Deviation(kind="proof missing", words=words))

    def _check_external(self) -> None:
        """Compare with the external checkpoint, when the tree has its size."""
        self._compared = True
        given, tree = self._against, self._tree
        if given is None:
            return
        if not holds(given):
            words = "the checkpoint in the file does not bear the signature of the key that it names"
        elif tree is None:
            words = f"nothing is left to compare the checkpoint in the file (of {given.size} events) with"
        elif tree.root.hex() != given.root:
            words = (
                f"the first {given.size} events are not those of the checkpoint in the file (of "
                f"{given.at.isoformat(timespec='seconds')}): log and proofs were changed together since"
            )
        elif self._signer is not None and given.key != self._signer.key.hex():
            words = "the checkpoint in the file was signed with another key: it belongs to another instance"
        else:
            self._report.compared = given
            return
        self._report.add(Deviation(kind="other checkpoint", words=words))

    # --- the log

    def _rows(self) -> Iterator[Any]:
        after, end = _BEFORE_ALL, self._report.position
        while True:
            with self._main.read() as tx:
                rows = tx.execute(_READ, (after, end, _PAGE))
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _compare(self, proofs: Iterator[Proof]) -> list[bytes]:
        """Merge log and proofs; return the leaves of events younger than the last proof."""
        report, tail, last = self._report, [], 0
        proof = next(proofs, None)
        for row in self._rows():
            report.events += 1
            self._check_mac(row)
            while proof is not None and proof.position < row[0]:
                self._missing(proof)
                last, proof = proof.position, next(proofs, None)
            if proof is None and row[0] > last:
                tail.append(leaf_of(row))
            elif proof is None or proof.position != row[0]:
                self._inserted(row)
            else:
                if proof.hash != leaf_of(row):
                    self._changed(proof, row)
                last, proof = proof.position, next(proofs, None)
        while proof is not None:
            self._missing(proof)
            proof = next(proofs, None)
        return tail

    def _check_mac(self, row: Any) -> None:
        position, stream, version, topic, state = row
        if self._genuine is None or self._genuine(
            position, UUID(bytes=bytes(stream)), int(version), str(topic), bytes(state)
        ):
            return
        words = f"event {position} ({topic} of stream {stream_name(stream)}) was not written by this instance"
        self._report.add(
            Deviation(kind="forged", words=words, position=position, stream=stream_name(stream), topic=str(topic))
        )

    def _changed(self, proof: Proof, row: Any) -> None:
        position, stream, version, topic, _ = row
        was, now = (stream_name(proof.stream), proof.topic), (stream_name(stream), str(topic))
        words = f"event {position} ({proof.topic} of stream {was[0]}) was changed"
        if was != now:
            words += f": there stands {now[1]} (version {version}) of stream {now[0]} now"
        self._report.add(Deviation(kind="changed", words=words, position=position, stream=was[0], topic=proof.topic))

    def _missing(self, proof: Proof) -> None:
        stream = stream_name(proof.stream)
        words = f"event {proof.position} ({proof.topic} of stream {stream}) is gone"
        if proof.position > self._report.position:
            words += f": the log ends at {self._report.position}"
        self._report.add(
            Deviation(kind="missing", words=words, position=proof.position, stream=stream, topic=proof.topic)
        )

    def _inserted(self, row: Any) -> None:
        stream, topic = stream_name(row[1]), str(row[3])
        words = f"event {row[0]} ({topic} of stream {stream}) was put in afterwards"
        self._report.add(Deviation(kind="inserted", words=words, position=row[0], stream=stream, topic=topic))

    def _extend(self, tail: list[bytes]) -> None:
        """Add the unproven events, for the new checkpoint and the external one."""
        outside = self._external_size()
        upto = 0
        if self._tree is not None and outside is not None and 0 <= outside - self._tree.size <= len(tail):
            upto = outside - self._tree.size
            self._tree.add(tail[:upto])
            self._check_external()
        elif outside is not None and self._against is not None:
            words = f"the checkpoint in the file speaks of {outside} events, and the log has {self._report.events}"
            if outside <= self._report.events:
                words = f"nothing is left to compare the checkpoint in the file (of {outside} events) with"
            self._report.add(Deviation(kind="other checkpoint", words=words))
        if self._tree is not None:
            self._tree.add(tail[upto:])
