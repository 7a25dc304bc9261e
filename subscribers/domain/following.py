"""Following one thread until it is over, with or without a subscription (RULES 14). Pure."""

from __future__ import annotations

from collections.abc import Collection, Set
from uuid import UUID

from msgspec.structs import replace

from alerts.kernel.errors import Invalid
from alerts.kernel.events import Event
from subscribers.domain.events import FollowRequested, Preferences, PreferencesChanged, SubscriberErased
from subscribers.domain.lifecycle import decide_end, decide_erase, need_subscription
from subscribers.domain.subscriber import SubscriberState

MOST_FOLLOWED = 20
"""Threads that one person follows at a time."""
OVER = "followed messages over"
"""Reason for which the subscription of a follower ends who had another one before."""


def only_following(preferences: Preferences, thread: UUID) -> Preferences:
    """Return the preferences of a person who wants nothing but this thread."""
    return replace(preferences, followed=(thread,), only_followed=True, danger_to_life=False)


def following_too(preferences: Preferences, thread: UUID) -> Preferences:
    """Return the preferences with one thread more. Raises Invalid beyond `MOST_FOLLOWED`."""
    if thread in preferences.followed:
        return preferences
    if len(preferences.followed) >= MOST_FOLLOWED:
        raise Invalid.field("address", f"{MOST_FOLLOWED} messages are followed already: stop following one of those.")
    return replace(preferences, followed=(*preferences.followed, thread))


def decide_ask_to_follow(state: SubscriberState, number: int, thread: UUID) -> tuple[Event, ...]:
    """Ask a contact point of a living subscription to agree; nothing for one that is not sent to."""
    contact = state.contact(number)
    if contact is None or not contact.usable or state.phase != "confirmed":
        return ()
    return (FollowRequested(number=number, channel=contact.channel, thread=thread),)


def decide_follow(state: SubscriberState, thread: UUID) -> tuple[Event, ...]:
    """Follow a thread. Raises Conflict, NotFound without a current subscription."""
    before = need_subscription(state)
    after = following_too(before, thread)
    return () if after == before else (PreferencesChanged(preferences=after),)


def decide_unfollow(state: SubscriberState, thread: UUID) -> tuple[Event, ...]:
    """Stop following a thread at the person's wish.

    The last one of a person who wants nothing else is a leaving like any other: it can be undone, since the link of a
    message, which may have been passed on, is enough for it.
    """
    preferences = state.preferences
    if preferences is not None and preferences.only_followed and preferences.followed == (thread,):
        return decide_end(state, "asked for")
    return _without(state, {thread})


def decide_forget(state: SubscriberState, threads: Set[UUID]) -> tuple[Event, ...]:
    """Forget threads that are over.

    A person who never wanted anything else is erased with the last of them, whether they confirmed, left, or neither.
    One who had a subscription before keeps its record: anybody can ask to follow with an address that is not theirs.
    """
    preferences = state.preferences
    if preferences is None or not preferences.only_followed or not threads >= set(preferences.followed):
        return _without(state, threads)
    if state.wanted_more is not True:
        return decide_erase(state)
    return (*_without(state, threads), *(() if state.phase == "lapsed" else decide_end(state, OVER)))


def _without(state: SubscriberState, threads: Collection[UUID]) -> tuple[Event, ...]:
    preferences = state.preferences
    if preferences is None or state.phase not in ("confirmed", "requested"):
        return ()
    left = tuple(thread for thread in preferences.followed if thread not in threads)
    if left == preferences.followed:
        return ()
    return (PreferencesChanged(preferences=replace(preferences, followed=left)),)


def is_erasure(events: Collection[Event]) -> bool:
    """True if the events erase the person: their addresses and key go with them."""
    return any(isinstance(event, SubscriberErased) for event in events)
