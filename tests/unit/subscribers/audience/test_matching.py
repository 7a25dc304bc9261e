"""The audience: the fast way, the explained way and a slow reading of RULES.md come to the same people."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from alerts.kernel.events import Recorded
from alerts.kernel.geometry import Area, Circle, grown, resolve_area
from alerts.kernel.rules import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    LanguageIs,
    Not,
    SubscribedBefore,
    TopicIs,
    Touches,
)
from subscribers.audience.explain import explain
from subscribers.audience.matching import audience, count, count_near, matches_one
from subscribers.audience.query import AudienceQuery, ChangeReach, ReachPoint
from subscribers.domain import events as e
from subscribers.domain.events import SubscriberPlace
from tests.unit.subscribers.audience.makers import (
    ALL_CHANNELS,
    NOW,
    columns_of,
    person_id,
    query,
    recorded,
    registered,
    states_of,
)
from tests.unit.subscribers.audience.oracle import GEOD, expected

PLACES = {
    "west": Area(box(-0.2, 51.4, -0.1, 51.6)),
    "east": Area(box(-0.1, 51.4, 0.0, 51.6)),
    "round": Area(shapely.MultiPolygon(), (Circle(51.5, 0.05, 1000.0),)),
}
AREAS = [
    PLACES["west"],
    Area(
        Polygon(
            [(-0.15, 51.45), (-0.05, 51.45), (-0.02, 51.5), (-0.15, 51.55)],
            [box(-0.12, 51.48, -0.1, 51.5).exterior.coords],
        )
    ),
    Area(shapely.MultiPolygon(), (Circle(51.5, -0.1, 2500.0), Circle(51.55, 0.02, 0.0))),
    Area(box(-0.01, 51.5, 0.02, 51.52), (Circle(51.45, -0.18, 800.0),)),
]
TOPICS = ["weather", "safety", "newsletter/parks"]

point = st.builds(
    SubscriberPlace,
    lat=st.floats(51.38, 51.62),
    lon=st.floats(-0.25, 0.1),
    radius_km=st.sampled_from([0.0, 0.1, 0.5, 2.0, 10.0]),
)
place = st.one_of(point, point, st.builds(SubscriberPlace, slug=st.sampled_from([*PLACES, "gone"])))
wishes = st.fixed_dictionaries(
    {
        "places": st.lists(place, max_size=3),
        "topics": st.lists(st.sampled_from(TOPICS), max_size=2, unique=True).map(tuple),
        "severity_at_least": st.sampled_from([None, "Minor", "Unknown", "Severe", "Extreme"]),
        "channels": st.lists(st.sampled_from(ALL_CHANNELS), min_size=1, max_size=3, unique=True).map(tuple),
        "language": st.sampled_from(["en", "en-GB", "pl"]),
        "frequency": st.sampled_from(["immediate", "daily"]),
        "danger_to_life": st.booleans(),
        "tester": st.booleans(),
        "followed": st.sampled_from([(), (UUID(int=7),)]),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """A crowd, and what happens to some of them."""
    out: list[Recorded] = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        chosen = draw(wishes)
        places = chosen.pop("places")
        have = draw(st.lists(st.sampled_from(ALL_CHANNELS), min_size=1, max_size=2, unique=True))
        out.append(registered(number, places, have, **chosen))
        for version, fate in enumerate(draw(st.lists(st.integers(0, 7), max_size=3)), 2):
            contact = 10 * number
            later = NOW + timedelta(hours=draw(st.integers(-1, 1)))
            happened: e.Event = [
                e.SubscriptionPaused(until=later),
                e.SubscriptionEnded(reason="left"),
                e.ContactPointRemoved(number=contact, reason="stop"),
                e.ContactPointSuppressed(number=contact, reason="hard-bounce"),
                e.SuppressionLifted(number=contact, reason="mended"),
                e.ContactPointAdded(number=contact + 5, channel="sms", address="x", verified=version % 2 == 0),
                e.SubscriptionConfirmed(consent=None),
                e.SubscriptionResumed(),
            ][fate]
            out.append(recorded(number, version, happened, NOW - timedelta(days=version)))
    return out


leaf = st.one_of(
    st.builds(lambda a: Touches((), a), st.sampled_from(AREAS)),
    st.builds(TopicIs, st.sampled_from(TOPICS)),
    st.builds(FloorAtMost, st.sampled_from(["Minor", "Moderate", "Severe"])),
    st.builds(HasChannel, st.sampled_from(ALL_CHANNELS)),
    st.builds(LanguageIs, st.sampled_from(["en-US", "PL"])),
    st.builds(FrequencyIs, st.sampled_from(["immediate", "daily"])),
    st.builds(SubscribedBefore, st.sampled_from([NOW, NOW - timedelta(days=3)])),
    st.builds(lambda ids: IdIn(frozenset(person_id(i) for i in ids)), st.lists(st.integers(1, 14), max_size=5)),
)
rules = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda r: All(tuple(r))),
        st.lists(inner, max_size=3).map(lambda r: AnyOf(tuple(r))),
        inner.map(Not),
    ),
    max_leaves=4,
)

POINTS = [(UUID(int=i), 51.4 + 0.02 * i, -0.2 + 0.05 * ((i * 3) % 7)) for i in range(1, 8)]


@st.composite
def changes(draw: st.DrawFn) -> ChangeReach:
    hit = draw(st.lists(st.sampled_from(POINTS), min_size=1, max_size=3, unique=True))
    return ChangeReach(
        kind=draw(st.sampled_from(["closure", "move", "hours"])),
        points=tuple(ReachPoint(i, lat, lon, draw(st.sampled_from([0.1, 3.0]))) for i, lat, lon in hit),
        open_points=tuple(POINTS[:5]),
        further=draw(st.sampled_from([(), (tuple(POINTS[3:]),)])),
    )


queries = st.one_of(
    st.builds(
        query,
        kind=st.sampled_from(["alert", "announcement"]),
        status=st.sampled_from(["Actual", "Actual", "Exercise"]),
        topic=st.sampled_from([None, *TOPICS]),
        severity=st.sampled_from(["Minor", "Unknown", "Severe", "Extreme"]),
        area=st.sampled_from([None, *AREAS]),
        danger=st.booleans(),
        rule=st.one_of(st.none(), rules),
        channels=st.lists(st.sampled_from(ALL_CHANNELS), min_size=1, unique=True),
    ),
    st.builds(query, kind=st.just("service-change"), topic=st.just("weather"), change=changes()),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories(), queries)
def test_three_ways_come_to_the_same_people(history: list[Recorded], asked: AudienceQuery) -> None:
    states = states_of(history)
    numbers, people, unreachable = expected(states, asked, PLACES)
    columns = columns_of(history, PLACES)
    found = audience(columns, asked)
    assert set(found.contacts.tolist()) == numbers
    assert (found.people, found.unreachable) == (people, unreachable)
    assert found.contacts.tolist() == sorted(found.contacts.tolist())
    assert sum(found.by_channel.values()) == len(found.contacts) and sum(found.by_language.values()) == people
    assert count(columns, asked).people == people
    for person in states.values():
        told = explain(person, asked, PLACES.get)
        one = matches_one(columns, person.id, asked).tolist()
        assert sorted(told.contacts) == one == sorted(numbers & {c.number for c in person.contacts})
        assert told.due == all(c.holds for c in told.checks if c.rule != "contact points")
        assert bool(told.contacts) == (person.id in found.subscribers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories(), queries.filter(lambda q: q.area is not None), st.sampled_from([1_000.0, 5_000.0]))
def test_near_miss_is_the_difference_of_two_counts(
    history: list[Recorded], asked: AudienceQuery, metres: float
) -> None:
    assert asked.area is not None
    wider = resolve_area(grown(asked.area, metres), lambda _: None)
    columns = columns_of(history, PLACES)
    found, near = count_near(columns, asked, wider)
    alone, more = count(columns, asked), count(columns, replace(asked, area=wider))
    assert (found.people, found.unreachable, found.by_channel) == (alone.people, alone.unreachable, alone.by_channel)
    assert near == more.people - alone.people


@pytest.mark.parametrize("lat", [-33.0, 0.3, 51.5, 69.0])
@pytest.mark.parametrize("radius_m", [0.0, 500.0, 20_000.0])
def test_two_centimetres_on_either_side_of_an_edge(lat: float, radius_m: float) -> None:
    """Thousands around an edge, each with a radius a little short of, or past, the distance measured one by one."""
    rng = np.random.default_rng(5)
    corners = np.linspace(0, 2 * math.pi, 9, endpoint=False)
    size = rng.uniform(0.1, 0.2, 9)
    polygon = Polygon(
        np.column_stack([10 + size * np.cos(corners) / math.cos(math.radians(lat)), lat + size * np.sin(corners)])
    )
    area = Area(polygon, (Circle(lat + 0.3, 10.0, 1500.0),))
    people, inside = [], set()
    for number in range(1, 201):
        at = float(rng.uniform(lat - 0.4, lat + 0.4)), float(rng.uniform(9.5, 10.5))
        away = area.distance_m(*at)
        beyond = float(rng.choice([-1.0, -0.02, -0.004, 0.004, 0.02, 1.0]))
        chosen = max(0.0, away + beyond) if radius_m and 0 < away <= radius_m * 3 else radius_m
        people.append(registered(number, [SubscriberPlace(lat=at[0], lon=at[1], radius_km=chosen / 1000)]))
        if away <= chosen:
            inside.add(10 * number)
    found = audience(columns_of(people), query(area=area))
    assert set(found.contacts.tolist()) == inside


@pytest.mark.parametrize("lat", [-45.0, 0.1, 51.5, 69.0, 74.0])
@pytest.mark.parametrize("circle_m", [0.0, 700.0, 40_000.0])
def test_two_centimetres_on_either_side_of_a_circle(lat: float, circle_m: float) -> None:
    rng = np.random.default_rng(11)
    circle = Circle(lat, 10.0, circle_m)
    people, inside = [], set()
    for number in range(1, 151):
        away = circle_m + float(rng.choice([0.0, 50.0, 3_000.0, 60_000.0]))
        beyond = float(rng.choice([-1.0, -0.02, 0.02, 1.0]))
        lon2, lat2, _ = GEOD.fwd(10.0, lat, float(rng.uniform(-180, 180)), max(0.0, away + beyond))
        radius_m = away - circle_m
        people.append(registered(number, [SubscriberPlace(lat=lat2, lon=lon2, radius_km=radius_m / 1000)]))
        if max(0.0, away + beyond) <= away:
            inside.add(10 * number)
    found = audience(columns_of(people), query(area=Area(shapely.MultiPolygon(), (circle,))))
    assert set(found.contacts.tolist()) == inside


def test_a_crowd_is_sorted_by_cells_to_the_same_answer() -> None:
    rng = np.random.default_rng(7)
    n = 30_000
    lats, lons = rng.uniform(51.3, 51.7, n), rng.uniform(-0.4, 0.2, n)
    radii = rng.choice([0.0, 0.3, 1.0, 5.0, 30.0], n)
    people = (registered(i + 1, [SubscriberPlace(lat=lats[i], lon=lons[i], radius_km=radii[i])]) for i in range(n))
    columns = columns_of(people)
    area = AREAS[1]
    found = set((audience(columns, query(area=area)).contacts // 10 - 1).tolist())
    some = rng.choice(n, 400, replace=False)
    for i in some.tolist():
        assert (i in found) == area.touches(lats[i], lons[i], radii[i] * 1000), (lats[i], lons[i], radii[i])
    few = set()
    for start in range(0, n, 10_000):
        for row in range(start, start + 1000):
            if len(matches_one(columns, person_id(row + 1), query(area=area))):
                few.add(row)
    assert few == {i for i in found if i % 10_000 < 1000}


def test_across_the_antimeridian_and_near_the_pole() -> None:
    places = [
        SubscriberPlace(lat=0.5, lon=179.99, radius_km=3),
        SubscriberPlace(lat=0.5, lon=-179.99, radius_km=3),
        SubscriberPlace(lat=0.5, lon=179.5, radius_km=3),
        SubscriberPlace(lat=85.0, lon=10.0, radius_km=300),
        SubscriberPlace(lat=85.0, lon=10.0, radius_km=10),
    ]
    columns = columns_of(registered(i + 1, [p]) for i, p in enumerate(places))
    fiji = Area(shapely.union_all([box(179.98, 0, 180, 1), box(-180, 0, -179.995, 1)]))
    assert audience(columns, query(area=fiji)).contacts.tolist() == [10, 20]
    circle = Area(shapely.MultiPolygon(), (Circle(0.5, 180.0, 100.0),))
    assert audience(columns, query(area=circle)).contacts.tolist() == [10, 20]
    north = Area(box(-30, 80, 0, 83))
    assert audience(columns, query(area=north)).contacts.tolist() == [40]
    assert audience(columns, query(area=Area(box(-180, -90, 180, 90)))).people == 5


def test_danger_to_life_passes_over_wishes_but_not_over_unticking() -> None:
    here = [SubscriberPlace(lat=51.5, lon=-0.15, radius_km=0.1)]
    people = [
        registered(1, here, ["sms"], channels=("email",), topics=("community",), severity_at_least="Extreme"),
        registered(2, here, ["sms"], channels=("email",), danger_to_life=False),
        registered(3, [], ["sms"], topics=("community",)),
        registered(4, [], ["sms"]),
        registered(5, here, ["email", "sms"]),
        registered(6, here, ["sms"]),
        recorded(6, 2, e.SubscriptionPaused(until=NOW + timedelta(days=1))),
        registered(7, here, ["sms"]),
        recorded(7, 2, e.SubscriptionEnded(reason="left")),
        registered(8, here, ["sms"], danger_to_life=False),
    ]
    asked = query(
        kind="alert", severity="Severe", topic="safety", danger=True, area=PLACES["west"], channels=["sms", "push"]
    )
    found = audience(columns_of(people), asked)
    assert found.contacts.tolist() == [10, 40, 51, 60, 80]
    assert found.unreachable == 1  # the second one is due under rule 2, and wants e-mail alone


def test_newsletter_readers_are_not_told_what_has_no_topic() -> None:
    people = [
        registered(1, topics=("newsletter/parks",)),
        registered(2, topics=("newsletter/parks", "weather")),
        registered(3),
    ]
    columns = columns_of(people)
    assert audience(columns, query(topic=None)).contacts.tolist() == [20, 30]
    assert audience(columns, query(topic="newsletter/parks")).contacts.tolist() == [10, 20]
    assert audience(columns, query(topic="weather")).contacts.tolist() == [20, 30]


def test_ties_for_the_nearest_point_go_to_the_lower_id() -> None:
    low, high = UUID(int=1), UUID(int=2)
    middle = [SubscriberPlace(lat=51.5, lon=0.0, radius_km=0.5)]
    for closed, due in ((low, [10]), (high, [])):
        change = ChangeReach(
            kind="closure",
            points=(ReachPoint(closed, 51.5, -0.2 if closed == low else 0.2, 0.1),),
            open_points=((high, 51.5, 0.2), (low, 51.5, -0.2)),
        )
        asked = query(kind="service-change", change=change)
        assert audience(columns_of([registered(1, middle)]), asked).contacts.tolist() == due
        assert list(explain(states_of([registered(1, middle)])[person_id(1)], asked, lambda _: None).contacts) == due


def test_a_sample_is_spread_and_ids_are_whole() -> None:
    columns = columns_of(registered(i) for i in range(1, 101))
    found = count(columns, query())
    assert found.sample(3) == (person_id(1), person_id(50), person_id(100))
    assert len(found.subscribers) == 100 and found.position == 100
