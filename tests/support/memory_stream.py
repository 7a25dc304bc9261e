"""A stream in memory: decide, fold, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from alerts.kernel.events import Event, Recorded, Stream

S = TypeVar("S")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID(int=1)


@dataclass
class Told(Generic[S]):
    """Events of one stream, and the state folded from them."""

    stream: Stream[S]
    id: UUID = ID
    state: S | None = None
    now: datetime = NOW
    events: list[Recorded] = field(default_factory=list)

    def tell(self, *events: Event, by: str = "system") -> S:
        for event in events:
            recorded = Recorded(
                originator_id=self.id,
                originator_version=len(self.events) + 1,
                event=event,
                at=self.now,
                by=by,
                position=len(self.events) + 1,
            )
            self.events.append(recorded)
            self.state = self.stream.evolve(self.state, recorded)
        assert self.state is not None
        return self.state

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)

    def topics(self) -> list[str]:
        return [recorded.event.topic() for recorded in self.events]

    def refold(self) -> Any:
        state: S | None = None
        for recorded in self.events:
            state = self.stream.evolve(state, recorded)
        return state
