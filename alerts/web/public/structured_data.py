"""JSON-LD of the pages (schema.org): `SpecialAnnouncement` of a notice, opening hours of service points. Pure.

It stands in a data block of the page, which no browser executes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from markupsafe import Markup

from alerts.domain.events import PointFacts

_DAYS = {
    "Mo": "Monday",
    "Tu": "Tuesday",
    "We": "Wednesday",
    "Th": "Thursday",
    "Fr": "Friday",
    "Sa": "Saturday",
    "Su": "Sunday",
    "PH": "PublicHolidays",
}
_WEEK = list(_DAYS)[:7]
_SCHEMA = "https://schema.org/"
_RULE = re.compile(r"(?:([A-Za-z][A-Za-z,\- ]*?)\s+)?(\d{1,2}:\d{2}-\d{1,2}:\d{2}(?:,\s?\d{1,2}:\d{2}-\d{1,2}:\d{2})*)")


def block(document: dict[str, Any]) -> Markup:
    """Encode a document for a data block: nothing in it can end the block."""
    text = msgspec.json.encode({"@context": "https://schema.org", **document}).decode()
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)  # nosec B704: no character of markup is left


def announcement(
    *,
    name: str,
    text: str,
    url: str,
    language: str,
    posted: datetime,
    expires: datetime | None,
    publisher: str,
    where: str,
    geometry: dict[str, Any] | None,
) -> dict[str, Any]:
    """Describe a notice. `geometry`: GeoJSON, of which the outer rings are given."""
    place: dict[str, Any] = {"@type": "Place"}
    if where:
        place["name"] = where
    if geometry is not None:
        place["geo"] = [{"@type": "GeoShape", "polygon": ring} for ring in _rings(geometry)]
    found = {
        "@type": "SpecialAnnouncement",
        "name": name,
        "text": text,
        "url": url,
        "inLanguage": language,
        "datePosted": posted.isoformat(),
        "expires": expires.isoformat() if expires else None,
        "publisher": {"@type": "Organization", "name": publisher},
        "spatialCoverage": place if len(place) > 1 else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def service_point(facts: PointFacts) -> dict[str, Any]:
    """Describe a service point with its opening hours."""
    found: dict[str, Any] = {
        "@type": "CivicStructure",
        "name": facts.name,
        "geo": {"@type": "GeoCoordinates", "latitude": facts.lat, "longitude": facts.lon},
    }
    if facts.address:
        found["address"] = facts.address
    hours = opening_hours(facts.opening_hours or "")
    if hours:
        found["openingHoursSpecification"] = hours
    return found


def points(found: Iterable[PointFacts]) -> dict[str, Any]:
    """Describe several service points."""
    return {"@graph": [service_point(one) for one in found]}


def opening_hours(osm: str) -> list[dict[str, Any]]:
    """Convert simple opening hours (OpenStreetMap syntax); [] if any part is not: half of them would mislead."""
    if osm.strip() == "24/7":
        return [_hours(_WEEK, "00:00", "23:59")]
    found: list[dict[str, Any]] = []
    for rule in filter(None, (part.strip() for part in osm.split(";"))):
        if rule.endswith((" off", " closed")):
            continue
        match = _RULE.fullmatch(rule)
        days = _days(match[1] or "Mo-Su") if match else None
        if match is None or days is None:
            return []
        for span in match[2].split(","):
            opens, _, closes = span.strip().partition("-")
            found.append(_hours(days, opens.rjust(5, "0"), closes.rjust(5, "0")))
    return found


def _days(words: str) -> list[str] | None:
    days: list[str] = []
    for part in words.split(","):
        first, _, last = part.strip().partition("-")
        last = last or first
        if first not in _DAYS or last not in _DAYS:
            return None
        if first == "PH" or last == "PH":
            days.append("PH")
            continue
        start, end = _WEEK.index(first), _WEEK.index(last)
        days += _WEEK[start : end + 1] if start <= end else _WEEK[start:] + _WEEK[: end + 1]
    return days


def _hours(days: Sequence[str], opens: str, closes: str) -> dict[str, Any]:
    return {
        "@type": "OpeningHoursSpecification",
        "dayOfWeek": [_SCHEMA + _DAYS[day] for day in days],
        "opens": opens,
        "closes": "23:59" if closes == "24:00" else closes,
    }


def _rings(geometry: dict[str, Any]) -> list[str]:
    """Return the outer rings of a geometry as `lat lon` pairs, as schema.org writes them."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [" ".join(f"{lat:.5f} {lon:.5f}" for lon, lat, *_ in polygon[0]) for polygon in polygons if polygon]
