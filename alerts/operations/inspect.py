"""Operations that show what the product knows, and why it did what it did."""

from __future__ import annotations

import asyncio

import msgspec

from alerts.contract.bodies import NoticeBody
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import NotFound
from alerts.operations.base import VIEWS_WAIT_S, OperationGroup, identity, operator
from alerts.operations.import_export import converted


class InspectOperations(OperationGroup):
    """Audiences, explanations, positions; nothing is changed."""

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "audience": self.audience,
            "why": self.why,
            "why-not": self.why_not,
            "as-of": self.as_of,
            "position": self.position,
            "vapid": self.vapid,
        }

    async def audience(self, args: Json) -> Json:
        """{"rule"} → the audience of the rule: counts, position and a sample of ids."""
        body = converted({"kind": "announcement", "audience": args["rule"]}, NoticeBody)
        parts = self._parts
        await asyncio.to_thread(parts.projector.wait_for_applied, parts.writer.position(), VIEWS_WAIT_S)
        counted = await parts.commands.count_audience(operator(), body)
        found: Json = msgspec.to_builtins(counted)
        return found

    async def why(self, args: Json) -> Json:
        """{"delivery"} → the chain from the triggering event to the outcome."""
        from alerts.kernel.ids import parse_delivery_id

        pair = parse_delivery_id(self._parts.settings.secret_key, args["delivery"])
        if pair is None:
            raise NotFound(f"{args['delivery']} is no delivery id of this instance")
        found = await self.read(lambda: self._parts.explainer.why(*pair))
        if found is None:
            raise NotFound(
                f"{args['delivery']} is no notice's delivery: a confirmation and the like go to whoever asked for them"
            )
        return dict(msgspec.to_builtins(found))

    async def why_not(self, args: Json) -> Json:
        """{"notice", "subscriber"} → the checks, with the one that failed."""
        notice, subscriber = identity(args["notice"], "notice"), identity(args["subscriber"], "subscriber")
        found = await self.read(lambda: self._parts.explainer.why_not(notice, subscriber))
        if found is None:
            raise NotFound(f"there is no notice {notice}, or no subscriber {subscriber}")
        return dict(msgspec.to_builtins(found))

    async def as_of(self, args: Json) -> Json:
        """{"at"} → {"at", "position", "items"}: the notices published by that moment."""
        from alerts.explain.as_of import as_of
        from alerts.kernel.time_limits import parse_time

        found = await asyncio.to_thread(as_of, self._parts.log, parse_time(args["at"], "time"))
        return dict(msgspec.to_builtins(found))

    async def position(self, args: Json) -> Json:
        """{} → {"log", "projections"}."""
        return {"log": self._parts.log.position(), "projections": self._runner.positions()}

    async def vapid(self, args: Json) -> Json:
        """{} → {"key"}: the public VAPID key, created if absent."""
        return {"key": await asyncio.to_thread(lambda: self._parts.vapid.public)}
