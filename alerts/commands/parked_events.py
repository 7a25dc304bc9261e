"""Record of what a person decided about an event that a read model could not apply."""

from __future__ import annotations

from typing import Literal

from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.results import Saved
from alerts.domain.events import ParkedEventDecided
from alerts.domain.streams import READ_MODEL, read_model_id
from alerts.eventlog.ports import UnitOfWork


class ParkedEventCommands(CommandBase):
    """Decisions about parked events. The read models are mended by their runner; this is the record."""

    async def record_parked_event(
        self, actor: Actor, parked: str, decision: Literal["retried", "dropped"], reason: str = ""
    ) -> Saved:
        """Record a decision about a parked event, by its id (`projection@position`)."""
        words = validation.text(reason, "reason", validation.REASON)
        projection, _, position = parked.rpartition("@")
        stream = read_model_id(projection)

        def work(unit: UnitOfWork) -> Saved:
            unit.get(READ_MODEL, stream)
            decided = ParkedEventDecided(projection=projection, position=int(position), decision=decision, reason=words)
            unit.append(READ_MODEL, stream, decided)
            return Saved(id=stream, version=unit.version(stream))

        return await self._run(actor, work)
