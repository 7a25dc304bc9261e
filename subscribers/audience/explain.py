"""Explanation of one person's match with a notice: each rule in order, in plain words (RULES 1–4, 11, 15, 22).

Independent implementation, one person at a time, from the person's own stream; `matching` must give the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.kernel.geometry import Area
from alerts.kernel.geometry.geodesy import EDGE_M
from alerts.kernel.rules import rule_words
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, NEWSLETTER_PREFIX, SEVERITY_RANK, Severity
from subscribers.audience.person_matching import Places, follows, locate, metres_to, rule_holds, touches_area
from subscribers.audience.query import AudienceQuery, ChangeReach
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.subscriber import SubscriberState


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Result of one rule: its name, its outcome for the person, and the reason in plain words."""

    rule: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Complete explanation.

    `due`: rule 1 holds (every check but "contact points"). `contacts`: the contact point numbers due, ascending; a
    person who is due with none is unreachable. `matched_place`: index into the person's places of the first that
    matched, `distance_m` that place's distance in metres from the area (0 inside) or, of a service change, from the
    nearest point concerned; None if no place mattered.
    """

    due: bool
    checks: tuple[RuleResult, ...]
    contacts: tuple[int, ...]
    matched_place: int | None
    distance_m: float | None


@dataclass(frozen=True, slots=True)
class _Match:
    """Outcome of the place clause."""

    holds: bool
    touches: bool
    detail: str
    index: int | None = None
    distance_m: float | None = None


def explain(person: SubscriberState, query: AudienceQuery, places: Places) -> Explanation:
    """Check every rule for one person, in the person's state at the notice's position."""
    preferences = person.preferences
    if preferences is None:
        gone = RuleResult("subscription", False, "their data were erased; nothing is kept that could be checked")
        return Explanation(False, (gone,), (), None, None)
    match = _place(preferences, query, places)
    danger = query.danger_to_life and preferences.danger_to_life and match.touches
    checks = [
        _confirmed(person),
        _pause(person, query, danger),
        *_tester(preferences, query),
        RuleResult("place", match.holds, match.detail),
        _topic(preferences, query.topic, danger),
        *_severity(preferences, query, danger),
        *_danger(preferences, query, match),
        *_rule(person, query, places),
    ]
    due = all(check.holds for check in checks)
    contacts, check = _contacts(person, preferences, query, danger)
    return Explanation(due, (*checks, check), contacts if due else (), match.index, match.distance_m)


def metres(distance_m: float) -> str:
    """Format a distance for readers: `80 m`, `950 m`, `1.2 km`, `14 km`."""
    if distance_m < 1000:
        return f"{distance_m:.0f} m"
    return f"{distance_m / 1000:.1f} km" if distance_m < 10_000 else f"{distance_m / 1000:.0f} km"


def _plain(slug: str) -> str:
    """Format a topic's slug as words."""
    return slug.replace("-", " ").replace("/", ": ")


def explain_following(person: SubscriberState, query: AudienceQuery, thread: UUID) -> Explanation | None:
    """Explain that the person follows the notice's thread (RULES 14); None if they do not."""
    preferences = person.preferences
    if preferences is None or thread not in preferences.followed:
        return None
    asked = RuleResult("following", True, "they asked to follow this message until it is over")
    checks = (_confirmed(person), _pause(person, query, danger=False), asked)
    due = all(check.holds for check in checks)
    contacts, check = _contacts(person, preferences, query, danger=False)
    return Explanation(due, (*checks, check), contacts if due else (), None, None)


# --- the clauses -------------------------------------------------------------------------------------------------


def _confirmed(person: SubscriberState) -> RuleResult:
    if person.phase == "confirmed":
        return RuleResult("subscription", True, "the subscription is confirmed")
    words = {
        "requested": "the subscription was not confirmed yet",
        "lapsed": "the subscription was never confirmed and lapsed",
        "ended": f"the subscription had ended ({person.ended_reason or 'no reason given'})",
        "erased": "the person's data were erased",
    }
    return RuleResult("subscription", False, words[person.phase])


def _pause(person: SubscriberState, query: AudienceQuery, danger: bool) -> RuleResult:
    until = person.paused_until
    if until is None or until <= query.at:
        return RuleResult("pause", True, "not paused")
    zone = ZoneInfo(person.preferences.timezone) if person.preferences else UTC
    local = until.astimezone(zone)
    detail = f"paused until {local:%A} {local.day} {local:%B %Y, %H:%M}"
    return RuleResult("pause", danger, f"{detail}, but danger to life passes over a pause" if danger else detail)


def _tester(preferences: Preferences, query: AudienceQuery) -> list[RuleResult]:
    if query.status == "Actual":
        return []
    verb = "is" if preferences.tester else "is not"
    return [
        RuleResult("tester", preferences.tester, f"an exercise or test goes to testers only; this person {verb} one")
    ]


def _topic(preferences: Preferences, topic: str | None, danger: bool) -> RuleResult:
    if preferences.only_followed:
        return RuleResult("topic", False, "nothing was asked for but to follow other messages until they are over")
    chosen = ", ".join(map(_plain, preferences.topics)) or "none chosen, which means all but newsletters"
    newsletters_only = bool(preferences.topics) and all(t.startswith(NEWSLETTER_PREFIX) for t in preferences.topics)
    if topic is None:
        holds = not newsletters_only
        detail = "the notice has no topic" + (", and newsletters alone were chosen" if newsletters_only else "")
    else:
        holds = follows(preferences, topic)
        detail = f"the topic “{_plain(topic)}” is {'among' if holds else 'not among'} those wanted ({chosen})"
    if danger and not holds:
        return RuleResult("topic", True, detail + ", but danger to life goes out whatever the topics")
    return RuleResult("topic", holds, detail)


def _severity(preferences: Preferences, query: AudienceQuery, danger: bool) -> list[RuleResult]:
    if query.kind != "alert":
        return []
    floor: Severity = preferences.severity_at_least or "Minor"
    holds = SEVERITY_RANK[query.severity] >= SEVERITY_RANK[floor]
    detail = f"severity {query.severity} {'meets' if holds else 'is below'} the least one wanted, {floor}"
    if danger and not holds:
        return [RuleResult("severity", True, detail + ", but danger to life goes out whatever the floor")]
    return [RuleResult("severity", holds, detail)]


def _danger(preferences: Preferences, query: AudienceQuery, match: _Match) -> list[RuleResult]:
    if not query.danger_to_life:
        return []
    if not preferences.danger_to_life:
        return [RuleResult("danger to life", True, "danger to life was unticked, so the ordinary wishes count")]
    if not match.touches:
        return [RuleResult("danger to life", True, "no place touches the area, so the ordinary wishes count")]
    return [
        RuleResult(
            "danger to life", True, "danger to life at a place of the subscription: it goes to every contact point"
        )
    ]


def _rule(person: SubscriberState, query: AudienceQuery, places: Places) -> list[RuleResult]:
    if query.rule is None:
        return []
    holds = rule_holds(query.rule, person, places)
    verb = "belongs" if holds else "does not belong"
    return [RuleResult("audience", holds, f"{verb} to the notice's audience: {rule_words(query.rule)}")]


def _contacts(
    person: SubscriberState, preferences: Preferences, query: AudienceQuery, danger: bool
) -> tuple[tuple[int, ...], RuleResult]:
    channels = query.channels if danger else query.channels & frozenset(preferences.channels)
    due, why = [], []
    for contact in person.contacts:
        if contact.state != "verified":
            why.append(
                f"{CHANNEL_TERMS[contact.channel].noun}: {'removed' if contact.state == 'removed' else 'not verified'}"
            )
        elif contact.suppressed is not None:
            why.append(f"{CHANNEL_TERMS[contact.channel].noun}: suppressed ({contact.suppressed})")
        elif contact.channel not in query.channels:
            why.append(f"{CHANNEL_TERMS[contact.channel].noun}: not a channel of this notice")
        elif contact.channel not in channels:
            why.append(f"{CHANNEL_TERMS[contact.channel].noun}: not among the channels wanted")
        else:
            due.append(contact)
    nouns = " and ".join(CHANNEL_TERMS[c].noun for c in CHANNELS if any(d.channel == c for d in due))
    detail = f"can be reached by {nouns}" if due else "no contact point is due (" + ("; ".join(why) or "none") + ")"
    return tuple(sorted(c.number for c in due)), RuleResult("contact points", bool(due), detail)


# --- places ------------------------------------------------------------------------------------------------------


def _place(preferences: Preferences, query: AudienceQuery, places: Places) -> _Match:
    if query.change is not None:
        return _change(preferences, query.change, places)
    if query.area is None:
        return _Match(True, False, "the notice has no area")
    if not preferences.places:
        return _Match(True, False, "no place was chosen, which means everywhere")
    nearest: tuple[float, int] | None = None
    for index, place in enumerate(preferences.places):
        touches, away = touches_area(place, query.area, places)
        if touches:
            return _Match(True, True, _place_words(place, index, away, "the area"), index, away)
        nearest = min(nearest or (away, index), (away, index))
    assert nearest is not None
    away, index = nearest
    name = _name(preferences.places[index], index)
    if preferences.places[index].lat is not None:
        allowed = preferences.places[index].radius_km * 1000.0
        beyond = f", further than its {metres(allowed)}" if allowed else ""
        detail = f"{name} is {metres(away)} from the area{beyond}"
    else:
        detail = f"{name} does not overlap the area"
    return _Match(False, False, "no place touches the area; " + detail, None, away)


def _change(preferences: Preferences, change: ChangeReach, places: Places) -> _Match:
    if not preferences.places:
        return _Match(True, False, "no place was chosen, which means everywhere")
    concerned = {p.id for p in change.points}
    for index, place in enumerate(preferences.places):
        where = locate(place, places)
        if where is None:
            continue
        away = min((metres_to(where, p.lat, p.lon) for p in change.points), default=float("inf"))
        radius_m = place.radius_km * 1000.0 if place.lat is not None else 0.0
        if any(metres_to(where, p.lat, p.lon) <= p.reach_km * 1000.0 + radius_m + EDGE_M for p in change.points):
            return _Match(True, True, _place_words(place, index, away, "the service point"), index, away)
        if change.kind in ("closure", "move") and _loses_nearest(where, change, concerned):
            detail = f"the service point nearest to {_name(place, index)} is among those concerned, {metres(away)} away"
            return _Match(True, True, detail, index, away)
    return _Match(False, False, "no place is near enough to a service point concerned")


def _loses_nearest(where: tuple[float, float] | Area, change: ChangeReach, concerned: set[UUID]) -> bool:
    for points in (change.open_points, *change.further):
        if points and min((metres_to(where, lat, lon), point) for point, lat, lon in points)[1] in concerned:
            return True
    return False


def _name(place: SubscriberPlace, index: int) -> str:
    if place.slug is not None:
        return f"the place “{place.name or place.slug}”"
    return f"the place “{place.name}”" if place.name else f"place {index + 1}"


def _place_words(place: SubscriberPlace, index: int, away: float, what: str) -> str:
    name = _name(place, index)
    if place.lat is None:
        return f"{name} overlaps {what}" if what == "the area" else f"{name} is {metres(away)} from {what}"
    radius_m = place.radius_km * 1000.0
    if away <= 0.0:
        return f"{name} lies inside {what}"
    within = f", within its {metres(radius_m)}" if radius_m and away <= radius_m + EDGE_M else ""
    return f"{name} is {metres(away)} from {what}{within}"
