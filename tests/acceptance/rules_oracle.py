"""Reference implementation of the audience, from the rules alone: slow, obvious, none of the product's code.

A person is a dict of what the test asked for (`places`, `topics`, `floor`, …), a notice is the body that was posted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

Json = dict[str, Any]
GEOD = pyproj.Geod(ellps="WGS84")
ALL_CHANNELS = ("email", "sms", "push", "letter")
RANK = {"Minor": 0, "Moderate": 1, "Unknown": 1, "Severe": 2, "Extreme": 3}
CLOSE_M = 1.5
"""A case nearer to an edge than this judges nobody: the test must not contain it."""


def metres(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """The geodesic on the ellipsoid."""
    return float(GEOD.inv(lon, lat, other_lon, other_lat)[2])


def _around(lon: float, lat: float, geometry: BaseGeometry) -> BaseGeometry:
    """The geometry in metres about a point: distances from that point are true."""
    plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84"
    there = pyproj.Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    dense = shapely.segmentize(geometry, 0.001)
    return shapely.transform(dense, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))


class Oracle:
    """`registered`: places by slug; `segments`: RULEs by slug."""

    def __init__(self, registered: dict[str, Json], segments: dict[str, Json]) -> None:
        self.registered, self.segments = registered, segments

    def expected(self, notice: Json, person: Json) -> dict[str, str] | None:
        """Channel → "sent" or "held"; {} for whom nothing reaches; None for who is not due."""
        if not person["confirmed"] or person["gone"]:
            return None
        if notice.get("status", "Actual") != "Actual" and not person["tester"]:
            return None
        if notice.get("audience") is not None and not self.holds(notice["audience"], person):
            return None
        touched = "area" in notice and self.touched(notice["area"], person)
        channels = [c for c in person["verified"] if c in notice.get("channels", ALL_CHANNELS)]
        danger = is_danger(notice)
        if danger and touched and person["danger_to_life"]:
            return dict.fromkeys(channels, "sent")
        if person["paused"] or ("area" in notice and person["places"] and not touched):
            return None
        if not self._follows(notice.get("topic"), person["topics"]):
            return None
        if notice["kind"] == "alert" and RANK[notice.get("severity", "Unknown")] < RANK[person["floor"]]:
            return None
        state = self._carried(notice, person, danger=danger)
        return {c: state for c in channels if c in person["channels"]}

    def _carried(self, notice: Json, person: Json, *, danger: bool) -> str:
        """Rules 5 and 6 for who is due under rule 2; without place danger to life wakes them, unticked it does not."""
        emergency = danger or notice.get("priority") == "emergency"
        if danger and person["danger_to_life"]:
            return "sent"
        if not emergency and notice["kind"] != "bulletin" and person["frequency"] != "immediate":
            return "held"
        if person["quiet"] is None or (emergency and not danger and person["quiet"] == "emergency"):
            return "sent"
        return "held"

    @staticmethod
    def _follows(topic: str | None, chosen: list[str]) -> bool:
        """Rule 2's clause about topics."""
        if topic is None:
            return not chosen or any(not one.startswith("newsletter/") for one in chosen)
        return topic in chosen if chosen else not topic.startswith("newsletter/")

    def touched(self, area: Any, person: Json) -> bool:
        """Some place of theirs touches the area."""
        return any(self._touches(place, part) for place in person["places"] for part in _parts(area))

    def holds(self, rule: Json, person: Json) -> bool:
        """A RULE, word by word."""
        ((word, value),) = rule.items()
        match word:
            case "all":
                return all(self.holds(r, person) for r in value)
            case "any":
                return any(self.holds(r, person) for r in value)
            case "not":
                return not self.holds(value, person)
            case "touches":
                return self.touched(value, person)
            case "place":
                return self.touched({"place": value}, person)
            case "segment":
                return self.holds(self.segments[value], person)
            case "topic":
                return self._follows(value, person["topics"])
            case "severity_floor_at_most":
                return RANK[person["floor"]] <= RANK[value]
            case "channel":
                return value in person["verified"]
            case "language":
                return bool(person["language"].partition("-")[0] == value.partition("-")[0])
            case "frequency":
                return bool(person["frequency"] == value)
            case "subscribed_before":
                return bool(person["confirmed_at"] < datetime.fromisoformat(value))
            case "ids":
                return person["id"] in value
        raise ValueError(word)

    def _touches(self, place: Json, area: Json) -> bool:
        circle = _disc(place)
        if circle is not None:
            return self._disc_touches(*circle, area)
        own = self.registered[place["place"]] if "place" in place else place["area"]
        other = _disc(area)
        if other is not None:
            return self._disc_touches(*other, own)
        return bool(self._shape(area).intersection(shape(own)).area > 1e-9)

    def _disc_touches(self, lon: float, lat: float, radius_m: float, area: Json) -> bool:
        other = _disc(area)
        if other is not None:
            gap = metres(lon, lat, *other[:2]) - other[2] - radius_m
        else:
            geometry = self._shape(area)
            if geometry.covers(Point(lon, lat)):
                return True
            gap = _around(lon, lat, geometry).distance(Point(0, 0)) - radius_m
        assert abs(gap) > CLOSE_M, "the case is too close to an edge to judge by"
        return bool(gap < 0)

    def _shape(self, area: Json) -> BaseGeometry:
        return shape(self.registered[area["place"]] if "place" in area else area)


def is_danger(notice: Json) -> bool:
    """Rule 4, of a first notice or an update."""
    return (
        notice["kind"] == "alert"
        and notice.get("status", "Actual") == "Actual"
        and notice.get("severity") in ("Extreme", "Severe")
        and notice.get("urgency") in ("Immediate", "Expected")
        and notice.get("certainty") in ("Observed", "Likely")
    )


def _parts(area: Any) -> list[Json]:
    return area if isinstance(area, list) else [area]


def _disc(place: Json) -> tuple[float, float, float] | None:
    """(lon, lat, radius in metres) of a point with a radius or of a circle."""
    if "lat" in place:
        return place["lon"], place["lat"], place.get("radius_km", 0) * 1000.0
    circle = place.get("circle") or place.get("area", {}).get("circle")
    return (circle["lon"], circle["lat"], circle["radius_km"] * 1000.0) if circle else None
