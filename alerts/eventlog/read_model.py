"""Read models in the `eventsourcing` library's shape: a projection, and the recorder of its position."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from eventsourcing.persistence import IntegrityError, Tracking, TrackingRecorder
from eventsourcing.projection import Projection

from alerts.kernel.events import Recorded
from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.ports import Transaction

_START = "INSERT INTO tracking (name, position) VALUES (?, 0) ON CONFLICT (name) DO NOTHING"
_POSITIONS = "SELECT name, position FROM tracking"
_MOVE = "UPDATE tracking SET position = ? WHERE position = ? AND name IN ({}) RETURNING name"
_TRACK = """
INSERT INTO tracking (name, position) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE tracking.position < excluded.position
RETURNING position
"""


class LostFence(Exception):
    """Another runner has moved a position meanwhile: the transaction must be rolled back."""


class ViewRecorder(TrackingRecorder):
    """Positions of read models, in the database that holds their rows."""

    def __init__(self, database: BaseDatabase) -> None:
        self.database = database

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move a read model's position forward; the library's `IntegrityError` if it is there or further."""
        with self.database.write() as tx:
            self.track(tx, tracking)

    def track(self, tx: BaseTransaction, tracking: Tracking) -> None:
        """Like `insert_tracking` inside an open transaction, with the rows that it belongs to."""
        if not tx.execute(_TRACK, (tracking.application_name, tracking.notification_id)):
            raise IntegrityError(f"{tracking.application_name} has already come to {tracking.notification_id}")

    def fence(self, tx: BaseTransaction, before: int, trackings: Sequence[Tracking]) -> None:
        """Move several to one position, from exactly `before`. Raises `LostFence` if another runner did."""
        to = trackings[0].notification_id
        names = [tracking.application_name for tracking in trackings]
        moved = tx.execute(_MOVE.format(", ".join("?" * len(names))), (to, before, *names))
        if len(moved) != len(names):
            raise LostFence

    def max_tracking_id(self, application_name: str) -> int | None:
        """Position of a read model, None if it has not begun."""
        return self.positions().get(application_name)

    def positions(self, start: Collection[str] = ()) -> dict[str, int]:
        """Positions of all read models; those of `start` that have none begin at 0."""
        with self.database.read() as tx:
            found = {str(name): int(position) for name, position in tx.execute(_POSITIONS)}
        missing = [name for name in start if name not in found]
        if missing:
            with self.database.write() as tx:
                tx.executemany(_START, [(name,) for name in missing])
        return {**dict.fromkeys(missing, 0), **found}


class ReadModel(Projection[ViewRecorder]):
    """Projection whose rows are computed from the log alone.

    `ProjectionRunner` applies batches; `process_event` does the same for one event. Batches give the speed: a
    transaction for each event takes many times as long.
    """

    name: str
    topics: Collection[str] = ()  # type: ignore[assignment]
    """Topics that it subscribes to; none means all."""
    guards: ClassVar[bool] = False
    """True if it stops at an event that it cannot apply; others continue, and the event is parked."""

    def __init__(self, view: ViewRecorder | None = None) -> None:
        """`view` may come later, by `bind`: the same read model runs over the live rows and over a rebuild's."""
        if view is not None:
            self.bind(view)

    @abstractmethod
    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Apply these events in order; the caller moves the position in the same transaction."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Apply one event and record its position, in one transaction."""
        with self.view.database.write() as tx:
            self.view.track(tx, tracking)
            self.apply(tx, [domain_event])

    def bind(self, view: ViewRecorder) -> None:
        """Set the database that `process_event` writes: the runner's."""
        self._view = view
