"""Warm start: audience checkpoint written offline, after a migration or a rebuild."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from alerts.dispatch import fanout
from alerts.eventlog.ports import Log
from alerts.storage.base import BaseDatabase
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.index import AudienceColumns
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.audience.topics import PEOPLE


def write_checkpoint_offline(
    log: Log, main: BaseDatabase, snapshots: CheckpointStore, clock: Callable[[], datetime]
) -> int | None:
    """Write a checkpoint for the next start; return its position.

    None: there is nothing to do, or it is impossible, since an erasure may follow the last event whose effects are on
    disk.
    """
    position = fanout.position(main)
    snapshots.request()
    if not snapshots.is_due(position):
        return None

    def there() -> int | None:
        # Called once the copy's key is on disk: people erased before that must be known as erased.
        if log.read(position, 1, PEOPLE):
            return None
        projector.replay_to(position)
        return position

    columns, reference_data = AudienceColumns(), ReferenceData()
    projector = AudienceProjector(log, columns, reference_data, clock=clock)
    saved = snapshots.save(columns, projector.folded, there, wait=True)
    return position if saved else None
