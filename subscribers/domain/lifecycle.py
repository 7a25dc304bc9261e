"""Subscriber life cycle after sign-up: confirm, change, pause, leave, erase. Pure.

Decisions are idempotent, so a repeated click has the same result as the first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.kernel.errors import Conflict, Invalid, NotFound
from alerts.kernel.events import Event
from alerts.kernel.terms import CHANNEL_TERMS
from subscribers.domain.events import (
    Consent,
    ConsentGiven,
    ConsentWithdrawn,
    ContactPointAdded,
    ContactPointRemoved,
    ContactPointSuppressed,
    ContactPointVerified,
    ContactRef,
    ContactTestRequested,
    DeviceAnnounced,
    Preferences,
    PreferencesChanged,
    SubscriberErased,
    SubscriptionConfirmed,
    SubscriptionEnded,
    SubscriptionLapsed,
    SubscriptionPaused,
    SubscriptionResumed,
    SuppressionLifted,
    YearlyMailDue,
)
from subscribers.domain.signup import LIFTED_BY_CONSENT, OPT_OUT, ContactDetails, decide_register, suppression
from subscribers.domain.subscriber import EVERYTHING, TESTS_COUNT_FOR, ContactState, SubscriberState

UNDO_FOR = timedelta(days=7)
"""Time in which a leaving by link can be undone."""
UNDOABLE = frozenset(("one-click", "one-click, everything", "asked for"))
"""Reasons of leavings that can be undone by the link that caused them."""
TEST_EVERY = timedelta(minutes=10)
"""Least time between two tests of a person."""
MOST_TESTS = 6
"""Tests of a person in a day: whoever was forwarded a message can press the button too."""
YEAR = timedelta(days=365)
"""Time without a message after which a person is told that we are still here."""
MOST_DEVICES = 20
"""Browsers per person: inventing an endpoint costs nothing, while each notice costs us a request to it."""


def need_subscription(state: SubscriberState) -> Preferences:
    """Return the preferences of a current subscriber (confirmed or requested). Raises NotFound, Conflict."""
    if state.phase == "erased" or state.preferences is None:
        raise NotFound("This person's data were erased.")
    if state.phase not in ("confirmed", "requested"):
        raise Conflict(f"This subscription has {state.phase}: signing up again begins it anew.")
    return state.preferences


def _contact(state: SubscriberState, number: int) -> ContactState:
    contact = state.contact(number)
    if contact is None:
        raise NotFound("There is no such contact point.")
    return contact


def decide_verify(state: SubscriberState, number: int, *, now: datetime) -> tuple[Event, ...]:
    """Verify a contact point; the first one confirms the subscription."""
    contact = _contact(state, number)
    need_subscription(state)
    if contact.state == "removed":
        raise Conflict("This contact point was removed: signing up again begins anew.")
    if contact.state == "verified":
        return ()
    verified = ContactPointVerified(number=number)
    if state.phase == "confirmed":
        return (verified,)
    if state.consent is not None:  # given with the request, with its exact wording
        return (verified, SubscriptionConfirmed(consent=None))
    consent = Consent(wording="confirmation", given_at=now, how="link to the contact point")
    return (verified, SubscriptionConfirmed(consent=consent))


def decide_lapse(state: SubscriberState) -> tuple[Event, ...]:
    """Lapse a request that was not confirmed within its week."""
    return (SubscriptionLapsed(),) if state.phase == "requested" else ()


def decide_change(state: SubscriberState, preferences: Preferences) -> tuple[Event, ...]:
    """Replace the preferences."""
    return () if need_subscription(state) == preferences else (PreferencesChanged(preferences=preferences),)


def decide_add(
    state: SubscriberState, reach: ContactDetails, *, verified: bool, replaces: int | None = None
) -> tuple[Event, ...]:
    """Add a contact point, or a removed one again; verified at once only with a consent.

    A device whose keys were renewed is the same contact point with another address. An existing one only loses the
    suppression that a consent lifts. `replaces`: a device that goes at the same time. Raises Invalid beyond
    MOST_DEVICES.
    """
    need_subscription(state)
    old = state.contact(reach.number)
    here = old is not None and old.state != "removed"
    if old is not None and here and old.address == reach.address:
        lifted = verified and old.suppressed in LIFTED_BY_CONSENT
        events = suppression(state, reach, consented=True) if lifted else ()
    else:
        vouched = verified or (old is not None and here and old.state == "verified")
        added = ContactPointAdded(
            number=reach.number,
            channel=reach.channel,
            address=reach.address,
            verified=vouched,
            left_at=reach.left_at,
        )
        events = (added, *suppression(state, reach, consented=verified))
    if events and CHANNEL_TERMS[reach.channel].per_device:
        _check_devices(state, reach, replaces)
    return events


def decide_announce(before: SubscriberState, number: int) -> tuple[Event, ...]:
    """Tell the other live contact points that this device was added; nothing for one that was there, or without any."""
    if any(contact.number == number for contact in before.current):
        return ()
    to = tuple(
        ContactRef(number=contact.number, channel=contact.channel)
        for contact in before.current
        if contact.state == "verified" and contact.suppressed is None
    )
    return (DeviceAnnounced(number=number, to=to),) if to else ()


def testable(state: SubscriberState) -> tuple[ContactState, ...]:
    """Return the contact points that a test goes to: those of an alert, without letters and calls."""
    return tuple(c for c in state.current if c.usable and not CHANNEL_TERMS[c.channel].by_hand)


def next_test(state: SubscriberState, now: datetime) -> datetime | None:
    """Return the time from which another test may be sent; None if it may be sent now."""
    lately = state.tests or ()
    waits = [lately[-1] + TEST_EVERY] if lately else []
    if len(lately) >= MOST_TESTS:
        waits.append(lately[-MOST_TESTS] + TESTS_COUNT_FOR)
    return max((until for until in waits if until > now), default=None)


def decide_yearly_mail(state: SubscriberState, *, now: datetime) -> tuple[Event, ...]:
    """Tell a person by e-mail that we are still here, at most once a year.

    Nothing for who was confirmed less than a year ago, pauses, follows single threads alone, or did not choose e-mail.
    That nothing was sent to them for a year is the caller's knowledge.
    """
    preferences = state.preferences
    if state.phase != "confirmed" or preferences is None or preferences.only_followed:
        return ()
    if state.paused_until is not None and state.paused_until > now:
        return ()
    last = state.yearly_mail_at or state.confirmed_at
    if last is None or max(last, state.confirmed_at or last) > now - YEAR:
        return ()
    mail = next((c for c in state.current if c.usable and c.channel == "email"), None)
    wanted = not preferences.channels or "email" in preferences.channels
    return (YearlyMailDue(number=mail.number),) if mail is not None and wanted else ()


def decide_test(state: SubscriberState, *, now: datetime) -> tuple[Event, ...]:
    """Send a test to each contact point that can get one; nothing while `next_test` is to come."""
    need_subscription(state)
    to = tuple(ContactRef(number=c.number, channel=c.channel) for c in testable(state))
    if state.phase != "confirmed" or not to or next_test(state, now) is not None:
        return ()
    return (ContactTestRequested(to=to),)


def _check_devices(state: SubscriberState, reach: ContactDetails, replaces: int | None) -> None:
    devices = [
        c
        for c in state.current
        if c.channel == reach.channel and c.suppressed is None and c.number not in (reach.number, replaces)
    ]
    if len(devices) >= MOST_DEVICES:
        words = f"{MOST_DEVICES} devices get these alerts already: switch them off on one of those first."
        raise Invalid.field(CHANNEL_TERMS[reach.channel].field, words)


def decide_consent(state: SubscriberState, consent: Consent) -> tuple[Event, ...]:
    """Record a further consent, with its wording."""
    need_subscription(state)
    return () if state.consent == consent else (ConsentGiven(consent=consent),)


def decide_pause(state: SubscriberState, until: datetime | None, *, now: datetime) -> tuple[Event, ...]:
    """Pause until a future time; None ends a pause early."""
    need_subscription(state)
    if until is None:
        return () if state.paused_until is None else (SubscriptionResumed(),)
    if until <= now:
        raise Invalid.field("paused_until", "This time has passed already: give a later one, or null to resume.")
    return () if state.paused_until == until else (SubscriptionPaused(until=until),)


def decide_remove(state: SubscriberState, number: int, reason: str) -> tuple[Event, ...]:
    """Remove a contact point (one-click, STOP or by hand); the subscription ends with its last one."""
    contact = _contact(state, number)
    if contact.state == "removed":
        return ()
    removed = ContactPointRemoved(number=number, reason=reason)
    last = all(c.number == number for c in state.current)
    if last and state.phase in ("confirmed", "requested"):
        return (removed, SubscriptionEnded(reason=reason))
    return (removed,)


def decide_suppress(state: SubscriberState, number: int, reason: str) -> tuple[Event, ...]:
    """Suppress a contact point. An opt-out, which a new consent lifts, never replaces a graver reason."""
    contact = _contact(state, number)
    if state.phase == "erased" or contact.suppressed == reason:
        return ()
    if contact.suppressed is not None and reason == OPT_OUT:
        return ()
    return (ContactPointSuppressed(number=number, reason=reason),)


def decide_lift(state: SubscriberState, number: int, reason: str) -> tuple[Event, ...]:
    """Lift a suppression."""
    contact = _contact(state, number)
    if state.phase == "erased" or contact.suppressed is None:
        return ()
    return (SuppressionLifted(number=number, reason=reason),)


def decide_end(state: SubscriberState, reason: str) -> tuple[Event, ...]:
    """End the subscription; the person may come back."""
    if state.phase in ("ended", "erased"):
        return ()
    withdrawn = (ConsentWithdrawn(reason=reason),) if state.consent else ()
    return (*withdrawn, SubscriptionEnded(reason=reason))


def decide_undo(state: SubscriberState, number: int, *, now: datetime) -> tuple[Event, ...]:
    """Take a leaving by link back, within `UNDO_FOR`: the contact point, or all that were there when it ended.

    Raises Conflict when it is too late, or they left in another way.
    """
    contact = _contact(state, number)
    if state.phase == "erased" or state.preferences is None:
        raise NotFound("This person's data were erased.")
    if state.phase == "confirmed" and contact.state == "verified":
        return ()
    left = max((found for found in (state.leaving(EVERYTHING), state.leaving(number)) if found), default=None)
    if left is None or left.by not in UNDOABLE or now - left.at > UNDO_FOR:
        raise Conflict("This can no longer be undone: signing up again begins anew.")
    consent = Consent(wording="undo", given_at=now, how="link, within a week of leaving")
    back = [c for c in state.contacts if c.address is not None and (c.number == number or c.state == "verified")]
    if state.phase == "confirmed":
        reach = ContactDetails(number, contact.channel, contact.address or "")
        return decide_add(state, reach, verified=True) if contact.address else ()
    contacts = [ContactDetails(c.number, c.channel, c.address or "") for c in back]
    return decide_register(state, how="undo", contacts=contacts, preferences=state.preferences, consent=consent)


def decide_erase(state: SubscriberState) -> tuple[Event, ...]:
    """Erase the person: the key is destroyed once this is on disk."""
    return () if state.phase == "erased" else (SubscriberErased(),)
