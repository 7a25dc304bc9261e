"""Subscriber state: a person (or group, or integration) who asked for notices. Pure.

State and fold only; decisions are in `signup` and `lifecycle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from alerts.kernel.errors import NotFound
from alerts.kernel.events import Recorded, Stream
from alerts.kernel.terms import Channel
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
    FollowRequested,
    Preferences,
    PreferencesChanged,
    SubscriberErased,
    SubscriberRegistered,
    SubscriptionConfirmed,
    SubscriptionEnded,
    SubscriptionLapsed,
    SubscriptionPaused,
    SubscriptionRequested,
    SubscriptionResumed,
    SuppressionLifted,
    YearlyMailDue,
)

NO_LEAVING = frozenset(("changed", "taken over", "hard-bounce", "gone"))
"""Reasons of a removal or suppression by which nobody left: another address came, or a technical fault."""


TESTS_COUNT_FOR = timedelta(days=1)
EVERYTHING = 0
"""Key of the leaving of the whole person: no contact point has this number."""


class Leaving(NamedTuple):
    """Time and reason of a removal, opt-out, complaint or end."""

    at: datetime
    by: str


class ContactState(msgspec.Struct, frozen=True, kw_only=True):
    """Contact point of a subscriber. It is sent to only if `state` is verified and it is not suppressed."""

    number: int
    channel: Channel
    address: str | None
    """None after an erasure."""
    state: Literal["unverified", "verified", "removed"]
    suppressed: str | None = None
    """Suppression reason: hard-bounce, complaint, opt-out, by-hand."""

    @property
    def usable(self) -> bool:
        """True if messages may be sent there at all (RULES 3)."""
        return self.state == "verified" and self.suppressed is None


class SubscriberState(msgspec.Struct, frozen=True, kw_only=True):
    """State folded from one subscriber's events."""

    id: UUID
    version: int
    phase: Literal["requested", "confirmed", "lapsed", "ended", "erased"]
    preferences: Preferences | None
    """None after an erasure."""
    contacts: tuple[ContactState, ...]
    consent: Consent | None
    how: str
    since: datetime
    """Time of the first event."""
    confirmed_at: datetime | None = None
    """Time of the current confirmation (RULES 22, `subscribed_before`)."""
    paused_until: datetime | None = None
    ended_reason: str = ""
    position: int = 0
    tests: tuple[datetime, ...] | UnsetType = UNSET
    """Times of the tests that the person asked for in the day before the latest. The read model is without it."""
    yearly_mail_at: datetime | UnsetType = UNSET
    """Time of the latest yearly mail. The read model is without it."""
    leavings: dict[int, Leaving] | UnsetType = UNSET
    """Latest leaving by contact point, and of the whole person under `EVERYTHING`; survives a return.

    Decisions need it; the read model is without it.
    """
    asked_to_follow: UUID | UnsetType = UNSET
    """Thread that this person was last asked to follow, until they agree; UNSET if there is none."""
    wanted_more: bool | UnsetType = UNSET
    """True if the person ever asked for more than threads to follow; survives a return.

    Decisions need it; the read model is without it.
    """

    def contact(self, number: int) -> ContactState | None:
        """Return the contact point of that number, removed ones included."""
        return next((c for c in self.contacts if c.number == number), None)

    def leaving(self, key: int) -> Leaving | None:
        """Return the latest leaving of a contact point, or of the whole person (`EVERYTHING`)."""
        return self.leavings.get(key) if self.leavings else None

    @property
    def current(self) -> tuple[ContactState, ...]:
        """Contact points that were not removed."""
        return tuple(c for c in self.contacts if c.state != "removed")


def evolve(state: SubscriberState | None, recorded: Recorded) -> SubscriberState:
    """Fold one event. A repeated registration is the same person: numbers, suppressions and leavings stay."""
    after = _folded(state, recorded)
    left = list(_leavings(state, recorded))
    if not left:
        return after
    return replace(after, leavings={**(after.leavings or {}), **dict(left)})


def _leavings(state: SubscriberState | None, recorded: Recorded) -> Iterator[tuple[int, Leaving]]:
    """Leavings that an event tells of: the contact point or `EVERYTHING`, the time and the reason."""
    match recorded.event:
        case SubscriberRegistered(contacts=refs) | SubscriptionRequested(contacts=refs):
            for ref in refs:
                if ref.left_at is not None:
                    yield ref.number, Leaving(ref.left_at, "")
        case ContactPointAdded(number=number, left_at=datetime() as at):
            yield number, Leaving(at, "")
        case ContactPointRemoved(number=number, reason=reason) if reason not in NO_LEAVING:
            yield number, Leaving(recorded.at, reason)
        case ContactPointSuppressed(number=number, reason=reason) if reason not in NO_LEAVING:
            old = state.contact(number) if state else None
            if old is None or old.suppressed != reason:  # else carried over by a new registration
                yield number, Leaving(recorded.at, reason)
        case SubscriptionEnded(reason=reason):
            yield EVERYTHING, Leaving(recorded.at, reason)
        case _:
            pass


def _folded(state: SubscriberState | None, recorded: Recorded) -> SubscriberState:
    event = recorded.event
    if isinstance(event, SubscriberRegistered | SubscriptionRequested):
        return _joined(state, recorded, event)
    if state is None:
        raise NotFound(f"There is no such subscriber: {recorded.originator_id} is another kind of thing.")
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    return _contact_event(state, recorded) or _subscription_event(state, recorded) or state


def _joined(
    state: SubscriberState | None, recorded: Recorded, event: SubscriberRegistered | SubscriptionRequested
) -> SubscriberState:
    confirmed = isinstance(event, SubscriberRegistered)
    old = {c.number: c for c in state.contacts} if state else {}
    addresses = event.addresses or {}
    named = [_named(old.get(ref.number), ref, addresses.get(ref.number), confirmed) for ref in event.contacts]
    numbers = {c.number for c in named}
    removed = [replace(c, state="removed") for c in old.values() if c.number not in numbers]
    return SubscriberState(
        id=recorded.originator_id,
        version=recorded.originator_version,
        phase="confirmed" if confirmed else "requested",
        preferences=event.preferences,
        contacts=(*removed, *named),
        consent=event.consent if isinstance(event, SubscriberRegistered) else None,
        how=event.how,
        since=state.since if state else recorded.at,
        confirmed_at=recorded.at if confirmed else None,
        position=recorded.position,
        tests=state.tests if state else UNSET,
        yearly_mail_at=state.yearly_mail_at if state else UNSET,
        leavings=state.leavings if state else UNSET,
        wanted_more=_wanted_more(state, event.preferences),
    )


def _wanted_more(state: SubscriberState | None, preferences: Preferences | None) -> bool | UnsetType:
    if preferences is not None and not preferences.only_followed:
        return True
    return state.wanted_more if state else UNSET


def _named(old: ContactState | None, ref: ContactRef, address: str | None, confirmed: bool) -> ContactState:
    return ContactState(
        number=ref.number,
        channel=ref.channel,
        address=address,
        state="verified" if confirmed else "unverified",
        suppressed=old.suppressed if old else None,
    )


def _contact_event(state: SubscriberState, recorded: Recorded) -> SubscriberState | None:
    match recorded.event:
        case ContactPointAdded(number=number, channel=channel, address=address, verified=verified):
            old = state.contact(number)
            added = ContactState(
                number=number,
                channel=channel,
                address=address,
                state="verified" if verified else "unverified",
                suppressed=old.suppressed if old else None,
            )
            return replace(state, contacts=(*(c for c in state.contacts if c.number != number), added))
        case ContactPointVerified(number=number):
            return _with(state, number, state_="verified")
        case ContactPointRemoved(number=number, reason=reason):
            return _with(state, number, state_="removed")
        case ContactPointSuppressed(number=number, reason=reason):
            return _with(state, number, suppressed=reason)
        case SuppressionLifted(number=number):
            return _with(state, number, suppressed=None)
        case _:
            return None


def _with(
    state: SubscriberState,
    number: int,
    *,
    state_: Literal["unverified", "verified", "removed"] | None = None,
    suppressed: str | Literal[False] | None = False,
) -> SubscriberState:
    def changed(contact: ContactState) -> ContactState:
        if contact.number != number:
            return contact
        return replace(
            contact,
            state=state_ or contact.state,
            suppressed=contact.suppressed if suppressed is False else suppressed,
        )

    return replace(state, contacts=tuple(changed(c) for c in state.contacts))


def _subscription_event(state: SubscriberState, recorded: Recorded) -> SubscriberState | None:
    match recorded.event:
        case SubscriptionConfirmed(consent=consent):
            return replace(state, phase="confirmed", consent=consent or state.consent, confirmed_at=recorded.at)
        case SubscriptionLapsed():
            return replace(state, phase="lapsed")
        case PreferencesChanged(preferences=preferences):
            agreed = preferences is not None and state.asked_to_follow in preferences.followed
            return replace(
                state,
                preferences=preferences,
                asked_to_follow=UNSET if agreed else state.asked_to_follow,
                wanted_more=_wanted_more(state, preferences),
            )
        case FollowRequested(thread=UUID() as thread):
            return replace(state, asked_to_follow=thread)
        case SubscriptionPaused(until=until):
            return replace(state, paused_until=until)
        case SubscriptionResumed():
            return replace(state, paused_until=None)
        case ContactTestRequested():
            lately = tuple(at for at in state.tests or () if recorded.at - at < TESTS_COUNT_FOR)
            return replace(state, tests=(*lately, recorded.at))
        case YearlyMailDue():
            return replace(state, yearly_mail_at=recorded.at)
        case ConsentGiven(consent=consent):
            return replace(state, consent=consent)
        case ConsentWithdrawn():
            return replace(state, consent=None)
        case SubscriptionEnded(reason=reason):
            return replace(state, phase="ended", ended_reason=reason)
        case SubscriberErased():
            gone = tuple(replace(c, address=None, state="removed") for c in state.contacts)
            return replace(state, phase="erased", preferences=None, consent=None, contacts=gone, asked_to_follow=UNSET)
        case _:
            return None


SUBSCRIBER = Stream("subscriber", evolve)
