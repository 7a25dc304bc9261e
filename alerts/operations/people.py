"""Operations on one subscriber."""

from __future__ import annotations

import asyncio

from alerts.kernel.calls import Json, Operation
from alerts.operations.base import OperationGroup, identity, operator
from subscribers.domain.events import SubscriberErased


class PeopleOperations(OperationGroup):
    """Erasure of a subscriber."""

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "erase": self.erase,
        }

    async def erase(self, args: Json) -> Json:
        """{"id"} → {"id", "position", "at", "erased_before"}: the key is destroyed; the proofs remain valid.

        `position` and `at` are those of the erasure, also if it was done before.
        """
        subscriber, log = identity(args["id"], "subscriber"), self._parts.log
        saved = await self._parts.commands.erase_subscriber(operator(), subscriber)
        events = await asyncio.to_thread(log.stream, subscriber)
        erasure = next(recorded for recorded in reversed(events) if isinstance(recorded.event, SubscriberErased))
        return {
            "id": str(subscriber),
            "position": erasure.position,
            "at": erasure.at.isoformat(),
            "erased_before": saved.repeated,
        }
