"""Reference implementation of the audience, slow: RULES.md applied to plain states, with pyproj and shapely alone."""

from __future__ import annotations

from uuid import UUID

from pyproj import Geod

from alerts.kernel.geometry import Area
from alerts.kernel.rules import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
)
from subscribers.audience.query import AudienceQuery
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.subscriber import SubscriberState
from tests.support.polygon_distance import distance_to_polygon

GEOD = Geod(ellps="WGS84")
RANK = {"Minor": 0, "Moderate": 1, "Unknown": 1, "Severe": 2, "Extreme": 3}


def geodesic(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    return float(GEOD.inv(lon1, lat1, lon2, lat2)[2])


def away(lat: float, lon: float, area: Area) -> float:
    """Metres from a position to an area."""
    gaps = [max(0.0, geodesic(lat, lon, c.lat, c.lon) - c.radius_m) for c in area.circles]
    if not area.polygon.is_empty:
        gaps.append(distance_to_polygon(lat, lon, area.polygon))
    return min(gaps, default=float("inf"))


def touches(place: SubscriberPlace, area: Area, places: dict[str, Area]) -> bool:
    if place.lat is not None and place.lon is not None:
        return away(place.lat, place.lon, area) <= place.radius_km * 1000 + 1e-3
    own = places.get(place.slug or "")
    if own is None:
        return False
    return (
        own.polygon.intersection(area.polygon).area > 1e-12
        or any(away(c.lat, c.lon, area) <= c.radius_m for c in own.circles)
        or any(away(c.lat, c.lon, own) <= c.radius_m for c in area.circles)
    )


def follows(wishes: Preferences, topic: str) -> bool:
    return topic in (wishes.topics or ()) or (not wishes.topics and not topic.startswith("newsletter/"))


def rule_true(rule: Rule, person: SubscriberState, places: dict[str, Area]) -> bool:
    wishes = person.preferences
    assert wishes is not None
    if isinstance(rule, All):
        return all(rule_true(r, person, places) for r in rule.rules)
    if isinstance(rule, AnyOf):
        return any(rule_true(r, person, places) for r in rule.rules)
    if isinstance(rule, Not):
        return not rule_true(rule.rule, person, places)
    if isinstance(rule, Touches):
        assert rule.area is not None
        return any(touches(p, rule.area, places) for p in wishes.places)
    if isinstance(rule, TopicIs):
        return follows(wishes, rule.topic)
    if isinstance(rule, FloorAtMost):
        return RANK[wishes.severity_at_least or "Minor"] <= RANK[rule.severity]
    if isinstance(rule, HasChannel):
        return any(c.usable and c.channel == rule.channel for c in person.contacts)
    if isinstance(rule, LanguageIs):
        return wishes.language.lower().split("-")[0] == rule.tag.lower().split("-")[0]
    if isinstance(rule, FrequencyIs):
        return wishes.frequency == rule.frequency
    if isinstance(rule, SubscribedBefore):
        return person.confirmed_at is not None and person.confirmed_at < rule.time
    assert isinstance(rule, IdIn)
    return person.id in rule.ids


def placed(wishes: Preferences, query: AudienceQuery, places: dict[str, Area]) -> tuple[bool, bool]:
    """(the place clause holds, some place touches)."""
    if query.change is None:
        if query.area is None:
            return True, False
        hit = any(touches(p, query.area, places) for p in wishes.places)
        return hit or not wishes.places, hit
    change = query.change
    for place in wishes.places:
        own = places.get(place.slug or "")
        if place.lat is None and own is None:
            continue

        def gap(lat: float, lon: float, place: SubscriberPlace = place, own: Area | None = own) -> float:
            if place.lat is not None and place.lon is not None:
                return geodesic(place.lat, place.lon, lat, lon)
            assert own is not None
            return away(lat, lon, own)

        if any(gap(p.lat, p.lon) <= p.reach_km * 1000 + place.radius_km * 1000 for p in change.points):
            return True, True
        if change.kind in ("closure", "move"):
            for group in (change.open_points, *change.further):
                ordered = sorted((gap(lat, lon), point) for point, lat, lon in group)
                if ordered and ordered[0][1] in {p.id for p in change.points}:
                    return True, True
    return not wishes.places, False


def contacts_due(person: SubscriberState, query: AudienceQuery, places: dict[str, Area]) -> tuple[bool, set[int]]:
    """(due by rule 1, contact points due)."""
    wishes = person.preferences
    if wishes is None or person.phase != "confirmed":
        return False, set()
    if query.status != "Actual" and not wishes.tester:
        return False, set()
    if query.rule is not None and not rule_true(query.rule, person, places):
        return False, set()
    holds, hit = placed(wishes, query, places)
    if query.danger_to_life and wishes.danger_to_life and hit:
        return True, {c.number for c in person.contacts if c.usable and c.channel in query.channels}
    paused = person.paused_until is not None and person.paused_until > query.at
    if query.topic is None:
        topical = not wishes.topics or any(not t.startswith("newsletter/") for t in wishes.topics)
    else:
        topical = follows(wishes, query.topic)
    heavy = query.kind != "alert" or RANK[query.severity] >= RANK[wishes.severity_at_least or "Minor"]
    if paused or not holds or not topical or not heavy:
        return False, set()
    wanted = query.channels & set(wishes.channels)
    return True, {c.number for c in person.contacts if c.usable and c.channel in wanted}


def expected(
    states: dict[UUID, SubscriberState], query: AudienceQuery, places: dict[str, Area]
) -> tuple[set[int], int, int]:
    """(contact points due, people with at least one, due without any)."""
    numbers: set[int] = set()
    people = unreachable = 0
    for person in states.values():
        due, contacts = contacts_due(person, query, places)
        numbers |= contacts
        people += due and bool(contacts)
        unreachable += due and not contacts
    return numbers, people, unreachable
