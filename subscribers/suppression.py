"""Suppression of a contact point, recorded on the person's stream in the caller's transaction."""

from __future__ import annotations

from alerts.eventlog.ports import UnitOfWork
from subscribers.addresses import owner_of
from subscribers.domain.lifecycle import decide_suppress
from subscribers.domain.subscriber import SUBSCRIBER


def suppress(unit: UnitOfWork, contact: int, reason: str) -> bool:
    """Suppress a subscriber's contact point; True if anything changed.

    Ignored for a contact point that no longer belongs to a subscriber, and for a team member's sign-in address.
    """
    subscriber = owner_of(unit.read, contact)
    state = unit.get(SUBSCRIBER, subscriber) if subscriber is not None else None
    if subscriber is None or state is None or state.contact(contact) is None:
        return False
    events = decide_suppress(state, contact, reason)
    unit.append(SUBSCRIBER, subscriber, *events)
    return bool(events)
