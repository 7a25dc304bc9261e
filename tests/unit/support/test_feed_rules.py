"""The rules by which feeds are judged find what breaks them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cap import alert, info
from tests.support.cap_schema import faults as cap_faults
from tests.support.feed_rules import atom_faults, calendar_faults, cap_entry_faults, geojson_faults

GOOD_CAP = alert(info()).replace(b"+00:00", b"-00:00")
LINK = '<link rel="{rel}" href="https://town.example/{to}" type="{type}"/>'
GOOD_ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:cap="urn:oasis:names:tc:emergency:cap:1.2" xml:lang="en">'
    "<title>Town</title><id>https://town.example/f</id><updated>2026-01-02T00:00:00+00:00</updated>"
    + LINK.format(rel="self", to="f", type="application/atom+xml")
    + LINK.format(rel="alternate", to="", type="text/html")
    + '<author><name>Town</name></author><entry xml:lang="en"><title>Fire</title><id>urn:uuid:1</id>'
    + "<updated>2026-01-01T00:00:00+00:00</updated>"
    + LINK.format(rel="alternate", to="1.cap", type="application/cap+xml")
    + '<content type="html">Fire</content><cap:identifier>1</cap:identifier>'
    + "".join(
        f"<cap:{name}>{text}</cap:{name}>"
        for name, text in {
            "sent": "2026-01-01T00:00:00-00:00",
            "status": "Actual",
            "msgType": "Alert",
            "category": "Fire",
            "event": "Fire",
            "urgency": "Immediate",
            "severity": "Severe",
            "certainty": "Observed",
            "effective": "2026-01-01T00:00:00-00:00",
            "expires": "2026-01-02T00:00:00-00:00",
        }.items()
    )
    + "</entry></feed>"
)
GOOD_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
    "DTSTART:20260101T000000Z\r\nDTEND:20260101T010000Z\r\nSUMMARY:x\r\nORGANIZER:mailto:a@b.example\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("-00:00", "+00:00", "alert/sent"),
        ("09:30:00-00:00", "09:30:00Z", "alert/sent"),
        ("<scope>Public</scope>", "", "alert/scope is missing"),
        ("Severe", "Bad", "alert/info/severity"),
        ("<urgency>Immediate</urgency>", "", "alert/info/urgency is missing"),
        ("<headline>", "<web>https://a.example</web><headline>", "out of order"),
        ("51.5,-0.1 1.5", "51.5 -0.1 1.5", "alert/info/area/circle"),
        ("<circle>51.5,-0.1 1.5</circle>", "<polygon>1,1 1,2 2,2 1,3</polygon>", "alert/info/area/polygon"),
        ("fire-1", "fire 1", "alert/identifier"),
        (">Alert<", ">Update<", "without references"),
        ("T12:30:00", "T09:30:00", "expires is not after"),
        ("<areaDesc>Town</areaDesc>", "", "areaDesc is missing"),
    ],
)
def test_cap_rules(old: str, new: str, fault: str) -> None:
    found = cap_faults(GOOD_CAP.replace(old.encode(), new.encode()) if old else GOOD_CAP)
    assert (fault in " ".join(found)) if fault else found == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("<title>Town</title>", "", "0 times title"),
        ("urn:uuid:1", "1", "no absolute IRI"),
        ("https://town.example/1.cap", "/1.cap", "a relative link"),
        ('rel="self"', 'rel="via"', "no link to itself"),
        ("2026-01-01T00:00:00+00:00", "2026-01-03T00:00:00+00:00", "newer than the feed"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00", "no offset"),
        ("<author><name>Town</name></author>", "", "no author"),
        ('<entry xml:lang="en">', "<entry>", "no language"),
    ],
)
def test_atom_rules(old: str, new: str, fault: str) -> None:
    found = atom_faults((GOOD_ATOM.replace(old, new) if old else GOOD_ATOM).encode())
    assert (fault in " ".join(found)) if fault else found == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("application/cap+xml", "text/html", "no link to the message"),
        ("<cap:severity>Severe</cap:severity>", "", "no cap:severity"),
        ("<cap:urgency>Immediate", "<cap:urgency>Now", "cap:urgency is 'Now'"),
        ("urn:uuid:1", "urn:uuid:2", "not that of the message"),
    ],
)
def test_rules_of_a_cap_feed(old: str, new: str, fault: str) -> None:
    found = cap_entry_faults((GOOD_ATOM.replace(old, new) if old else GOOD_ATOM).encode())
    assert (fault in " ".join(found)) if fault else found == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("\r\n", "\n", "CRLF"),
        ("SUMMARY:x", "SUMMARY:" + "x" * 80, "75 octets"),
        ("UID:1\r\n", "", "UIDs are missing"),
        ("ORGANIZER:mailto:a@b.example\r\n", "", "no ORGANIZER"),
        ("DTEND:20260101T01", "DTEND:20260101T00", "ends before it starts"),
        ("DTSTAMP:20260101T000000Z", "DTSTAMP:20260101T000000", "not in UTC"),
        ("PRODID:x\r\n", "", "no PRODID"),
    ],
)
def test_calendar_rules(old: str, new: str, fault: str) -> None:
    found = calendar_faults((GOOD_ICS.replace(old, new) if old else GOOD_ICS).encode())
    assert (fault in " ".join(found)) if fault else found == []


@pytest.mark.parametrize(
    ("rings", "fault"),
    [
        ([SQUARE], ""),
        ([SQUARE[::-1]], "counter-clockwise"),
        ([SQUARE, [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.2]]], "holes clockwise"),
        ([SQUARE[:-1]], "not closed"),
        ([[[0, 0], [181, 0], [1, 1], [0, 0]]], "no longitude"),
        ([[[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 0, 5]]], "no longitude"),
    ],
)
def test_geojson_rules(rings: Any, fault: str) -> None:
    feature = {"type": "Feature", "id": "1", "properties": {}, "geometry": {"type": "Polygon", "coordinates": rings}}
    found = geojson_faults({"type": "FeatureCollection", "features": [feature]})
    assert (fault in " ".join(found)) if fault else found == []
