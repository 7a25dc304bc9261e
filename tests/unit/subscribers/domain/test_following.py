"""Following a thread: what is wanted before, during and after it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from alerts.kernel.errors import Conflict, Invalid
from alerts.kernel.events import Event
from subscribers.domain import following, signup
from subscribers.domain.events import (
    Preferences,
    PreferencesChanged,
    SubscriberErased,
    SubscriptionConfirmed,
    SubscriptionEnded,
    SubscriptionLapsed,
)
from subscribers.domain.lifecycle import UNDOABLE
from subscribers.domain.signup import ContactDetails
from subscribers.domain.subscriber import EVERYTHING, SUBSCRIBER, SubscriberState
from tests.support.memory_stream import Told

FLOOD, FIRE = UUID(int=1), UUID(int=2)
HERE = ContactDetails(1, "email", "a@example.org")


def told(**wishes: Any) -> Told[SubscriberState]:
    made: Told[SubscriberState] = Told(SUBSCRIBER)
    preferences = Preferences(channels=("email",), **wishes)
    made.tell(*signup.decide_request(None, how="form", contacts=[HERE], preferences=preferences))
    return made


def state_of(person: Told[SubscriberState]) -> SubscriberState:
    assert person.state is not None
    return person.state


def test_the_thread_alone_is_wanted_without_danger_to_life() -> None:
    alone = following.only_following(Preferences(channels=("email",)), FLOOD)
    assert alone.followed == (FLOOD,) and alone.only_followed and not alone.danger_to_life


def test_one_thread_more_keeps_the_rest() -> None:
    both = following.following_too(Preferences(topics=("health",), followed=(FLOOD,)), FIRE)
    assert both.followed == (FLOOD, FIRE) and both.topics == ("health",) and not both.only_followed
    assert following.following_too(both, FIRE) == both
    many = Preferences(followed=tuple(UUID(int=n) for n in range(following.MOST_FOLLOWED)))
    with pytest.raises(Invalid):
        following.following_too(many, UUID(int=99))


def test_only_a_living_subscription_is_asked_to_agree() -> None:
    person = told()
    assert following.decide_ask_to_follow(state_of(person), 1, FLOOD) == ()
    with_consent = signup.decide_register(
        person.state,
        how="api",
        contacts=[HERE],
        preferences=Preferences(channels=("email",)),
        consent=None,  # type: ignore[arg-type]
    )
    person.tell(*with_consent)
    person.tell(*following.decide_ask_to_follow(state_of(person), 1, FLOOD))
    assert state_of(person).asked_to_follow == FLOOD
    person.tell(*following.decide_follow(state_of(person), FLOOD))
    assert state_of(person).asked_to_follow != FLOOD and state_of(person).preferences.followed == (FLOOD,)  # type: ignore[union-attr]


def test_the_last_thread_takes_a_follower_with_it() -> None:
    person = told(followed=(FLOOD, FIRE), only_followed=True)
    [changed] = following.decide_forget(state_of(person), {FLOOD})
    assert isinstance(changed, PreferencesChanged)
    person.tell(changed, SubscriptionEnded(reason="one-click"))
    assert following.decide_forget(state_of(person), {FLOOD}) == ()
    erased = following.decide_forget(state_of(person), {FIRE})
    assert erased == (SubscriberErased(),) and following.is_erasure(erased)


def test_stopping_the_last_thread_can_be_undone() -> None:
    person = told(followed=(FLOOD, FIRE), only_followed=True)
    person.tell(*following.decide_unfollow(state_of(person), FIRE))
    person.tell(*following.decide_unfollow(state_of(person), FLOOD))
    left = state_of(person)
    assert left.phase == "ended" and left.preferences is not None and left.preferences.followed == (FLOOD,)
    leaving = left.leaving(EVERYTHING)
    assert leaving is not None and leaving.by in UNDOABLE
    assert following.decide_forget(left, {FLOOD}) == (SubscriberErased(),)


@pytest.mark.parametrize("phase", ["ended", "confirmed", "requested", "lapsed"])
def test_a_follower_who_had_a_subscription_is_not_erased(phase: str) -> None:
    person = told(topics=("health",))
    person.tell(SubscriptionEnded(reason="asked for"))
    alone = following.only_following(Preferences(channels=("email",)), FLOOD)
    person.tell(*signup.decide_request(person.state, how="resident", contacts=[HERE], preferences=alone))
    after: dict[str, Event] = {
        "ended": SubscriptionEnded(reason="one-click"),
        "confirmed": SubscriptionConfirmed(consent=None),
        "lapsed": SubscriptionLapsed(),
    }
    if phase in after:
        person.tell(after[phase])
    person.tell(*following.decide_forget(state_of(person), {FLOOD}))
    assert state_of(person).phase == ("lapsed" if phase == "lapsed" else "ended")


def test_a_subscriber_stays_when_a_thread_is_over() -> None:
    person = told(followed=(FLOOD,))
    [changed] = following.decide_forget(state_of(person), {FLOOD})
    assert following.decide_unfollow(state_of(person), FLOOD) == (changed,)
    assert isinstance(changed, PreferencesChanged) and changed.preferences is not None
    assert changed.preferences.followed == () and not following.is_erasure([changed])
    person.tell(SubscriptionEnded(reason="asked for"))
    assert following.decide_forget(state_of(person), {FLOOD}) == ()
    assert following.decide_unfollow(state_of(person), FLOOD) == ()
    with pytest.raises(Conflict):
        following.decide_follow(state_of(person), FIRE)
