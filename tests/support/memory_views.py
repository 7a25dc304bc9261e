"""Read models in memory: the real statements and migrations on a SQLite database that is never on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from eventsourcing.persistence import Notification

from alerts.domain import events as alerts_events
from alerts.eventlog.codec import Codec
from alerts.eventlog.ports import Projection
from alerts.kernel.events import Event, Recorded
from alerts.projections import ReadModelQueries, projections
from subscribers.domain import events as subscriber_events
from tests.support.memory_store import MemoryDatabase, MemoryKeys

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CATALOGUE = alerts_events.CATALOGUE.joined(subscriber_events.CATALOGUE)


@dataclass
class World:
    """A log as a list, and the read models that follow it."""

    keys: MemoryKeys = field(default_factory=MemoryKeys)
    database: MemoryDatabase = field(default_factory=lambda: MemoryDatabase("views"))
    projections: Sequence[Projection] = field(default_factory=projections)
    rows: list[Notification] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    applied: int = 0

    def __post_init__(self) -> None:
        self.open = Codec(CATALOGUE, self.keys)
        self.views = ReadModelQueries(self.database, self, self.keys)

    def append(self, stream: UUID, *events: Event, by: str = "person:a", at: datetime | None = None) -> int:
        """Keep these events, without projecting them; the last one's position."""
        for event in events:
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            position = len(self.rows) + 1
            when = at or START + timedelta(seconds=position)
            recorded = Recorded(originator_id=stream, originator_version=version, event=event, at=when, by=by)
            topic, state = self.open.encode(recorded)
            self.rows.append(Notification(stream, version, topic, state, position))
        return len(self.rows)

    def tell(self, stream: UUID, *events: Event, by: str = "person:a", at: datetime | None = None) -> int:
        """Keep these events and project them."""
        position = self.append(stream, *events, by=by, at=at)
        self.project()
        return position

    def project(self, *batches: int, sealed_only: bool = True) -> None:
        """Project what is not projected yet, in batches of these sizes, the rest in one."""
        for size in (*batches, len(self.rows)):
            rows = self.rows[self.applied : self.applied + size]
            if not rows:
                continue
            recorded = [r for r in self.open.decode_many(rows, unseal=not sealed_only) if isinstance(r, Recorded)]
            assert len(recorded) == len(rows), "every event is readable"
            with self.database.write() as tx:
                for projection in self.projections:
                    projection.apply(tx, [r for r in recorded if r.event.topic() in projection.topics])
            self.applied += len(rows)

    def recorded(self, stream: UUID) -> list[Recorded]:
        """A stream's events with everything personal that can still be read."""
        return [self.open.to_domain_event(row) for row in self.rows if row.originator_id == stream]

    def again(self) -> World:
        """The same log and keys with empty read models."""
        return World(keys=self.keys, rows=self.rows, versions=self.versions)

    # What the views ask of a runner.

    def position(self) -> int:
        return self.applied

    def wait_for(self, position: int, timeout: float) -> bool:
        return self.applied >= position
