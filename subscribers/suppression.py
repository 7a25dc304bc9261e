"""Never send here: said on the person's stream, in the transaction of whoever learnt it."""

from __future__ import annotations

from alerts.eventlog.ports import UnitOfWork
from subscribers.addresses import owner_of
from subscribers.domain.lifecycle import decide_suppress
from subscribers.domain.subscriber import SUBSCRIBER


def suppress(unit: UnitOfWork, contact: int, reason: str) -> bool:
    """Suppress a subscriber's contact point; whether anything changed.

    Nothing is said of a contact point that is no subscriber's any more, nor of a team member's sign-in address.
    """
    subscriber = owner_of(unit.read, contact)
    state = unit.get(SUBSCRIBER, subscriber) if subscriber is not None else None
    if subscriber is None or state is None or state.contact(contact) is None:
        return False
    events = decide_suppress(state, contact, reason)
    unit.append(SUBSCRIBER, subscriber, *events)
    return bool(events)
