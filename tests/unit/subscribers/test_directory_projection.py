"""The directory says of each person what the fold of their stream says, however the log is cut; nothing in clear."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from msgspec import UNSET
from msgspec.structs import replace

from alerts.kernel.events import Event
from alerts.kernel.ids import contact_number
from alerts.projections.checksums import checksums
from subscribers.domain import events as e
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.memory_views import World

ANNA, BORIS = UUID(int=0x0190 << 112 | 0xA1), UUID(int=0x0190 << 112 | 0xB2)
GIVEN = datetime(2026, 2, 1, tzinfo=UTC)


def wishes(language: str = "en", *topics: str) -> e.Preferences:
    return e.Preferences(
        places=(e.SubscriberPlace(name="canary-home", lat=51.5, lon=-0.1),), topics=topics, language=language
    )


def registered(person: UUID, *numbers: int, language: str = "cy") -> e.SubscriberRegistered:
    return e.SubscriberRegistered(
        how="api",
        contacts=tuple(e.ContactRef(n, "email") for n in numbers),
        addresses={n: f"canary-{n}-{language}@example.org" for n in numbers},
        preferences=wishes(language),
        consent=e.Consent("yes", GIVEN, "form"),
    )


def folded(world: World, person: UUID) -> SubscriberState | None:
    state = None
    for recorded in world.recorded(person):
        state = SUBSCRIBER.evolve(state, recorded)
    return state


A1, A2, A3 = (contact_number(n, ANNA) for n in (1, 2, 3))
B1, B2, B3 = (contact_number(n, BORIS) for n in (4, 5, 6))
NUMBERS = {ANNA: (A1, A2, A3), BORIS: (B1, B2, B3)}


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[UUID, Event]]:
    """Any events of two people after their first, erasure last; more than the commands would allow."""

    def step(person: UUID) -> st.SearchStrategy[Event]:
        number = st.sampled_from(NUMBERS[person])
        some = st.lists(number, min_size=1, unique=True)
        language = st.sampled_from(["en", "pl"])
        return st.one_of(
            st.builds(lambda ns, lang: registered(person, *ns, language=lang), some, language),
            st.builds(
                lambda ns, lang: e.SubscriptionRequested(
                    how="form",
                    contacts=tuple(e.ContactRef(n, "sms") for n in ns),
                    addresses={n: f"canary+44{n}" for n in ns},
                    preferences=wishes(lang),
                ),
                some,
                language,
            ),
            st.builds(e.ContactPointVerified, number=number),
            st.builds(e.SubscriptionConfirmed, consent=st.sampled_from([None, e.Consent("again", GIVEN, "link")])),
            st.builds(lambda lang: e.PreferencesChanged(preferences=wishes(lang, "weather")), language),
            st.builds(e.SubscriptionPaused, until=st.just(GIVEN)),
            st.builds(
                lambda n, v: e.ContactPointAdded(number=n, channel="email", address=f"canary-own-{n}", verified=v),
                number,
                st.booleans(),
            ),
            st.builds(e.ContactPointRemoved, number=number, reason=st.just("one-click")),
            st.builds(e.ContactPointSuppressed, number=number, reason=st.just("hard-bounce")),
            st.builds(e.SuppressionLifted, number=number, reason=st.just("repaired")),
            st.builds(e.ConsentGiven, consent=st.just(e.Consent("more", GIVEN, "phone"))),
            st.builds(e.ConsentWithdrawn, reason=st.just("asked")),
            st.builds(e.SubscriptionEnded, reason=st.just("asked")),
        )

    life: list[tuple[UUID, Event]] = [(ANNA, registered(ANNA, A1)), (BORIS, registered(BORIS, B1, B2))]
    for person in draw(st.lists(st.sampled_from([ANNA, BORIS]), max_size=12)):
        life.append((person, draw(step(person))))
    if draw(st.booleans()):
        life.append((ANNA, e.SubscriberErased()))
    return life


@settings(max_examples=25, deadline=None)
@given(life=lives(), batches=st.lists(st.integers(1, 4), max_size=8), unsealed=st.booleans())
def test_directory_says_what_the_fold_says_however_the_log_is_cut(
    life: list[tuple[UUID, Event]], batches: list[int], unsealed: bool
) -> None:
    world = World()
    for person, event in life:
        world.append(person, event)
    world.project(*batches, sealed_only=not unsealed)
    if isinstance(life[-1][1], e.SubscriberErased):
        world.keys.destroyed.add(ANNA)
    directory = world.views.directory
    for person in (ANNA, BORIS):
        expected = folded(world, person)
        assert expected is not None
        assert directory.person(person) == replace(expected, leavings=UNSET, wanted_more=UNSET)
        cards = directory.cards(NUMBERS[person])
        assert {n: (c.channel, c.address, c.state, c.suppressed) for n, c in cards.items()} == {
            c.number: (c.channel, c.address, c.state, c.suppressed) for c in expected.contacts
        }
        assert all(card.preferences == expected.preferences for card in cards.values())
    assert directory.count() == 2
    once = world.again()
    once.project()
    assert checksums(once.database) == checksums(world.database)


def test_cards_come_with_the_language_and_leave_out_what_is_not_there(world: World) -> None:
    world.tell(ANNA, registered(ANNA, A1, A2))
    cards = world.views.cards([A1, A2, B1])
    assert cards.keys() == {A1, A2}
    assert cards[A1].address == f"canary-{A1}-cy@example.org"
    assert cards[A1].language == "cy"
    assert cards[A1].subscriber == ANNA


def test_nothing_personal_stands_in_clear(world: World) -> None:
    world.append(ANNA, registered(ANNA, A1))
    world.append(ANNA, e.PreferencesChanged(preferences=wishes("pl")))
    world.append(ANNA, e.ContactPointAdded(number=A2, channel="sms", address="canary+447700900123"))
    world.project(sealed_only=False)
    dump = b"".join(
        value if isinstance(value, bytes) else str(value).encode()
        for table in ("people", "contact_points", "timeline")
        for row in world.database.connection.execute(f"SELECT * FROM {table}")
        for value in row
    )
    assert b"canary" not in dump
    assert b"canary"[::-1] in dump, "the canary is there, but sealed"


def test_an_erased_person_stays_as_a_number_without_a_word(world: World) -> None:
    world.tell(ANNA, registered(ANNA, A1), e.PreferencesChanged(preferences=wishes("pl")))
    world.keys.destroyed.add(ANNA)
    gone = world.views.directory.cards([A1])[A1]
    assert (gone.address, gone.preferences, gone.language) == (None, None, ""), "the key is gone before the event comes"
    world.tell(ANNA, e.SubscriberErased())
    assert world.database.connection.execute("SELECT sealed, wishes, consent FROM people").fetchall() == [
        (None, None, None)
    ]
    card = world.views.directory.cards([A1])[A1]
    assert (card.phase, card.state, card.address) == ("erased", "removed", None)
    assert world.views.directory.counts() == {"erased": 1}


def test_people_come_by_page_each_once(world: World) -> None:
    everyone = {UUID(int=0x0190 << 112 | n << 8 | n % 7) for n in range(1, 24)}
    for number, person in enumerate(sorted(everyone), 1):
        world.tell(person, registered(person, contact_number(number, person)))
    seen: list[UUID] = []
    cursor = None
    while True:
        page = world.views.directory.people(cursor, 5)
        seen += [person.id for person in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == len(everyone)
    assert set(seen) == everyone
    with pytest.raises(ValueError, match="non-hexadecimal"):
        world.views.directory.people("nonsense", 5)


def test_contacts_of_are_in_order_and_empty_for_a_stranger(world: World) -> None:
    world.tell(ANNA, registered(ANNA, A2, A1), e.ContactPointRemoved(number=A1, reason="one-click"))
    assert [(c.number, c.state) for c in world.views.directory.contacts_of(ANNA)] == [(A1, "removed"), (A2, "verified")]
    assert world.views.directory.contacts_of(BORIS) == []


def test_a_view_keeps_the_logs_own_bytes(world: World) -> None:
    world.append(ANNA, registered(ANNA, A1))
    kept = msgspec.msgpack.decode(world.rows[0].state)[-1]
    world.project()
    assert world.database.connection.execute("SELECT sealed FROM people").fetchone() == (kept,)
