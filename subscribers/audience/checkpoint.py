"""Checkpoints of the audience projector, so that a start need not read the whole log.

Saved are the audience columns, encrypted as a whole, and the positions of the events that the reference data is folded
from. A checkpoint of another log, other read models or another version, or one that cannot be decrypted, is ignored and
the log is read instead. An erasure destroys its key (`Vault.destroy`); a new checkpoint is saved soon after.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from time import monotonic, perf_counter
from uuid import UUID

import msgspec

from alerts.eventlog.ports import Log
from alerts.storage import blob_store
from alerts.storage.generations import LiveViews
from subscribers.audience import encrypted_stream
from subscribers.audience.encrypted_stream import DecryptionFailed, Head
from subscribers.audience.index import AudienceColumns, serialization
from subscribers.audience.index.serialization import ColumnsImage
from subscribers.audience.reference_data import ReferenceData
from subscribers.vault import Vault

_log = logging.getLogger(__name__)

MIN_EVENTS = 20_000
"""Number of events behind from which a new checkpoint is worth saving: reading them takes about a second."""
_SPACING = 60.0
"""Minimum seconds between two checkpoints: a hundred megabytes for a million people."""


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """First part of the stream; the tables' rows follow."""

    generation: int
    position: int
    mark: bytes
    """See `Log.hash_at`."""
    reference_data: bytes
    """Positions of the events that the reference data is folded from, as 64-bit integers."""
    columns: ColumnsImage


@dataclass(frozen=True, slots=True)
class RestoredCheckpoint:
    """Restored position, and the positions of the events that the reference data was folded from."""

    position: int
    folded: array[int]


class CheckpointStore:
    """Store of checkpoints. Used by the projector's thread alone."""

    def __init__(
        self,
        log: Log,
        views: LiveViews,
        vault: Vault,
        *,
        worth: int = MIN_EVENTS,
        spacing: float = _SPACING,
        always: bool = False,
        tick: Callable[[], float] = monotonic,
    ) -> None:
        """Set when a checkpoint is due: `worth` events after the last and `spacing` seconds later, once requested.

        With `always` no request is needed.
        """
        self._log, self._views, self._vault, self._tick = log, views, vault, tick
        self._worth, self._spacing, self._always = worth, spacing, always
        self._saved_at, self._requested = float("-inf"), False
        self._writing: Thread | None = None

    # --- at the start ---

    def restore(
        self, columns: AudienceColumns, reference_data: ReferenceData, newest: int
    ) -> RestoredCheckpoint | None:
        """Restore both from the checkpoint, unless it is newer than `newest`.

        Returns None if there is none to use; both are empty then.
        """
        begun = perf_counter()
        try:
            with blob_store.stored_blob(self._views.current) as source:
                if source is None:
                    return None
                found = self._take(source, columns, reference_data, newest)
        except Exception as error:  # whatever the error, the log has everything
            columns.clear()
            reference_data.clear()
            _log.warning("the audience's kept columns are not used, the log is read instead: %s", error)
            return None
        took = {"position": found.position, "seconds": round(perf_counter() - begun, 2)}
        _log.info("the audience's columns are taken as they were kept at %d", found.position, extra=took)
        return found

    def _take(
        self, source: blob_store.ReadableBlob, columns: AudienceColumns, reference_data: ReferenceData, newest: int
    ) -> RestoredCheckpoint:
        head = encrypted_stream.head_of(source)
        key = self._vault.copy_key(head.key)
        if key is None:
            raise DecryptionFailed("their key was destroyed, by an erasure or by a newer copy")
        parts = encrypted_stream.parts_of(source, head, key)
        header = msgspec.msgpack.decode(next(parts), type=_Header)
        if header.generation != self._views.generation:
            raise DecryptionFailed("they belong to another generation of read models")
        if header.position > newest:
            raise DecryptionFailed("they are ahead of what has been sent")
        if header.position > self._log.position() or header.mark != self._log.hash_at(header.position):
            raise DecryptionFailed("they are another log's")
        positions = array("q", header.reference_data)
        serialization.refill(columns, header.columns, parts)
        if next(parts, None) is not None:
            raise DecryptionFailed("there is more than there should be")
        for recorded in self._log.read_at(positions):
            reference_data.apply(recorded)
        return RestoredCheckpoint(header.position, positions)

    # --- from time to time ---

    def request(self) -> None:
        """Ask for a look at the next chance whether a copy is due; a periodic job, from any thread."""
        self._requested = True

    def is_due(self, position: int, *, stopping: bool = False) -> bool:
        """True if a checkpoint at this position is worth saving: the stored one is old or unreadable."""
        now = self._tick()
        if stopping:
            self.finish()
        if position < self._worth or (self._writing is not None and self._writing.is_alive()):
            return False
        if not stopping and (not (self._requested or self._always) or now - self._saved_at < self._spacing):
            return False
        self._requested = False
        return position - self._stored_position() >= self._worth

    def finish(self) -> None:
        """Wait for a checkpoint that is being published; the databases may be closed then."""
        if self._writing is not None:
            self._writing.join()

    def _stored_position(self) -> int:
        """Position of the readable stored checkpoint, 0 if there is none."""
        try:
            with blob_store.stored_blob(self._views.current) as source:
                if source is None:
                    return 0
                head = encrypted_stream.head_of(source)
                return head.position if self._vault.copy_key(head.key) is not None else 0
        except (ValueError, OSError):
            return 0

    def save(
        self, columns: AudienceColumns, folded: array[int], catch_up: Callable[[], int | None], *, wait: bool
    ) -> bool:
        """Save a checkpoint; True if it is saved or, without `wait`, about to be.

        `catch_up` is called once the key is on disk, and applies the log up to its current end; it returns the
        position, or None if that is not possible now. After the encryption the rest runs in another thread, unless
        `wait`.
        """
        name, key = self._vault.new_copy_key()
        position = catch_up()
        if position is None:
            return False
        self._saved_at = self._tick()
        views = self._views.current
        header = _Header(
            generation=views.generation,
            position=position,
            mark=self._log.hash_at(position),
            reference_data=folded.tobytes(),
            columns=serialization.image_of(columns),
        )
        draft = blob_store.BlobDraft(views)
        try:
            encrypted_stream.write(draft.file, Head(name, position), key, _parts(header, columns))
        except BaseException:
            draft.discard()
            raise
        self._writing = Thread(target=self._publish, args=(draft, name, position), name="audience copy", daemon=True)
        self._writing.start()
        if wait:
            self._writing.join()
        return True

    def _publish(self, draft: blob_store.BlobDraft, name: UUID, position: int) -> None:
        """Move an encrypted checkpoint into place; the projector does not wait for the disk."""
        try:
            draft.commit()
            self._vault.drop_copies(but=name)
            _log.info("the audience's columns are kept at %d", position)
        except Exception as error:
            _log.warning("the audience's columns could not be kept: %s", error)
        finally:
            draft.discard()


def _parts(header: _Header, columns: AudienceColumns) -> Iterator[bytes | memoryview]:
    yield msgspec.msgpack.encode(header)
    yield from serialization.chunks_of(columns)
