"""Bodies as programs send them, for `openapi.json`: what a reader copies first."""

from __future__ import annotations

from typing import Any

_AREA = {"circle": {"lat": 51.5392, "lon": -0.1426, "radius_km": 2.5}}
_CONTENT = {
    "en": {
        "title": "Boil your tap water",
        "body": "A main has burst and dirt may have got into the supply.",
        "instruction": "Boil water for a minute before you drink it.",
    }
}
_CONSENT = {"wording": "Tell me of alerts near me.", "given_at": "2026-03-12T09:30:00+00:00", "how": "form at the desk"}

EXAMPLES: dict[tuple[str, str], Any] = {
    ("POST", "/incidents"): {
        "headline": "A water main has burst",
        "description": "Camden Road is under water.",
        "category": "Infra",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "topic": "utilities",
        "area": _AREA,
        "source_ref": "job-4711",
    },
    ("POST", "/incidents/{id}/resolve"): {"all_clear": _CONTENT},
    ("POST", "/service-points"): {
        "kind": "front-desk",
        "name": "Kentish Town police station",
        "address": "12A Holmes Road",
        "lat": 51.5503,
        "lon": -0.1418,
        "opening_hours": "Mo-Sa 08:00-20:00",
        "source_ref": "desk-12",
    },
    ("POST", "/service-changes"): {
        "headline": "The desk is closed for repairs",
        "kind": "closure",
        "service_points": [{"source_ref": "desk-12"}],
        "effective": "2027-03-12T08:00:00+00:00",
        "source_ref": "works-7",
    },
    ("POST", "/places"): {"slug": "camden-town", "name": {"en": "Camden Town"}, "area": _AREA},
    ("POST", "/topics"): {"slug": "river-levels", "name": {"en": "River levels"}, "categories": []},
    ("POST", "/segments"): {"slug": "readers", "name": "Readers", "rule": {"all": [{"topic": "community"}]}},
    ("POST", "/notices"): {"kind": "announcement", "topic": "community", "content": _CONTENT},
    ("POST", "/notices/{id}/update"): {"kind": "announcement", "topic": "community", "content": _CONTENT},
    ("POST", "/notices/{id}/approve"): {"version": 2, "people": 120},
    ("POST", "/notices/{id}/reject"): {"reason": "This is not for us to say."},
    ("POST", "/notices/{id}/return"): {"reason": "Name the street."},
    ("POST", "/notices/{id}/schedule"): {"send_at": "2027-03-12T09:30:00+00:00"},
    ("POST", "/notices/{id}/cancel"): {"reason": "It was another street."},
    ("POST", "/notices/{id}/all-clear"): {"content": _CONTENT},
    ("POST", "/notices/{id}/stop"): {"reason": "The wrong area was drawn."},
    ("POST", "/audience"): {"kind": "alert", "severity": "Severe", "area": _AREA},
    ("POST", "/subscribers"): {
        "email": "resident@example.org",
        "places": [{"lat": 51.5503, "lon": -0.1418, "radius_km": 1, "name": "Home"}],
        "topics": ["safety", "utilities"],
        "language": "en",
        "confirmed": True,
        "consent": _CONSENT,
    },
    ("POST", "/newsletters"): {"slug": "the-week", "name": "The week in Camden"},
    ("POST", "/newsletters/{id}/bulletins"): {"content": _CONTENT},
    ("POST", "/webhooks"): {
        "url": "https://example.org/hooks/alerts",
        "events": ["NoticeIssued", "NoticeCancelled"],
        "area": _AREA,
    },
}
"""By method and path below `/api/v1`."""
