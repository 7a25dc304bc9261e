"""The columns follow the log: what they know of a person is what the person's own stream adds up to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.events import Event, Recorded
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.column_store import RowIndex
from subscribers.domain import events as e
from subscribers.domain.events import ContactRef, Preferences, SubscriberPlace
from tests.unit.subscribers.audience.makers import (
    NOW,
    columns_of,
    person_id,
    positioned,
    recorded,
    registered,
    states_of,
)

DRAWN = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]}
HOMES = [
    (),
    (SubscriberPlace(lat=51.5, lon=0.0, radius_km=1.0), SubscriberPlace(slug="camden")),
    (SubscriberPlace(area=DRAWN), SubscriberPlace(lat=51.4, lon=0.1), SubscriberPlace(lat=51.3, lon=0.2)),
]


def wishes(home: int, **more: object) -> Preferences:
    return Preferences(places=HOMES[home], channels=("email", "sms"), **more)  # type: ignore[arg-type]


def happenings(number: int) -> st.SearchStrategy[Event]:
    """Anything that may happen to the person of that number, contact points 10n to 10n + 2."""
    contact = st.integers(10 * number, 10 * number + 2)
    home = st.integers(0, 2)
    refs = st.lists(contact, max_size=2, unique=True).map(lambda n: tuple(ContactRef(i, "email") for i in n))
    return st.one_of(
        st.builds(
            lambda r, h: e.SubscriberRegistered(how="x", contacts=r, addresses={}, preferences=wishes(h), consent=None),
            refs,
            home,
        ),
        st.builds(
            lambda r, h: e.SubscriptionRequested(how="x", contacts=r, addresses={}, preferences=wishes(h)), refs, home
        ),
        st.builds(lambda n: e.ContactPointVerified(number=n), contact),
        st.just(e.SubscriptionConfirmed(consent=None)),
        st.just(e.SubscriptionLapsed()),
        st.builds(
            lambda h, t: e.PreferencesChanged(preferences=wishes(h, tester=t, language="pl")), home, st.booleans()
        ),
        st.just(e.SubscriptionPaused(until=NOW + timedelta(days=3))),
        st.just(e.SubscriptionResumed()),
        st.builds(
            lambda n, v: e.ContactPointAdded(number=n, channel="sms", address="x", verified=v), contact, st.booleans()
        ),
        st.builds(lambda n: e.ContactPointRemoved(number=n, reason="stop"), contact),
        st.builds(lambda n: e.ContactPointSuppressed(number=n, reason="hard-bounce"), contact),
        st.builds(lambda n: e.SuppressionLifted(number=n, reason="mended"), contact),
        st.just(e.SubscriptionEnded(reason="left")),
        st.just(e.SubscriberErased()),
    )


lives = st.lists(st.integers(1, 3).flatmap(lambda n: happenings(n).map(lambda event: (n, event))), max_size=25)


@settings(max_examples=30, deadline=None)
@given(lives)
def test_columns_know_what_the_stream_adds_up_to(life: list[tuple[int, Event]]) -> None:
    begun = [registered(n, HOMES[1], ["email", "sms"]) for n in (1, 2, 3)]
    history: list[Recorded] = begun + [recorded(n, v, event) for v, (n, event) in enumerate(life, 2)]
    columns, states = columns_of(history), states_of(history)
    points = areas = 0
    for person in states.values():
        places = person.preferences.places if person.preferences else ()
        points += sum(p.lat is not None for p in places)
        areas += sum(p.lat is None for p in places)
        for contact in person.contacts:
            facts = columns.facts(contact.number)
            assert facts is not None and facts.subscriber == person.id and facts.channel == contact.channel
            assert facts.usable == (person.phase == "confirmed" and contact.usable) == (not facts.why_not)
            assert facts.confirmed == (person.phase == "confirmed")
            assert facts.paused_until == person.paused_until
            if person.preferences is not None:
                assert facts.language == person.preferences.language and facts.tester == person.preferences.tester
    # what was moved or erased leaves nothing behind
    assert int((~np.isnan(columns.places.points.lat[: columns.places.points.size])).sum()) == points
    assert int((columns.places.named.code[: columns.places.named.size] >= 0).sum()) == areas


def test_a_position_is_taken_once_and_in_order() -> None:
    columns = AudienceColumns()
    first, second = positioned([registered(1), registered(2)])
    columns.apply(second)
    for again in (first, second):
        with pytest.raises(ValueError, match="not after"):
            columns.apply(again)
    assert columns.position == 2 and columns.row(person_id(1)) == -1


def test_a_position_moves_on_with_events_of_other_streams() -> None:
    columns = AudienceColumns()
    columns.apply_many(positioned([registered(1)]))
    columns.apply(Recorded(originator_id=UUID(int=9), originator_version=1, event=Event(), at=NOW, by="x", position=7))
    assert columns.position == 7 and columns.people.size == 1


def test_an_erased_person_whose_data_are_unreadable_is_nobody() -> None:
    from subscribers.audience.matching import audience
    from tests.unit.subscribers.audience.makers import query

    event = e.SubscriberRegistered(
        how="x", contacts=(ContactRef(10, "email"),), addresses=None, preferences=None, consent=None
    )
    columns = columns_of([recorded(1, 1, event)])
    found = audience(columns, query())
    assert (found.people, found.unreachable) == (0, 0)


def test_an_index_finds_every_row_after_it_has_grown() -> None:
    rng = np.random.default_rng(3)
    keys = rng.integers(0, 1 << 63, 5000).astype(np.uint64) * np.uint64(2)
    keys[1000:1010] = keys[1000]  # the same key many times: told apart by `matches`
    index = RowIndex(lambda: keys)
    for row, key in enumerate(keys.tolist()):
        index.add(key, row)
    for row, key in enumerate(keys.tolist()):
        assert index.find(key, lambda found, row=row: found == row) == row
    assert index.find(1, lambda row: int(keys[row]) == 1) == -1


def test_memory_stays_small() -> None:
    columns = columns_of(registered(i, [SubscriberPlace(lat=51.5, lon=0.1, radius_km=1.0)]) for i in range(1, 5001))
    assert columns.nbytes / 5000 < 260
