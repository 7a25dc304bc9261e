"""Operations to suppress a contact point by hand and to lift a suppression."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.commands import Commands, SubscriberSaved
from alerts.eventlog.ports import Log
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import Invalid
from alerts.operations.base import operator
from subscribers.domain.subscriber import SUBSCRIBER

BY_HAND = "by-hand"
_LONGEST = 200


def operations(commands: Commands, log: Log) -> Mapping[str, Operation]:
    """Operations by their name on the control socket."""

    async def suppress(args: Json) -> Json:
        """`contact_point`, `reason`: nothing is sent to it any more, danger to life included."""
        contact = _contact(args)
        return _answer(log, await commands.suppress(operator(), contact, _reason(args) or BY_HAND), contact)

    async def lift(args: Json) -> Json:
        """`contact_point`, `reason`: messages are sent to it again."""
        contact, reason = _contact(args), _reason(args)
        if not reason:
            raise Invalid.field("reason", "Say why it may be sent to again: it stands on record.")
        return _answer(log, await commands.lift(operator(), contact, reason), contact)

    return {"suppress": suppress, "lift": lift}


def _answer(log: Log, saved: SubscriberSaved, contact: int) -> Json:
    state = log.state(SUBSCRIBER, saved.id)
    point = state.contact(contact) if state is not None else None
    return {
        "subscriber": str(saved.id),
        "contact_point": contact,
        "suppressed": point.suppressed if point is not None else None,
    }


def _contact(args: Json) -> int:
    value = args.get("contact_point")
    if not isinstance(value, int):
        raise Invalid.field("contact_point", "Give its number, as GET /api/v1/subscribers/{id} shows it.")
    return value


def _reason(args: Json) -> str:
    return " ".join(str(args.get("reason") or "").split())[:_LONGEST]
