"""Look-ups of subscribers by the team: each is recorded on the person's stream, with who looked and why."""

from __future__ import annotations

from uuid import UUID

from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.reports import reach_of
from alerts.commands.results import Saved
from alerts.domain.events import LookUpFoundNobody
from alerts.domain.streams import MEMBER
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Invalid, NotFound
from subscribers.domain.events import SubscriberLookedUp
from subscribers.domain.subscriber import SUBSCRIBER

REASON = 200
"""Characters of a reason."""
_NOBODY = UUID(int=0)


class LookUpCommands(CommandBase):
    """Finding a person by an address."""

    async def look_up(self, actor: Actor, address: str, reason: str) -> Saved:
        """Find a subscriber by e-mail address or telephone number, and record that. Raises NotFound, Invalid.

        A member who finds nobody is recorded too: trying addresses out leaves a trace.
        """
        words = validation.text(reason, "reason", REASON, line=True, needed=True)
        reach = reach_of(address, self._timezone, "address")
        if reach is None:
            raise Invalid.field("address", "Give an e-mail address or a telephone number.")

        def work(unit: UnitOfWork) -> Saved:
            owner = self._addresses.find(unit.read, *reach)
            if owner is None and reach[0] == "sms":  # a number that volunteers call
                owner = self._addresses.find(unit.read, "phone", reach[1])
            state = unit.get(SUBSCRIBER, owner.subscriber) if owner is not None else None
            if owner is None or state is None or state.phase == "erased":
                if actor.person is not None and unit.get(MEMBER, actor.person) is not None:
                    unit.append(MEMBER, actor.person, LookUpFoundNobody())
                return Saved(id=_NOBODY, version=0)
            unit.append(SUBSCRIBER, state.id, SubscriberLookedUp(number=owner.contact, reason=words))
            return Saved(id=state.id, version=unit.version(state.id))

        found = await self._run(actor, work)
        if found.id == _NOBODY:
            raise NotFound("Nobody is subscribed with this address.")
        return found
