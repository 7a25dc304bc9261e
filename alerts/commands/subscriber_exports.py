"""Export commands: the record of who takes the register out. The rows themselves are read from the directory."""

from __future__ import annotations

from uuid import UUID

from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.results import Saved
from alerts.domain.events import ExportFinished, ExportStarted
from alerts.domain.streams import EXPORT
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import NotFound
from alerts.kernel.ids import new_id


class ExportCommands(CommandBase):
    """Begin and finish exports of subscribers."""

    async def begin_export(self, actor: Actor) -> Saved:
        """Record that an export begins, before the first row leaves."""
        export = new_id()

        def work(unit: UnitOfWork) -> Saved:
            unit.append(EXPORT, export, ExportStarted())
            return Saved(id=export, version=1, created=True)

        return await self._run(actor, work)

    async def finish_export(self, actor: Actor, export: UUID, people: int) -> Saved:
        """Record that an export was handed over. Raises NotFound for one that was not begun."""

        def work(unit: UnitOfWork) -> Saved:
            state = unit.get(EXPORT, export)
            if state is None:
                raise NotFound("There is no such export.")
            if not state.finished:
                unit.append(EXPORT, export, ExportFinished(people=people))
            return Saved(id=export, version=unit.version(export))

        return await self._run(actor, work)

    async def check_export(self, export: UUID) -> None:
        """Refuse rows without a recorded export. Raises NotFound."""
        if self._log.state(EXPORT, export) is None:
            raise NotFound("There is no such export: begin one first.")
