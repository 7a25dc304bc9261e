"""Matching of one person with an area, topic or RULE, from the person's own stream (RULES 2, 9, 22).

Independent of the columns, for explanations and as a check.
"""

from __future__ import annotations

from collections.abc import Callable

from alerts.kernel.geometry import Area, area_of
from alerts.kernel.geometry.geodesy import EDGE_M, distance
from alerts.kernel.languages import primary_subtag
from alerts.kernel.rules import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    InSegment,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
)
from alerts.kernel.terms import NEWSLETTER_PREFIX, SEVERITY_RANK
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.subscriber import SubscriberState

Places = Callable[[str], Area | None]
"""Lookup of a registered place's area, by slug."""


def follows(preferences: Preferences, topic: str) -> bool:
    """True if a topic is among those chosen: none chosen means all but newsletters."""
    if preferences.only_followed:
        return False
    if not preferences.topics:
        return not topic.startswith(NEWSLETTER_PREFIX)
    return topic in preferences.topics


def locate(place: SubscriberPlace, places: Places) -> tuple[float, float] | Area | None:
    """Location of a place: (lat, lon) of a point or circle, the area of a registered or drawn one; None if gone."""
    if place.lat is not None and place.lon is not None:
        return place.lat, place.lon
    area = places(place.slug) if place.slug is not None else area_of([place.area or {}], places)
    return None if area is None or area.empty else area


def metres_to(where: tuple[float, float] | Area, lat: float, lon: float) -> float:
    """Metres from a place, as returned by `locate`, to a position."""
    if isinstance(where, Area):
        return where.distance_m(lat, lon)
    return distance(where[0], where[1], lat, lon)


def touches_area(place: SubscriberPlace, area: Area, places: Places) -> tuple[bool, float]:
    """True if a place touches an area, and its distance (for areas only 0 or infinite)."""
    where = locate(place, places)
    if where is None:
        return False, float("inf")
    if isinstance(where, Area):
        overlaps = where.overlaps(area)
        return overlaps, 0.0 if overlaps else float("inf")
    away = area.distance_m(*where)
    return away <= place.radius_km * 1000.0 + EDGE_M, away


def rule_holds(rule: Rule, person: SubscriberState, places: Places) -> bool:
    """True if a resolved RULE holds for one person (RULES 22)."""
    preferences = person.preferences
    return preferences is not None and _Person(person, preferences, places).holds(rule)


class _Person:
    """Evaluation of a rule for one person: each operator once, however often the rule names it."""

    def __init__(self, person: SubscriberState, preferences: Preferences, places: Places) -> None:
        self._person, self._preferences, self._places = person, preferences, places
        self._known: dict[int, bool] = {}

    def holds(self, rule: Rule) -> bool:
        """Evaluate an operator, or return its known result."""
        if id(rule) not in self._known:
            self._known[id(rule)] = self._evaluate(rule)
        return self._known[id(rule)]

    def _evaluate(self, rule: Rule) -> bool:
        person, preferences, places = self._person, self._preferences, self._places
        match rule:
            case All(rules):
                return all(map(self.holds, rules))
            case AnyOf(rules):
                return any(map(self.holds, rules))
            case Not(inner):
                return not self.holds(inner)
            case Touches(_, area):
                return area is not None and any(touches_area(p, area, places)[0] for p in preferences.places)
            case TopicIs(topic):
                return follows(preferences, topic)
            case FloorAtMost(severity):
                return SEVERITY_RANK[preferences.severity_at_least or "Minor"] <= SEVERITY_RANK[severity]
            case HasChannel(channel):
                return any(
                    c.channel == channel and c.state == "verified" and c.suppressed is None for c in person.contacts
                )
            case LanguageIs(tag):
                return primary_subtag(preferences.language) == primary_subtag(tag)
            case FrequencyIs(frequency):
                return preferences.frequency == frequency
            case SubscribedBefore(time):
                return person.confirmed_at is not None and person.confirmed_at < time
            case IdIn(ids):
                return person.id in ids
            case InSegment(slug):
                raise ValueError(f"the segment {slug} must be resolved before it is asked")
