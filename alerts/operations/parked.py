"""Operations on parked items, and the rebuild of the read models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alerts.commands.retry_trigger import retry_trigger
from alerts.delivery_queue.requeue import requeue_failed
from alerts.kernel.calls import Json, Operation
from alerts.operations.base import OperationGroup, identity, operator
from alerts.projections.runner import ProjectionRunner
from alerts.services import Services

_ON_THE_LINE = "by the operator, on the command line"
Progress = Callable[[int, int], None]


class ParkedOperations(OperationGroup):
    """Parked events, webhooks and dispatches; the rebuild."""

    def __init__(self, parts: Services, runner: ProjectionRunner, rebuild: Callable[[Progress], int]) -> None:
        """`rebuild(progress)` builds read models beside the live ones and switches."""
        super().__init__(parts, runner)
        self._rebuild = rebuild

    def operations(self) -> dict[str, Operation]:
        """Operations by their name on the control socket."""
        return {
            "rebuild": self.rebuild,
            "parked-list": self.parked_list,
            "parked-retry": self.parked_retry,
            "parked-drop": self.parked_drop,
        }

    async def rebuild(self, args: Json) -> Json:
        """{} → {"generation", "position"}: rebuild all read models, then switch; sends nothing."""
        generation = await asyncio.to_thread(self._rebuild, lambda position, end: None)
        return {"generation": generation, "position": self._parts.log.position()}

    async def parked_list(self, args: Json) -> Json:
        """{} → {"items": [{"id", "what", "error", "at"}]}: parked events, webhooks and dispatches."""
        events = [
            {"id": p.id, "what": f"{p.topic} at {p.position}, for {p.projection}", "error": p.error, "at": p.at}
            for p in await asyncio.to_thread(self._runner.parked)
        ]
        triggers = await self.read(lambda: self._parts.views.triggers(state="parked", cursor=None, limit=500))
        held = [
            {"id": str(t.id), "what": f"{t.kind} from {t.source}", "error": t.reason, "at": int(t.at.timestamp() * 1e6)}
            for t in triggers.items
        ]
        now = self._parts.clock()
        unsent = [
            {"id": str(d.id), "what": f"dispatch {d.notice}", "error": d.reason, "at": int(now.timestamp() * 1e6)}
            for d in [
                *await asyncio.to_thread(self._parts.dispatch.parked),
                *await asyncio.to_thread(self._parts.dispatch.paused, now),
            ]
        ]
        failed = [
            {
                "id": str(d.id),
                "what": "notice" if d.notice is not None else "messages of the house",
                "error": f"{d.amount} deliveries failed for technical reasons; once that is mended, retry",
                "at": int(d.issued_at.timestamp() * 1e6),
            }
            for d in await asyncio.to_thread(self._parts.dispatch.failed, now)
        ]
        return {"items": [*events, *held, *unsent, *failed]}

    async def parked_retry(self, args: Json) -> Json:
        """{"id"} → {"id"}: retry a parked item.

        An event is applied to its read model again. A webhook is decided again, with its source's current mapping and
        policy: {"id", "state", "reason", "incident", "service_change", "notices"}. Of a dispatch, the deliveries that
        failed technically are queued again: {"id", "queued"}; a paused one is resumed: {"id", "state"}.
        """
        if "@" in args["id"]:
            await asyncio.to_thread(self._runner.retry, args["id"])
            await self._parts.commands.record_parked_event(operator(), args["id"], "retried")
            return {"id": args["id"]}
        parts, wanted = self._parts, identity(args["id"], "thing that waits")
        if any(d.id == wanted for d in await asyncio.to_thread(parts.dispatch.failed, parts.clock())):
            return {"id": str(wanted), "queued": await requeue_failed(parts.writer, wanted, by=operator().by)}
        if any(d.id == wanted for d in await asyncio.to_thread(parts.dispatch.paused, parts.clock())):
            await parts.commands.resume(operator(), wanted, _ON_THE_LINE)
            return {"id": str(wanted), "state": "resumed"}
        saved = await retry_trigger(parts.log, parts.commands, wanted, operator().by)
        return {
            "id": str(saved.id),
            "state": saved.state,
            "reason": saved.reason,
            "incident": str(saved.incident) if saved.incident else None,
            "service_change": str(saved.service_change) if saved.service_change else None,
            "notices": [str(notice) for notice in saved.notices],
        }

    async def parked_drop(self, args: Json) -> Json:
        """{"id"} → {"id"}: drop a parked item; the decision is recorded."""
        if "@" in args["id"]:
            await asyncio.to_thread(self._runner.drop, args["id"])
            await self._parts.commands.record_parked_event(operator(), args["id"], "dropped", _ON_THE_LINE)
            return {"id": args["id"]}
        wanted, why = identity(args["id"], "thing that waits"), _ON_THE_LINE
        if any(d.id == wanted for d in await asyncio.to_thread(self._parts.dispatch.paused, self._parts.clock())):
            await self._parts.commands.stop(operator(), wanted, why)
        else:
            await self._parts.commands.drop_trigger(operator(), wanted, why)
        return {"id": args["id"]}
