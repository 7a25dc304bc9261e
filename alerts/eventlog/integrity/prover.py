"""Prover: hashes what is appended, in a thread of a serving process, at most about a second behind the log.

It only reads the log, so that appends do not wait for it. On PostgreSQL one of all processes proves, elected by a lock;
the key of the batches is the fence behind it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Thread
from time import monotonic
from uuid import UUID

from alerts.eventlog.codec import LOG_COLUMNS
from alerts.eventlog.integrity.merkle import HASH, CheckpointSigner, Leaves, Tree, unpacked
from alerts.eventlog.log import EventLog
from alerts.kernel.errors import DomainError
from alerts.kernel.times import from_micros, micros
from alerts.storage.base import BaseDatabase
from alerts.storage.leader_election import AdvisoryLockLeader
from alerts.storage.named_queries import load

logger = logging.getLogger(__name__)

_sql = load("alerts.eventlog.integrity", "proofs.sql")
_READ = f"SELECT {LOG_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"
_BATCH = 2000
_GATHER = 0.5
"""Seconds in which appended events accumulate for one batch."""
_BATCH_PAUSE_S = 0.01
"""Pause between two full batches in seconds, for other threads of this process."""
_IDLE = 1.0
_AFTER_TROUBLE = 1.0
_LOCK = 0x7072_6F00
CHECKPOINT_EVERY = timedelta(hours=1)
CHECKPOINT_LEAVES = 50_000
"""Leaves between checkpoints: a start reads at most these, and a batch."""


Genuine = Callable[[int, UUID, int, str, bytes], bool]
"""True if an event was written by this instance: position, stream, version, topic, state (`EventAuthenticator`)."""


class BrokenProofs(Exception):
    """The stored proofs cannot be continued; `alerts verify` reports the damage."""


class Prover:
    """Follows the log and stores its proofs. `start` and `stop` it, or call `catch_up` in your own thread."""

    def __init__(
        self,
        log: EventLog,
        main: BaseDatabase,
        keys: BaseDatabase,
        signer: Callable[[], CheckpointSigner],
        clock: Callable[[], datetime],
        genuine: Genuine = lambda *_: True,
    ) -> None:
        """`keys` is the database of the proofs; `signer` may read and write it, so it is called lazily.

        An event that is not `genuine` is never proven, nor is anything after it.
        """
        self._genuine = genuine
        self._log, self._main, self._keys, self._clock = log, main, keys, clock
        self._make_signer = signer
        self._leader = AdvisoryLockLeader(keys, _LOCK)
        self._stop = Flag()
        self._thread: Thread | None = None
        self._signer: CheckpointSigner | None = None
        self._tree: Tree | None = None
        """Tree of all stored leaves; None before it is read, or once another process may have added leaves."""
        self._position = 0
        self._number = self._signed_size = 0
        self._signed_at: datetime | None = None
        self._checkpoint_requested = False

    # --- the outside

    def start(self) -> None:
        """Prove in a separate thread until `stop`."""
        self._thread = Thread(target=self._loop, name="prover", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Prove the rest, sign a last checkpoint, and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._leader.is_leader():
                self.catch_up()
                self._sign(always=False)
        except Exception as error:
            self._say(error)
        finally:
            self._leader.release()

    def request_checkpoint(self) -> None:
        """Ask for a signed checkpoint if the last is older than `CHECKPOINT_EVERY`; a periodic job, from any thread."""
        if self._is_checkpoint_due():
            self._checkpoint_requested = True

    def catch_up(self) -> int:
        """Prove the whole log; return the position up to which it is proven. Raises `BrokenProofs`."""
        while self._step():
            if self._thread is not None and not self._stop.is_set():
                self._stop.wait(_BATCH_PAUSE_S)
        return self._position

    def _is_checkpoint_due(self) -> bool:
        return self._signed_at is not None and self._clock() - self._signed_at >= CHECKPOINT_EVERY

    # --- the thread

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                if self._leader.is_leader():
                    self.catch_up()
                    requested, self._checkpoint_requested = self._checkpoint_requested, False
                    if self._signed_at is None or (requested and self._is_checkpoint_due()):
                        self._sign(always=True)
                    if self._log.wait_for(self._position + 1, _IDLE):
                        self._stop.wait(_GATHER)
                else:
                    self._tree = None
                    self._stop.wait(_IDLE)
            except BrokenProofs as error:
                logger.critical("%s; nothing is proven from here on: run `alerts verify`", error)
                return
            except Exception as error:
                self._say(error)
                self._tree = None
                self._stop.wait(_AFTER_TROUBLE)

    def _say(self, error: Exception) -> None:
        if (
            isinstance(error, DomainError | BrokenProofs)
            or self._keys.fault_kind(error)
            or self._main.fault_kind(error)
        ):
            logger.error("the log could not be proven further just now: %s", error)
        else:
            logger.exception("the prover failed; it tries again")

    def _step(self) -> bool:
        """Prove one batch; True if there may be more."""
        tree = self._tree if self._tree is not None else self._load()
        with self._main.read() as tx:
            rows = tx.execute(_READ, (self._position, _BATCH))
        if not rows:
            return False
        for position, stream, version, topic, state in rows:
            if not self._genuine(position, UUID(bytes=bytes(stream)), version, topic, bytes(state)):
                raise BrokenProofs(f"event {position} ({topic}) was not written by this instance")
        leaves = Leaves.of(rows)
        packed, first, count = leaves.packed(), tree.size, len(rows)
        seal = self._signing.seal(first, count, packed)
        self._tree = None  # until the batch is known to be stored
        with self._keys.write() as tx:
            tx.execute(_sql.keep_batch, (first, count, packed, seal))
        tree.add(leaves.hashes)
        self._tree, self._position = tree, int(rows[-1][0])
        if tree.size - self._signed_size >= CHECKPOINT_LEAVES:
            self._sign(always=True)
        return count == _BATCH

    def _sign(self, *, always: bool) -> None:
        """Store a signed head; without `always`, only if the tree has grown since the last."""
        tree = self._tree if self._tree is not None else self._load()
        if not always and tree.size == self._signed_size and self._number:
            return
        at = from_micros(micros(self._clock()))
        signature = self._signing.sign(tree.size, tree.root, at)
        row = (self._number + 1, tree.size, micros(at), b"".join(tree.peaks), signature)
        with self._keys.write() as tx:
            tx.execute(_sql.keep_checkpoint, row)
        self._number, self._signed_size, self._signed_at = self._number + 1, tree.size, at

    @property
    def _signing(self) -> CheckpointSigner:
        if self._signer is None:
            self._signer = self._make_signer()
        return self._signer

    # --- resuming from stored proofs

    def _load(self) -> Tree:
        """Load the tree: the last checkpoint's, and the batches after it."""
        begun = monotonic()
        tree = self._last_checkpoint()
        self._position = self._last_position()
        while rows := self._batches(tree.size):
            for first, count, packed, seal in rows:
                if first != tree.size or bytes(seal) != self._signing.seal(first, count, bytes(packed)):
                    raise BrokenProofs(f"the kept proof of events {first + 1} to {first + count} was altered")
                tree.add(unpacked(bytes(packed)).hashes)
        end = self._log.position()
        if end < self._position:
            logger.critical(
                "the log ends at %d, but it once reached %d: run `alerts verify`, which names what is lost",
                end,
                self._position,
            )
        logger.debug("proofs of %d events read in %.3f s", tree.size, monotonic() - begun)
        self._tree = tree
        return tree

    def _last_checkpoint(self) -> Tree:
        with self._keys.read() as tx:
            rows = tx.execute(_sql.last_checkpoint)
        if not rows:
            self._number, self._signed_size, self._signed_at = 0, 0, None
            return Tree()
        number, size, at, peaks, signature = rows[0]
        try:
            tree = Tree(int(size), split(bytes(peaks)))
        except ValueError as error:
            raise BrokenProofs(f"checkpoint {number} was altered: {error}") from error
        if not self._signing.signed(tree.size, tree.root, from_micros(int(at)), bytes(signature)):
            raise BrokenProofs(f"checkpoint {number} was altered: its signature is not ours")
        self._number, self._signed_size, self._signed_at = int(number), tree.size, from_micros(int(at))
        return tree

    def _last_position(self) -> int:
        with self._keys.read() as tx:
            rows = tx.execute(_sql.last_batch)
        return int(unpacked(bytes(rows[0][2])).positions[-1]) if rows else 0

    def _batches(self, first: int) -> list[tuple[int, int, bytes, bytes]]:
        with self._keys.read() as tx:
            return [(int(f), int(c), bytes(p), bytes(s)) for f, c, p, s in tx.execute(_sql.batches, (first, 100))]


def split(peaks: bytes) -> list[bytes]:
    """Split the peaks of a checkpoint's row."""
    return [peaks[i : i + HASH] for i in range(0, len(peaks), HASH)]
