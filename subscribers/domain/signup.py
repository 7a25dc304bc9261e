"""Sign-up of new and returning people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alerts.kernel.events import Event
from alerts.kernel.terms import Channel
from subscribers.domain.events import (
    Consent,
    ContactPointSuppressed,
    ContactRef,
    Preferences,
    SubscriberRegistered,
    SubscriptionRequested,
    SuppressionLifted,
)
from subscribers.domain.subscriber import SubscriberState

OPT_OUT, GONE = "opt-out", "gone"
LIFTED_BY_CONSENT = frozenset((OPT_OUT, GONE))
"""Suppressions that a new consent lifts.

A browser that subscribes again shows that its endpoint exists; if not, the next message reveals it. A hard bounce, a
complaint and a suppression by hand stay until lifted.
"""


class ContactDetails(NamedTuple):
    """Numbered contact point with its address."""

    number: int
    channel: Channel
    address: str
    suppressed: str | None = None
    """Suppression of the address under its former owner's number: it bounces for any owner."""


def is_living(state: SubscriberState | None) -> bool:
    """True if a sign-up with this person's address conflicts with a confirmed subscription.

    An unconfirmed request does not count: typing a stranger's address must not lock the stranger out.
    """
    return state is not None and state.phase == "confirmed"


def decide_register(
    state: SubscriberState | None,
    *,
    how: str,
    contacts: Sequence[ContactDetails],
    preferences: Preferences,
    consent: Consent,
) -> tuple[Event, ...]:
    """Register by staff, API or import, with a consent: confirmed at once, every contact point verified.

    `state` is that of a returning person: the new consent lifts what it can (`LIFTED_BY_CONSENT`).
    """
    registered = SubscriberRegistered(
        how=how, contacts=_refs(contacts), addresses=_addresses(contacts), preferences=preferences, consent=consent
    )
    return (registered, *_suppressions(state, contacts, consented=True))


def decide_request(
    state: SubscriberState | None, *, how: str, contacts: Sequence[ContactDetails], preferences: Preferences
) -> tuple[Event, ...]:
    """Request a subscription: each contact point gets its own confirmation and nothing else."""
    requested = SubscriptionRequested(
        how=how, contacts=_refs(contacts), addresses=_addresses(contacts), preferences=preferences
    )
    return (requested, *_suppressions(state, contacts, consented=False))


def _refs(contacts: Sequence[ContactDetails]) -> tuple[ContactRef, ...]:
    return tuple(ContactRef(number=c.number, channel=c.channel) for c in contacts)


def _addresses(contacts: Sequence[ContactDetails]) -> dict[int, str]:
    return {c.number: c.address for c in contacts}


def _suppressions(state: SubscriberState | None, contacts: Sequence[ContactDetails], *, consented: bool) -> list[Event]:
    """Carry over old suppressions. One that remains is recorded again: the new registration must not hide it."""
    if state is None and not any(reach.suppressed for reach in contacts):
        return []  # a new person: in an import, everybody
    return [event for reach in contacts for event in suppression(state, reach, consented=consented)]


def suppression(state: SubscriberState | None, reach: ContactDetails, *, consented: bool) -> tuple[Event, ...]:
    """Carry over one old suppression: lifted by a consent, or recorded again for this number."""
    old = state.contact(reach.number) if state else None
    reason = old.suppressed if old else reach.suppressed
    if reason is None:
        return ()
    if not (consented and reason in LIFTED_BY_CONSENT):
        return (ContactPointSuppressed(number=reach.number, reason=reason),)
    return (SuppressionLifted(number=reach.number, reason="new consent"),) if old else ()
