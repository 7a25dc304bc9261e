"""Retry of a parked webhook: its mapping was corrected, or the object it refers to has arrived since."""

from __future__ import annotations

import asyncio
from uuid import UUID

from alerts.commands import Commands
from alerts.commands.results import TriggerSaved
from alerts.domain.events import TriggerReceived
from alerts.domain.streams import SOURCE, source_id
from alerts.eventlog.ports import Log
from alerts.intake import webhook_parser
from alerts.kernel.errors import Conflict, NotFound


async def retry_trigger(log: Log, commands: Commands, trigger: UUID, by: str) -> TriggerSaved:
    """Decide again on the stored body, with its source's current mapping and policy.

    It may be parked again, for another reason. `by`: who asks, as `Actor.by`. Raises
    Conflict if it is no longer parked; NotFound.
    """
    events = [recorded.event for recorded in await asyncio.to_thread(log.stream, trigger)]
    last = events[-1] if events else None
    if not isinstance(last, TriggerReceived):
        raise NotFound(f"there is no webhook {trigger}; `alerts parked list` shows what waits")
    if last.state != "parked":
        raise Conflict(f"This webhook is {last.state}, not parked: there is nothing to decide.")
    source = await asyncio.to_thread(log.state, SOURCE, source_id(last.source))
    if source is None or not source.connected:
        raise Conflict(f"Its source {last.source} is disconnected: connect it again, or drop this webhook.")
    parsed = await asyncio.to_thread(webhook_parser.again, source.kind, source.mapping, last)
    return await commands.take_mapped(source, parsed, again=by)
