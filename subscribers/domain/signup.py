"""Sign-up of new and returning people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.kernel.errors import Invalid
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
from subscribers.domain.subscriber import EVERYTHING, SubscriberState

OPT_OUT, GONE = "opt-out", "gone"
LIFTED_BY_CONSENT = frozenset((OPT_OUT, GONE))
"""Suppressions that a new consent lifts.

A browser that subscribes again shows that its endpoint exists; if not, the next message reveals it. A hard bounce, a
complaint and a suppression by hand stay until lifted.
"""


CLOCK_SKEW = timedelta(minutes=5)
"""A consent may be that far ahead of our clock."""


class OldConsent(Invalid):
    """The consent is older than the person's leaving."""


class ContactDetails(NamedTuple):
    """Numbered contact point with its address."""

    number: int
    channel: Channel
    address: str
    suppressed: str | None = None
    """Suppression of the address under its former owner's number: it bounces for any owner."""
    left_at: datetime | None = None
    """Time at which its former owner left by this address."""


def is_living(state: SubscriberState | None) -> bool:
    """True if a sign-up with this person's address conflicts with a confirmed subscription.

    An unconfirmed request does not count: typing a stranger's address must not lock the stranger out.
    """
    return state is not None and state.phase == "confirmed"


def left_at(state: SubscriberState | None, number: int, *, other_than: str | None = None) -> datetime | None:
    """Return the time of the latest leaving of a contact point or of its person; None if they never left.

    `other_than`: reason of leavings that do not count.
    """
    if state is None or not state.leavings:
        return None
    found = (state.leavings.get(key) for key in (EVERYTHING, number))
    return max((left.at for left in found if left is not None and left.by != other_than), default=None)


def check_consent(consent: Consent, left: datetime | None, now: datetime) -> None:
    """Raise Invalid for a consent of the future, or one older than the latest leaving: it brings nobody back."""
    if consent.given_at > now + CLOCK_SKEW:
        raise Invalid.field("consent.given_at", "This time lies in the future: give the time at which they agreed.")
    if left is not None and consent.given_at < left:
        words = "This consent is older than the leaving of this person or address"
        raise OldConsent.field(
            "consent.given_at", f"{words} ({left:%Y-%m-%d %H:%M} UTC): give a newer one, or none: then they are asked."
        )


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
    return tuple(ContactRef(number=c.number, channel=c.channel, left_at=c.left_at) for c in contacts)


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
