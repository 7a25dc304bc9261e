"""How a person comes, and comes back. Pure."""

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
"""Suppressions that a new consent ends. A browser that subscribes again shows that its endpoint is there; if it is
not, the next message says so. A hard bounce, a complaint and a suppression by hand stand until somebody lifts them."""


class ContactDetails(NamedTuple):
    """A contact point with its address, numbered."""

    number: int
    channel: Channel
    address: str
    suppressed: str | None = None
    """What stood against the address with whoever had it before under another number: it bounces for anybody."""


def is_living(state: SubscriberState | None) -> bool:
    """Whether somebody who signs up with an address of theirs has a subscription already. A request that nobody has
    confirmed is none: whoever typed a stranger's address must not keep the stranger out."""
    return state is not None and state.phase == "confirmed"


def decide_register(
    state: SubscriberState | None,
    *,
    how: str,
    contacts: Sequence[ContactDetails],
    preferences: Preferences,
    consent: Consent,
) -> tuple[Event, ...]:
    """By staff, API or import, with a consent: confirmed at once, every contact point verified.

    `state` is that of the person who left and comes back: the new consent lifts what it can (`LIFTED_BY_CONSENT`).
    """
    registered = SubscriberRegistered(
        how=how, contacts=_refs(contacts), addresses=_addresses(contacts), preferences=preferences, consent=consent
    )
    return (registered, *_suppressions(state, contacts, consented=True))


def decide_request(
    state: SubscriberState | None, *, how: str, contacts: Sequence[ContactDetails], preferences: Preferences
) -> tuple[Event, ...]:
    """Asked for: each contact point gets its own confirmation and nothing else."""
    requested = SubscriptionRequested(
        how=how, contacts=_refs(contacts), addresses=_addresses(contacts), preferences=preferences
    )
    return (requested, *_suppressions(state, contacts, consented=False))


def _refs(contacts: Sequence[ContactDetails]) -> tuple[ContactRef, ...]:
    return tuple(ContactRef(number=c.number, channel=c.channel) for c in contacts)


def _addresses(contacts: Sequence[ContactDetails]) -> dict[int, str]:
    return {c.number: c.address for c in contacts}


def _suppressions(state: SubscriberState | None, contacts: Sequence[ContactDetails], *, consented: bool) -> list[Event]:
    """What becomes of old suppressions. One that stands is said again: the new beginning must not hide it."""
    if state is None and not any(reach.suppressed for reach in contacts):
        return []  # whoever is new here: of an import, everybody
    return [event for reach in contacts for event in suppression(state, reach, consented=consented)]


def suppression(state: SubscriberState | None, reach: ContactDetails, *, consented: bool) -> tuple[Event, ...]:
    """What becomes of one's old suppression: lifted by a consent, or said again of this number."""
    old = state.contact(reach.number) if state else None
    reason = old.suppressed if old else reach.suppressed
    if reason is None:
        return ()
    if not (consented and reason in LIFTED_BY_CONSENT):
        return (ContactPointSuppressed(number=reach.number, reason=reason),)
    return (SuppressionLifted(number=reach.number, reason="new consent"),) if old else ()
