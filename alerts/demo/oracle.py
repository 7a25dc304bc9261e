"""Oracle: computes who is due from the scenario's data and RULES.md, independent of the product's matching.

Three-valued: True, False, or None where an edge is within a metre and either answer passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from alerts.demo.geodesy import Maybe, Shape, all_of, any_of, at_most, metres, negated, shape_of
from alerts.demo.london import Borough, Desk
from alerts.demo.residents import Resident
from alerts.demo.story import Telling

Json = dict[str, Any]
Contact = tuple[str, str]
"""Contact point as (resident's key, channel)."""

RANK = {"Minor": 0, "Moderate": 1, "Unknown": 1, "Severe": 2, "Extreme": 3}
REACH_M = 3000.0
SENT, HELD, REFUSED = "sent", "held", "failed-permanent"
NO_MAILBOX = "no-such-mailbox"
"""Prefix of a local part that the inbox refuses permanently."""
CHANNELS = ("email", "sms", "push")
TIE_M = 2.0
"""Tolerance in metres: two desks with a smaller difference in distance may be in either order."""


@dataclass(frozen=True, slots=True)
class PlacedDesk:
    """A desk of the story with its id in the product."""

    id: str
    desk: Desk


@dataclass(slots=True)
class Expected:
    """Expected results of one notice."""

    must: dict[Contact, str] = field(default_factory=dict)
    """Contact point → final state of its delivery."""
    may: dict[Contact, str] = field(default_factory=dict)
    """Within a metre of an edge: this state, or no delivery at all."""
    people: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    """Due, but without a usable contact point."""
    maybe_people: set[str] = field(default_factory=set)
    """Due or not, with or without a contact point, depending on an edge."""


class Oracle:
    """Computes the expectation for every notice.

    `start` is the start of the story, by which quiet hours are evaluated.
    """

    def __init__(
        self, boroughs: Sequence[Borough], desks: Sequence[PlacedDesk], residents: Sequence[Resident], start: datetime
    ) -> None:
        self._boroughs = {b.slug: shape_of(b.geometry) for b in boroughs}
        self._desks = desks
        self._residents = residents
        self._start = start
        self._gone: set[str] = set()
        self._moved: set[str] = set()

    def left(self, resident: str) -> None:
        """Record that the resident has unsubscribed; nothing later is due."""
        self._gone.add(resident)

    def moved(self, resident: str) -> None:
        """Record that the resident has added their second place."""
        self._moved.add(resident)

    def expected(self, telling: Telling, before: Mapping[str, Expected]) -> Expected:
        """Compute who is due for `telling`, given the expectations of the earlier notices of its thread."""
        earlier = [before[key] for key in telling.follows]
        if telling.msg_type in ("Cancel", "AllClear"):
            return _follow_up(earlier)
        found = Expected()
        for person in self._residents:
            self._judge(person, telling, found)
        if earlier:
            first_group = _follow_up(earlier)
            found.must.update(first_group.must)
            found.may = {c: s for c, s in {**found.may, **first_group.may}.items() if c not in found.must}
        return found

    def late(self, person: Resident, telling: Telling, found: Expected) -> None:
        """Add a person who became due by a change of their own while this emergency was live (RULES 7)."""
        self._judge(person, telling, found, counted=False)

    def alternatives(self, person: Resident) -> list[tuple[str, float]] | None:
        """Name and distance (m) of the three nearest open desks (RULES 12); None if the order is within the tolerance.

        Computed for the first of the person's places that the change touches; [] for a person without place.
        """
        places = self._places(person)
        if not places:
            return []
        for place in places:
            touched = self._change_touches(place)
            if touched is None:
                return None
            if touched:
                near = sorted((self._distance(place, d), d.desk.name) for d in self._desks if _stays(d.desk))
                gaps = [b[0] - a[0] for a, b in pairwise(near[:4])]
                return None if min(gaps) < TIE_M else [(name, distance) for distance, name in near[:3]]
        return None

    # --- one person, one notice ---------------------------------------------------------------------------------

    def _judge(self, person: Resident, telling: Telling, found: Expected, *, counted: bool = True) -> None:
        if person.key in self._gone or not person.body.get("confirmed"):
            return
        danger = _is_danger(telling)
        touched = self._touched(person, telling)
        ruled = self._holds(telling.rule, person)
        has_place = bool(self._places(person))
        ordinary = all_of((self._ordinary(person, telling), touched, ruled))
        woken = all_of((danger and has_place and person.body.get("danger_to_life", True), touched, ruled))
        due = any_of((ordinary, woken))
        if due is False:
            return
        channels = self._channels(person, everything=woken is not False)
        state = SENT if woken is not False else self._carried(person, danger=danger, has_place=has_place)
        target = found.must if due is True else found.may
        for channel in channels:
            target[person.key, channel] = REFUSED if person.addresses[channel].startswith(NO_MAILBOX) else state
        if not counted:
            return
        if due is None:
            found.maybe_people.add(person.key)
        else:
            (found.people if channels else found.unreachable).add(person.key)

    def _ordinary(self, person: Resident, telling: Telling) -> bool:
        """Evaluate RULES 2 without the places: topic, severity floor, pause."""
        body = person.body
        topics = body.get("topics", ())
        if person.paused or (topics and telling.topic not in topics):
            return False
        floor = body.get("severity_at_least", "Minor")
        return telling.kind != "alert" or RANK[telling.severity] >= RANK[floor]

    def _channels(self, person: Resident, *, everything: bool) -> list[str]:
        wanted = CHANNELS if everything else person.body.get("channels", CHANNELS)
        return [c for c in CHANNELS if c in person.addresses and c in wanted]

    def _carried(self, person: Resident, *, danger: bool, has_place: bool) -> str:
        """State of a delivery due under rule 2, by RULES 5 and 6: sent at once, or held."""
        quiet = person.body.get("quiet_hours")
        is_quiet = quiet is not None and _is_quiet(quiet, person.body.get("timezone", "Europe/London"), self._start)
        if danger:  # emergency: at once whatever the frequency; woken if without place and not unticked
            woken = not has_place and person.body.get("danger_to_life", True)
            return HELD if is_quiet and not woken else SENT
        return HELD if is_quiet or person.body.get("frequency", "immediate") != "immediate" else SENT

    # --- places -------------------------------------------------------------------------------------------------

    def _places(self, person: Resident) -> list[Json]:
        places = list(person.body.get("places", ()))
        return [*places, person.moves_to] if person.key in self._moved and person.moves_to else places

    def _touched(self, person: Resident, telling: Telling) -> Maybe:
        places = self._places(person)
        if not places:
            return True
        if telling.has_change:
            return any_of(self._change_touches(p) for p in places)
        if telling.area is None:
            return True
        return any_of(self._touches(p, telling.area) for p in places)

    def _touches(self, place: Json, area: Json) -> Maybe:
        """Evaluate RULES 9: a person's place against an area."""
        if "circle" in area:
            circle = area["circle"]
            radius = circle["radius_km"] * 1000
            if "lat" in place:
                apart = metres(place["lat"], place["lon"], circle["lat"], circle["lon"])
                return at_most(apart, radius + place.get("radius_km", 0) * 1000)
            return self._shape(place).touches_disc(circle["lat"], circle["lon"], radius)
        target = self._boroughs[area["place"]] if "place" in area else shape_of(area)
        if "lat" in place:
            return target.touches_disc(place["lat"], place["lon"], place.get("radius_km", 0) * 1000)
        if "place" in place and place["place"] == area.get("place"):
            return True
        return self._shape(place).overlaps(target)

    def _shape(self, place: Json) -> Shape:
        return self._boroughs[place["place"]] if "place" in place else shape_of(place["area"])

    def _change_touches(self, place: Json) -> Maybe:
        """Evaluate RULES 11: within reach of a closing desk, or the nearest desk is one that closes."""
        closing = [d for d in self._desks if d.desk.closes]
        own_radius = place.get("radius_km", 0) * 1000
        reached = any_of(at_most(self._distance(place, d), REACH_M + own_radius) for d in closing)
        if reached is True:
            return True
        near = sorted(
            (self._distance(place, d), d.id, d.desk.closes) for d in self._desks if d.desk.kind == "front-desk"
        )
        best = near[0][0]
        if best == 0:  # inside a polygon all are equally near; the id decides
            return any_of((reached, min(n[1:] for n in near if n[0] == 0)[1]))
        answers = {closes for distance, _, closes in near if distance - best <= 2 * _TOLERANCE}
        return any_of((reached, answers.pop() if len(answers) == 1 else None))

    def _distance(self, place: Json, placed: PlacedDesk) -> float:
        """Distance in metres by RULES 12: from the place's point, or from the polygon (0 inside)."""
        desk = placed.desk
        if "lat" in place:
            return metres(place["lat"], place["lon"], desk.lat, desk.lon)
        return max(0.0, self._shape(place).signed_distance(desk.lat, desk.lon))

    # --- RULE ---------------------------------------------------------------------------------------------------

    def _holds(self, rule: Json | None, person: Resident) -> Maybe:
        if rule is None:
            return True
        ((word, value),) = rule.items()
        if word == "all":
            return all_of(self._holds(r, person) for r in value)
        if word == "any":
            return any_of(self._holds(r, person) for r in value)
        if word == "not":
            return negated(self._holds(value, person))
        if word == "frequency":
            return bool(person.body.get("frequency", "immediate") == value)
        if word == "place":
            return any_of(self._touches(p, {"place": value}) for p in self._places(person))
        if word == "touches":
            return any_of(self._touches(p, value) for p in self._places(person))
        raise ValueError(f"the story's rules do not use {word}")


_TOLERANCE = 1.0


def _is_danger(telling: Telling) -> bool:
    """Evaluate RULES 4 (every notice of the story is Actual)."""
    return (
        telling.kind == "alert"
        and telling.msg_type in ("Alert", "Update")
        and telling.severity in ("Extreme", "Severe")
        and telling.urgency in ("Immediate", "Expected")
        and telling.certainty in ("Observed", "Likely")
    )


def _follow_up(earlier: Sequence[Expected]) -> Expected:
    """Evaluate RULES 14: every contact point to which the thread was sent, at once."""
    found = Expected()
    for one in earlier:
        found.must.update({c: SENT for c, state in one.must.items() if state == SENT})
        found.may.update({c: SENT for c, state in one.may.items() if state == SENT})
    found.may = {c: s for c, s in found.may.items() if c not in found.must}
    return found


def _stays(desk: Desk) -> bool:
    """True if the desk is open after the change, or a mobile unit comes within 14 days."""
    return desk.weekly and not desk.closes


def _is_quiet(quiet: Json, timezone: str, now: datetime) -> bool:
    clock = f"{now.astimezone(ZoneInfo(timezone)):%H:%M}"
    start, end = quiet["from"], quiet["to"]
    return bool(start <= clock < end if start < end else (clock >= start or clock < end))
