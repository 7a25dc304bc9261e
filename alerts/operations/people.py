"""Operations on one subscriber."""

from __future__ import annotations

from alerts.kernel.calls import Json, Operation
from alerts.operations.base import OPERATOR, OperationGroup, identity


class PeopleOperations(OperationGroup):
    """Erasure of a subscriber."""

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "erase": self.erase,
        }

    async def erase(self, args: Json) -> Json:
        """{"id"} → {"id", "position", "at"}: the key is destroyed; the proofs remain valid."""
        subscriber = identity(args["id"], "subscriber")
        saved = await self._parts.commands.erase_subscriber(OPERATOR, subscriber)
        return {"id": str(subscriber), "position": saved.position, "at": self._parts.clock().isoformat()}
