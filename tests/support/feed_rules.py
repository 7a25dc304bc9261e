"""Rules of the standards for our feeds: Atom (RFC 4287), iCalendar (RFC 5545, 5546) and GeoJSON (RFC 7946)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import icalendar
from lxml import etree

from tests.support.cap_schema import NAMESPACE, RULES

ATOM = "{http://www.w3.org/2005/Atom}"
CAP = f"{{{NAMESPACE}}}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def atom_faults(document: bytes) -> list[str]:
    """Faults of an Atom feed; [] if it is valid."""
    feed = etree.fromstring(document)
    if feed.tag != f"{ATOM}feed":
        return [f"root is {feed.tag}"]
    entries = feed.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    times = [str(entry.findtext(f"{ATOM}updated")) for entry in entries]
    found = [*_atom_node(feed, "feed"), *(fault for entry in entries for fault in _atom_node(entry, "entry"))]
    if len(set(ids)) < len(ids):
        found.append("two entries have one id")
    if [link.get("href") for link in feed.findall(f"{ATOM}link[@rel='self']")] != [feed.findtext(f"{ATOM}id")]:
        found.append("no link to itself")
    if not all(node.find(f"{ATOM}author/{ATOM}name") is not None for node in ([feed] if len(feed) else entries)):
        found.append("no author")
    if times != sorted(times, reverse=True) or max(times, default="") > str(feed.findtext(f"{ATOM}updated")):
        found.append("entries are not from new to old, or newer than the feed")
    return found


def _atom_node(node: Any, name: str) -> Iterator[str]:
    """RFC 4287, 4.1.1 and 4.1.2: exactly one id, title and updated; absolute links; at most one alternate a type."""
    for child in ("id", "title", "updated"):
        texts = [found.text or "" for found in node.findall(f"{ATOM}{child}")]
        if len(texts) != 1 or not texts[0].strip():
            yield f"{name}: {len(texts)} times {child}, or empty"
    where = urlsplit(node.findtext(f"{ATOM}id", ""))
    if not where.scheme or not (where.netloc or where.path):
        yield f"{name}: the id is no absolute IRI"
    try:
        if datetime.fromisoformat(node.findtext(f"{ATOM}updated", "")).utcoffset() is None:
            yield f"{name}: updated has no offset"
    except ValueError:
        yield f"{name}: updated is no time"
    links = node.findall(f"{ATOM}link")
    alternates = [(link.get("type"), link.get("hreflang")) for link in links if link.get("rel") == "alternate"]
    if not alternates or len(set(alternates)) < len(alternates):
        yield f"{name}: no alternate link, or two of one type"
    if not all(urlsplit(link.get("href", "")).netloc for link in links):
        yield f"{name}: a relative link"
    if not node.get(XML_LANG):
        yield f"{name}: no language"
    for content in node.findall(f"{ATOM}content"):
        if content.get("type") not in ("text", "html") or len(content):
            yield f"{name}: content is no text and no escaped HTML"


def cap_entry_faults(document: bytes) -> list[str]:
    """Fields that an aggregator of CAP messages misses in the entries of an Atom feed."""
    found = []
    needed = "identifier sent status msgType category event urgency severity certainty effective expires".split()
    for entry in etree.fromstring(document).findall(f"{ATOM}entry"):
        if not entry.findall(f"{ATOM}link[@type='application/cap+xml']"):
            found.append("no link to the message")
        fields = {etree.QName(child).localname: child.text or "" for child in entry if child.tag.startswith(CAP)}
        found += [f"no cap:{name}" for name in needed if name not in fields]
        found += [f"cap:{name} is {text!r}" for name, text in fields.items() if not RULES[name](text)]
        if f"urn:uuid:{fields.get('identifier')}" != entry.findtext(f"{ATOM}id"):
            found.append("the entry's id is not that of the message")
    return found


def calendar_faults(document: bytes) -> list[str]:
    """Faults of a published calendar; [] if it is valid."""
    found = []
    lines = document.split(b"\r\n")
    if b"\n" in document.replace(b"\r\n", b"") or any(len(line) > 75 for line in lines) or lines[-1]:
        found.append("lines do not end in CRLF, or are longer than 75 octets")
    calendar = icalendar.Calendar.from_ical(document)
    found += [f"calendar: {error}" for error in calendar.errors]
    found += [f"no {name}" for name in ("VERSION", "PRODID") if not calendar.get(name)]
    events = calendar.walk("VEVENT")
    uids = [str(event.get("UID", "")) for event in events]
    if len(set(uids)) < len(uids) or not all(uids):
        found.append("UIDs are missing or not unique")
    for event in events:
        found += [f"event: {error}" for error in event.errors]
        needed = ["DTSTAMP", "DTSTART", "SUMMARY", *(["ORGANIZER"] if calendar.get("METHOD") == "PUBLISH" else [])]
        found += [f"event: no {name}" for name in needed if not event.get(name)]
        if event.get("DTSTAMP") and event.decoded("DTSTAMP").utcoffset() != timedelta(0):
            found.append("event: DTSTAMP is not in UTC")
        if event.get("DTEND") and event.get("DTSTART") and event.decoded("DTEND") <= event.decoded("DTSTART"):
            found.append("event: ends before it starts")
        if not str(event.get("ORGANIZER", "mailto:")).startswith("mailto:"):
            found.append("event: the organizer has no address")
    return found


def geojson_faults(document: Any) -> list[str]:
    """Faults of a FeatureCollection of polygons; [] if it is valid."""
    if document.get("type") != "FeatureCollection" or not isinstance(document.get("features"), list):
        return ["no FeatureCollection"]
    found = ["crs is not of RFC 7946"] if "crs" in document else []
    ids = [feature.get("id") for feature in document["features"]]
    if len(set(ids)) < len(ids):
        found.append("two features have one id")
    for feature in document["features"]:
        if feature.get("type") != "Feature" or not {"geometry", "properties"} <= feature.keys():
            found.append("a feature without type, geometry or properties")
        if feature.get("geometry"):
            found += _geometry_faults(feature["geometry"])
        if "bbox" in feature and len(feature["bbox"]) != 4:
            found.append("bbox has not four numbers")
    return found


def _geometry_faults(geometry: Any) -> Iterator[str]:
    kind, at = geometry["type"], geometry["coordinates"]
    if kind not in ("Polygon", "MultiPolygon"):
        yield f"a geometry of type {kind}"
        return
    for polygon in [at] if kind == "Polygon" else at:
        for number, ring in enumerate(polygon):
            if len(ring) < 4 or ring[0] != ring[-1]:
                yield "a ring that is not closed"
            area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
            if (area > 0) != (number == 0):
                yield "3.1.6: outer rings go counter-clockwise, holes clockwise"
            if not all(len(p) == 2 and abs(p[0]) <= 180 and abs(p[1]) <= 90 for p in ring):
                yield "a position that is no longitude and latitude"
