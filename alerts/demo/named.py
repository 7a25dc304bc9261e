"""Named residents: each demonstrates one rule and has predefined expectations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from pyproj import Geod

from alerts.demo.residents import CONSENT_WORDING, Resident, digest_timezone, quiet_around
from alerts.demo.story import SMOKE_FIRST, WATER

Json = dict[str, Any]
GEOD = Geod(ellps="WGS84")
NONE = "-"
INSIDE = {"smoke": "sent", "smoke-update": "sent", "smoke-over": "sent"}
"""Everyone who gets the alert gets its update and its all-clear."""
COMMUNITY_ONLY: Json = {"topics": ["community"], "danger_to_life": False}


def at(lat: float, lon: float, radius_km: float = 0.0) -> Json:
    """Build a place of a subscriber."""
    return {"lat": lat, "lon": lon, "radius_km": radius_km, "name": "home"}


EAST_STREET, BERMONDSEY = at(51.4884, -0.0920), at(51.4975, -0.0665)
BY_FORM: Json = {"by_form": True}
MY_STREET_KM = 0.5
"""Least distance that the public form offers."""
WEMBLEY, STRATFORD, PECKHAM = at(51.5552, -0.2790), at(51.5423, -0.0029), at(51.4690, -0.0655)


def around(*places: Json) -> list[Json]:
    """Return the places as the public form can ask for them."""
    return [{**place, "radius_km": MY_STREET_KM} for place in places]


def named_residents(start: datetime) -> list[Resident]:
    """Build the named residents, each for a rule of RULES.md, in alphabetical order."""
    consent = {"wording": CONSENT_WORDING, "given_at": start.isoformat(), "how": "demonstration"}
    person = partial(_person, consent)
    residents = [
        *_by_place(person),
        *_by_preferences(person, start),
        *_by_contact_point(person),
        *_by_browser(person),
        *_by_state(person),
    ]
    return sorted(residents, key=lambda resident: resident.name)


def _person(consent: Json, name: str, note: str, expects: dict[str, str], **body: Any) -> Resident:
    extra = {k: body.pop(k) for k in ("paused", "moves_to", "device", "by_form") if k in body}
    key = name.split()[0].lower()
    if "phone" not in body and "device" not in extra:
        body.setdefault("email", f"{key}@named.example")
    body = {"language": "en", "confirmed": True, "consent": consent, **body}
    if not body["confirmed"]:
        del body["confirmed"], body["consent"]
    return Resident(key, body, name=name, note=note, expects=expects, **extra)


def _by_place(person: Callable[..., Resident]) -> list[Resident]:
    """Residents at an edge, next door, at two places and at a new one."""
    inner, outer = across_edge(SMOKE_FIRST, 1, 2.0)
    rim_in, rim_out = across_rim(WATER, 135.0, 2.0)
    return [
        person("Ana Inside", "two metres inside the smoke's edge", {**INSIDE, "water": NONE}, places=[inner]),
        person("Ben Outside", "two metres outside the same edge", {"smoke": NONE, "smoke-over": NONE}, places=[outer]),
        person(
            "Cora Rim", "two metres inside the water circle's rim", {"water": "sent", "smoke": NONE}, places=[rim_in]
        ),
        person("Dan Beyond", "two metres beyond the same rim", {"water": NONE}, places=[rim_out]),
        person(
            "Farid Lambeth",
            "has the borough next door, which shares an edge with Southwark",
            {"market": NONE},
            places=[{"place": "lambeth"}],
        ),
        person(
            "Gwen Twice",
            "two of her places match; she is told once, in Welsh where there is Welsh",
            {**INSIDE, "gas": "sent", "gas-cancel": "sent", "market": "sent"},
            places=[EAST_STREET, at(51.4850, -0.0900, 1.0), WEMBLEY],
            language="cy",
        ),
        person(
            "Lena Moving",
            "adds a place inside the smoke while the alert is live",
            {"smoke": "sent", "smoke-update": "sent", "smoke-over": "sent"},
            places=[at(51.6240, -0.0600)],
            moves_to=at(51.4870, -0.0860, 0.2),
        ),
    ]


def _by_preferences(person: Callable[..., Resident], start: datetime) -> list[Resident]:
    """Residents with quiet hours, a digest, danger to life unticked, and a severity floor."""
    return [
        person(
            "Efua Asleep",
            "in quiet hours; woken for danger to life, and for that only",
            {"water": "held", **INSIDE, "closure": "held"},
            places=around(EAST_STREET, STRATFORD),
            quiet_hours=quiet_around(start),
            **BY_FORM,
        ),
        person(
            "Marek Digest",
            "reads once a day, in Polish; danger does not wait for that",
            {"closure": "held", **INSIDE, "market": "held"},
            places=[at(51.4862, -0.0935, 0.5)],
            language="pl",
            frequency="daily",
            timezone=digest_timezone(start),
        ),
        person(
            "Nia Unticked",
            "unticked danger to life, and is in quiet hours",
            {"smoke": "superseded", "smoke-update": "superseded", "smoke-over": NONE},
            places=around(EAST_STREET),
            danger_to_life=False,
            quiet_hours=quiet_around(start),
            topics=["safety"],
            **BY_FORM,
        ),
        person(
            "Omar Floor",
            "wants nothing below Extreme; danger to life is not asked about floors",
            {"gas": "sent", "gas-cancel": "sent", "water": NONE},
            places=[WEMBLEY, STRATFORD],
            severity_at_least="Extreme",
            topics=["safety", "utilities"],
            language="ar",
        ),
    ]


def _by_contact_point(person: Callable[..., Resident]) -> list[Resident]:
    """Residents with a telephone, with failing mailboxes, and with no address for the wanted channel."""
    return [
        person(
            "Hana Phone",
            "has a telephone only, and reads Urdu",
            {"water": "sent", "closure": "sent"},
            phone="+447700900980",
            places=around(STRATFORD),
            language="ur",
            **BY_FORM,
        ),
        person(
            "Ivo Gone",
            "his mailbox refuses for good",
            {"market": "failed-permanent", "smoke": NONE},
            email="no-such-mailbox.ivo@named.example",
            places=[PECKHAM],
            **COMMUNITY_ONLY,
        ),
        person(
            "Jo Busy",
            "her mailbox is busy at the first try",
            {"market": "sent"},
            email="busy-once.jo@named.example",
            places=[PECKHAM],
            **COMMUNITY_ONLY,
        ),
        person(
            "Rosa Reach",
            "wants texts, and gave an e-mail address only; danger to life comes all the same",
            {"closure": "unreachable", "smoke": NONE, "smoke-update": "sent", "smoke-over": "sent"},
            places=[BERMONDSEY],
            channels=["sms"],
        ),
    ]


def _by_browser(person: Callable[..., Resident]) -> list[Resident]:
    """Residents with notifications in a browser, one of them withdrawn."""
    return [
        person(
            "Una Browser",
            "gave no address: notifications on her laptop only, in Polish where there is Polish",
            {**INSIDE, "market": "sent", "water": NONE},
            places=[at(51.4868, -0.0905, 0.3)],
            device="una-laptop",
            language="pl",
        ),
        person(
            "Vic Unplugged",
            "his browser has given its subscription up",
            {"market": "failed-permanent", "smoke": NONE},
            device="no-such-mailbox-vic",
            places=[PECKHAM],
            **COMMUNITY_ONLY,
        ),
    ]


def _by_state(person: Callable[..., Resident]) -> list[Resident]:
    """Residents whose subscription is paused, unconfirmed, and ended during the story."""
    return [
        person(
            "Kit Paused",
            "paused; gets danger to life all the same",
            {"closure": NONE, **INSIDE, "market": NONE},
            places=around(EAST_STREET),
            paused=True,
            **BY_FORM,
        ),
        person(
            "Pia Pending",
            "asked, but never confirmed",
            {"closure": NONE, "smoke": NONE},
            places=[EAST_STREET],
            confirmed=False,
        ),
        person(
            "Tom Leaver",
            "leaves by one click before the last notice",
            {"market": NONE, **INSIDE, "closure": "sent"},
            places=around(at(51.4866, -0.0915)),
            **BY_FORM,
        ),
    ]


LEAVER = "tom"
MOVER = "lena"
BUSY = "jo"
GONE = "ivo"


def across_edge(ring: list[list[float]], edge: int, metres: float) -> tuple[Json, Json]:
    """Points `metres` inside and outside the middle of a ring's edge (straight in longitude/latitude)."""
    (x1, y1), (x2, y2) = ring[edge], ring[edge + 1]
    lon, lat = (x1 + x2) / 2, (y1 + y2) / 2
    along = GEOD.inv(lon - (x2 - x1) * 1e-3, lat - (y2 - y1) * 1e-3, lon, lat)[0]
    turn = 90 if _is_clockwise(ring) else -90
    return _moved(lon, lat, along + turn, metres), _moved(lon, lat, along - turn, metres)


def across_rim(circle: Json, azimuth: float, metres: float) -> tuple[Json, Json]:
    """Points `metres` inside and outside a circle's rim, in a direction from its centre."""
    radius = circle["radius_km"] * 1000
    near, far = radius - metres, radius + metres
    return _moved(circle["lon"], circle["lat"], azimuth, near), _moved(circle["lon"], circle["lat"], azimuth, far)


def _moved(lon: float, lat: float, azimuth: float, metres: float) -> Json:
    x, y, _ = GEOD.fwd(lon, lat, azimuth, metres)
    return at(round(y, 8), round(x, 8))


def _is_clockwise(ring: list[list[float]]) -> bool:
    doubled = sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in pairwise(ring))
    return doubled > 0
