"""What the follower has made of the log, kept beside the read models, so that a start need not read it all again.

Kept are the audience's columns, sealed as a whole, and the positions of the events that the registers are folded from.
Whatever is not exactly of this log, these read models and this version, or cannot be opened, is left where it is and
the log is read instead. An erasure destroys the key (`Vault.destroy`), and soon after it a new copy is kept.
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
"""Positions that a start would have to read, from which on a new copy is worth its writing: about a second."""
_SPACING = 60.0
"""Seconds between two copies at least: a hundred megabytes for a million people."""


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first part of the stream; the tables' rows follow."""

    generation: int
    position: int
    mark: bytes
    """See `Log.mark`."""
    registers: bytes
    """The positions of the events that the registers are folded from, as 64-bit integers."""
    columns: ColumnsImage


@dataclass(frozen=True, slots=True)
class Restored:
    """Where everything stands now, and the positions of the events that the registers were folded from."""

    position: int
    folded: array[int]


class CheckpointStore:
    """See the module. Used by the follower's thread alone."""

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
        """`worth`: positions behind from which a copy is written; `spacing`: seconds between two; `always`: at every
        chance, without being asked by `request`."""
        self._log, self._views, self._vault, self._tick = log, views, vault, tick
        self._worth, self._spacing, self._always = worth, spacing, always
        self._kept, self._requested = float("-inf"), False
        self._writing: Thread | None = None

    # --- at the start ---

    def restore(self, columns: AudienceColumns, registers: ReferenceData, newest: int) -> Restored | None:
        """Bring both to where they were kept, at `newest` at the latest. None: there is nothing to take, and both are
        empty."""
        begun = perf_counter()
        try:
            with blob_store.stored_blob(self._views.current) as source:
                if source is None:
                    return None
                found = self._take(source, columns, registers, newest)
        except Exception as error:  # whatever it is, the log has it all
            columns.clear()
            registers.clear()
            _log.warning("the audience's kept columns are not used, the log is read instead: %s", error)
            return None
        took = {"position": found.position, "seconds": round(perf_counter() - begun, 2)}
        _log.info("the audience's columns are taken as they were kept at %d", found.position, extra=took)
        return found

    def _take(
        self, source: blob_store.Readable, columns: AudienceColumns, registers: ReferenceData, newest: int
    ) -> Restored:
        head = encrypted_stream.head_of(source)
        key = self._vault.copy_key(head.key)
        if key is None:
            raise DecryptionFailed("their key was destroyed, by an erasure or by a newer copy")
        parts = encrypted_stream.parts_of(source, head, key)
        front = msgspec.msgpack.decode(next(parts), type=_Header)
        if front.generation != self._views.generation:
            raise DecryptionFailed("they belong to another generation of read models")
        if front.position > newest:
            raise DecryptionFailed("they are ahead of what has been sent")
        if front.position > self._log.position() or front.mark != self._log.hash_at(front.position):
            raise DecryptionFailed("they are another log's")
        positions = array("q", front.registers)
        serialization.refill(columns, front.columns, parts)
        if next(parts, None) is not None:
            raise DecryptionFailed("there is more than there should be")
        for recorded in self._log.read_at(positions):
            registers.apply(recorded)
        return Restored(front.position, positions)

    # --- from time to time ---

    def request(self) -> None:
        """Ask for a look at the next chance whether a copy is due; a periodic job, from any thread."""
        self._requested = True

    def is_due(self, position: int, *, stopping: bool = False) -> bool:
        """Whether a copy that stands at this position is worth its writing: the one that is kept is old, or is
        unreadable since an erasure."""
        now = self._tick()
        if stopping:
            self.finish()
        if position < self._worth or (self._writing is not None and self._writing.is_alive()):
            return False
        if not stopping and (not (self._requested or self._always) or now - self._kept < self._spacing):
            return False
        self._requested = False
        return position - self._position_kept() >= self._worth

    def finish(self) -> None:
        """Let a copy that is being put in its place arrive there; the databases may be closed then."""
        if self._writing is not None:
            self._writing.join()

    def _position_kept(self) -> int:
        """Where the copy stands that a start would find, 0 if it would find none."""
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
        """Keep a copy. `catch_up` is called once the key is on disk, and brings everything to the log's end as it then
        is; its position, or None if that cannot be done now. What follows the sealing is done beside, unless `wait`.
        Whether there is one now, or will be in a moment."""
        name, key = self._vault.new_copy_key()
        position = catch_up()
        if position is None:
            return False
        self._kept = self._tick()
        views = self._views.current
        front = _Header(
            generation=views.generation,
            position=position,
            mark=self._log.hash_at(position),
            registers=folded.tobytes(),
            columns=serialization.image_of(columns),
        )
        draft = blob_store.BlobDraft(views)
        try:
            encrypted_stream.write(draft.file, Head(name, position), key, _parts(front, columns))
        except BaseException:
            draft.discard()
            raise
        self._writing = Thread(target=self._publish, args=(draft, name, position), name="audience copy", daemon=True)
        self._writing.start()
        if wait:
            self._writing.join()
        return True

    def _publish(self, draft: blob_store.BlobDraft, name: UUID, position: int) -> None:
        """Put a sealed copy in its place; the follower does not wait for the disk."""
        try:
            draft.commit()
            self._vault.drop_copies(but=name)
            _log.info("the audience's columns are kept at %d", position)
        except Exception as error:
            _log.warning("the audience's columns could not be kept: %s", error)
        finally:
            draft.discard()


def _parts(front: _Header, columns: AudienceColumns) -> Iterator[bytes | memoryview]:
    yield msgspec.msgpack.encode(front)
    yield from serialization.chunks_of(columns)
