"""`eventsourcing` application of the product: one event store, its mapper, repository and notification log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application, LocalNotificationLog
from eventsourcing.persistence import InfrastructureFactory, Mapper, Notification
from eventsourcing.utils import Environment

from alerts.eventlog.codec import Codec
from alerts.eventlog.persistence import Factory
from alerts.eventlog.recent_rows import RecentRows
from alerts.eventlog.recorder import Recorder
from alerts.eventlog.stream_cache import CachedStream
from alerts.kernel.events import Recorded, Stream
from alerts.storage.base import BaseDatabase

S = TypeVar("S")

_ENVIRONMENT = {
    "PERSISTENCE_MODULE": "alerts.eventlog.persistence",
    # Set here so that no environment variable of the machine can enable them.
    "IS_SNAPSHOTTING_ENABLED": "n",
    "AGGREGATE_CACHE_MAXSIZE": "",
    "COMPRESSOR_TOPIC": "",
    "CIPHER_TOPIC": "",
}


_ANY_NUMBER = 1 << 31
"""Section size of the notification log: readers choose their own limit."""


@dataclass(frozen=True, slots=True)
class _Folded(Generic[S]):
    """Folded state in the shape that the library's repository returns."""

    id: UUID
    version: int
    state: S


class EventStoreApplication(Application[UUID]):
    """Events of every stream. `save` appends, `notification_log` and `repository` read."""

    name = "alerts"

    recorder: Recorder

    def __init__(self, database: BaseDatabase, codec: Codec) -> None:
        """`database` stays open when the application is closed."""
        self.database, self.codec = database, codec
        self.recent = RecentRows()
        super().__init__(_ENVIRONMENT)

    def construct_factory(self, env: Environment) -> InfrastructureFactory:
        """Create the factory of our persistence module, with the open database."""
        factory = super().construct_factory(env)
        cast(Factory, factory).database = self.database
        return factory

    def construct_mapper(self) -> Mapper[UUID]:
        """Return the codec: stable topics, versions, MessagePack, personal fields sealed."""
        return self.codec

    def construct_notification_log(self) -> LocalNotificationLog:
        """Return the library's notification log, served from memory where possible."""
        return _RecentFirst(self.recorder, self.recent)

    def state(self, stream: Stream[S], stream_id: UUID, up_to: int | None = None) -> S | None:
        """Fold a stream, optionally up to a position; None if it had no event by then. Raises `UnreadableEvent`."""

        def projector(_: object, events: Iterable[Recorded]) -> _Folded[S] | None:
            folded: _Folded[S] | None = None
            for recorded in events:
                if up_to is not None and recorded.position > up_to:
                    break
                state = stream.evolve(folded.state if folded else None, recorded)
                folded = _Folded(stream_id, recorded.originator_version, state)
            return folded

        found = self._get(stream_id, projector)
        return found.state if found is not None else None

    def stream(self, stream: Stream[Any], stream_id: UUID) -> CachedStream:
        """Load a stream for the unit of work: version 0 if it has no event. Raises `UnreadableEvent`.

        The repository has no cache: the writer's is invalidated under the append lock, which the library's could only
        do by querying the database at each use.
        """

        def projector(_: object, events: Iterable[Recorded]) -> CachedStream | None:
            found = list(events)
            return CachedStream.after(CachedStream(stream.name, 0, None), stream.evolve, found) if found else None

        return self._get(stream_id, projector) or CachedStream(stream.name, 0, None)

    def _get(self, stream_id: UUID, projector: Callable[[Any, Any], Any]) -> Any:
        try:
            return self.repository.get(stream_id, projector_func=projector)
        except AggregateNotFoundError:
            return None


class _RecentFirst(LocalNotificationLog):
    """Notification log that reads recent rows from memory, else from the recorder."""

    def __init__(self, recorder: Recorder, recent: RecentRows) -> None:
        super().__init__(recorder, section_size=_ANY_NUMBER)
        self._recent = recent

    def select(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        if stop is None and self._recent.begins_before(after):
            found = self._recent.between(after, self.recorder.max_notification_id() or 0, limit, topics)
            if found is not None:
                return found
        return super().select(after, limit, stop, topics, inclusive_of_start=False)
