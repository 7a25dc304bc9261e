"""Residents: 5,000 made-up people from one seed, clustered like a real population. Independent of the product.

Every address is in a domain or number range reserved for fiction (RFC 2606; Ofcom's numbers for drama).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from alerts.demo.london import CENTRES, Borough

Json = dict[str, Any]

RADII_KM = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0)
"""Radii offered at sign-up."""
TOPICS = ("safety", "weather", "health", "transport", "utilities", "service-changes", "crime-prevention", "community")
LONDON = ZoneInfo("Europe/London")
CONSENT_WORDING = "I agree to get alerts about the places and topics I chose (demonstration)."
PHONES = 980
"""Residents of the crowd with a telephone.

Ofcom reserves 1,000 mobile numbers for drama; the named residents use the rest.
"""

DEVICE_OF = 12
"""Every n-th resident of the crowd has a browser with notifications."""

GIVEN = (
    "Ada Aled Amina Anika Arjun Beata Bilal Bronwen Carys Chidi Dafydd Daisy Deepa Dylan Elif Emeka Esther Fatima "
    "Femi Freya George Grace Hamza Hannah Ines Ioan Isla Jakub Jamal Jaya Joanna Kasia Kofi Leila Lewis Magda "
    "Marek Mei Megan Musa Nadia Ngozi Noor Oliwia Omar Owen Paulina Priya Rahim Rosa Ruth Sami Sanjay Sian Tariq "
    "Teresa Tomasz Uche Wanda Yusuf Zainab Zofia"
).split()
FAMILY = (
    "Abbott Adeyemi Ahmed Ali Baker Begum Bevan Bhatt Brown Campbell Chen Clarke Cooper Costa Davies Diallo Evans "
    "Fraser Garcia Gill Green Griffiths Hall Haque Hughes Hussain Iqbal Jackson James Jones Kaur Khan Kowalska "
    "Lee Lewis Mensah Miah Morgan Mwangi Nowak Okafor Osei Owen Patel Pereira Price Rahman Rees Roberts Shah "
    "Singh Smith Taylor Thomas Walker Wright Yilmaz Zielinska"
).split()


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident: the body posted to the API, and the events of the story."""

    key: str
    body: Json
    """Body of POST /api/v1/subscribers, without the push subscription, which the player gets from the inbox."""
    device: str = ""
    """Browser with notifications: the end of its push endpoint in the inbox; "" for none."""
    paused: bool = False
    """Paused by PATCH after sign-up."""
    by_form: bool = False
    """Signs up by the public form and the link in the confirmation, not by the API."""
    moves_to: Json | None = None
    """Place added while the smoke alert is live."""
    name: str = ""
    note: str = ""
    """Reason for naming the resident; empty for the crowd."""
    expects: dict[str, str] = field(default_factory=dict)
    """Telling's key → delivery state, or `-` for none. Written by hand, independent of the oracle's computation."""

    @property
    def addresses(self) -> dict[str, str]:
        """Contact points by channel; for push the end of the endpoint."""
        found = {c: self.body[f] for c, f in (("email", "email"), ("sms", "phone")) if f in self.body}
        return {**found, "push": self.device} if self.device else found


def mailbox_of(to: str) -> str:
    """Recipient as in `Resident.addresses`: for an endpoint its end."""
    return to.rpartition("/")[2]


def quiet_around(start: datetime) -> Json:
    """Quiet hours on London's clock from three hours before `start` to nine hours after it."""
    return _hours(start - timedelta(hours=3), start + timedelta(hours=9))


def quiet_elsewhen(start: datetime) -> Json:
    """Quiet hours outside the duration of the story: the other half of the clock."""
    return _hours(start + timedelta(hours=9), start - timedelta(hours=3))


def digest_timezone(start: datetime) -> str:
    """Time zone in which no digest is due during the story: London, unless it is about 08:00 there."""
    return "Pacific/Auckland" if 6 <= start.astimezone(LONDON).hour < 9 else "Europe/London"


def crowd(boroughs: list[Borough], count: int, seed: int, start: datetime) -> list[Resident]:
    """Generate `count` residents, the same for the same seed, except for times relative to `start`."""
    random = Random(seed)
    inside = _Inside(boroughs)
    with_phone = set(random.sample(range(count), min(PHONES, count // 5)))
    with_device = set(Random(seed + 1).sample(range(count), count // DEVICE_OF))
    phones = iter(range(PHONES))
    return [
        Resident(
            f"r{i:04}",
            _body(i, random, inside, start, next(phones) if i in with_phone else None),
            device=f"r{i:04}" if i in with_device else "",
            paused=_paused(random),
        )
        for i in range(count)
    ]


def _body(number: int, random: Random, inside: _Inside, start: datetime, phone: int | None) -> Json:
    given, family = random.choice(GIVEN), random.choice(FAMILY)
    body: Json = {
        "language": random.choices(("en", "cy", "pl", "ur", "ar"), (78, 3, 8, 6, 5))[0],
        "places": _places(random, inside),
        "frequency": random.choices(("immediate", "daily", "weekly"), (80, 14, 6))[0],
        "danger_to_life": random.random() > 0.04,
        "confirmed": True,
        "consent": {"wording": CONSENT_WORDING, "given_at": start.isoformat(), "how": "demonstration"},
    }
    if phone is None or random.random() < 0.6:
        body["email"] = f"{given}.{family}.{number}@residents.example".lower()
    if phone is not None:
        body["phone"] = f"+447700900{phone:03}"
    if random.random() < 0.012:
        # Wants a channel without having a contact point on it: due, and counted as unreachable.
        body["channels"] = ["sms"] if "email" in body and "phone" not in body else ["email"]
        body.pop("phone" if body["channels"] == ["sms"] else "email", None)
    elif len([k for k in ("email", "phone") if k in body]) == 2 and random.random() < 0.3:
        body["channels"] = [random.choice(("email", "sms"))]
    if random.random() < 0.45:
        body["topics"] = random.sample(TOPICS, random.choice((1, 2, 3, 4)))
    if random.random() < 0.3:
        body["severity_at_least"] = random.choice(("Minor", "Moderate", "Severe", "Extreme"))
    if random.random() < 0.15:
        body["quiet_hours"] = quiet_around(start) if random.random() < 0.5 else quiet_elsewhen(start)
        if body["danger_to_life"] and random.random() < 0.3:
            body["quiet_hours"]["wake_for"] = "emergency"
    if body["frequency"] != "immediate":
        body["timezone"] = digest_timezone(start)
        body.pop("quiet_hours", None)  # the digest's zone may differ from the one those hours were written for
    return body


def _places(random: Random, inside: _Inside) -> list[Json]:
    kind = random.random()
    if kind < 0.03:
        return []
    if kind < 0.09:
        return [{"place": random.choice(inside.slugs)}]
    if kind < 0.11:
        lat, lon = inside.home(random)
        return [{"area": _square(lat, lon, random.uniform(0.4, 1.5)), "name": "drawn"}]
    count = random.choices((1, 2, 3), (82, 14, 4))[0]
    return [_circle(random, inside, name) for name in ("home", "work", "mother")[:count]]


def _circle(random: Random, inside: _Inside, name: str) -> Json:
    lat, lon = inside.home(random)
    radius = random.choices(RADII_KM, (6, 4, 8, 14, 8, 20, 10, 14, 8, 3, 4, 1))[0]
    return {"lat": lat, "lon": lon, "radius_km": radius, "name": name}


def _paused(random: Random) -> bool:
    return random.random() < 0.01


def _square(lat: float, lon: float, half_km: float) -> Json:
    dy, dx = half_km / 111.2, half_km / (111.2 * math.cos(math.radians(lat)))
    ring = [
        [lon - dx, lat - dy],
        [lon + dx, lat - dy],
        [lon + dx, lat + dy],
        [lon - dx, lat + dy],
        [lon - dx, lat - dy],
    ]
    return {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in ring]]}


def _hours(since: datetime, until: datetime) -> Json:
    return {"from": f"{since.astimezone(LONDON):%H:%M}", "to": f"{until.astimezone(LONDON):%H:%M}"}


class _Inside:
    """Draws homes: a weighted centre with a normal spread around it, only within London."""

    def __init__(self, boroughs: list[Borough]) -> None:
        import shapely
        from shapely.geometry import shape

        self.slugs = [b.slug for b in boroughs]
        self._london = shapely.union_all([shape(b.geometry) for b in boroughs])
        shapely.prepare(self._london)
        self._weights = [c.weight for c in CENTRES]

    def home(self, random: Random) -> tuple[float, float]:
        """Draw a position (lat, lon), rounded to about a metre."""
        import shapely

        while True:
            centre = random.choices(CENTRES, self._weights)[0]
            lat = centre.lat + random.gauss(0, centre.spread_km) / 111.2
            lon = centre.lon + random.gauss(0, centre.spread_km) / (111.2 * math.cos(math.radians(centre.lat)))
            if shapely.contains_xy(self._london, lon, lat):
                return round(lat, 5), round(lon, 5)
