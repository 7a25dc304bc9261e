"""Geography of the demonstration: London's boroughs from their outlines, front desks, and population centres.

The desks are an illustration, not an official list: real place names, coordinates to about 100 m, made-up hours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

Json = dict[str, Any]

ALWAYS = "24/7"
DAYS = "Mo-Sa 08:00-20:00"
OFFICE = "Mo-Fr 09:00-17:00; Sa 10:00-16:00"


@dataclass(frozen=True, slots=True)
class Desk:
    """A service point of the story."""

    name: str
    lat: float
    lon: float
    opening_hours: str | None
    closes: bool = False
    """True if the story's service change closes it."""
    kind: str = "front-desk"
    weekly: bool = True
    """For a mobile unit: True if it still comes weekly, False if it stopped last month."""


@dataclass(frozen=True, slots=True)
class Borough:
    """A registered place."""

    slug: str
    name: str
    geometry: Json
    """GeoJSON Polygon or MultiPolygon."""


@dataclass(frozen=True, slots=True)
class Centre:
    """A population centre: position, spread, and weight per thousand residents."""

    name: str
    lat: float
    lon: float
    spread_km: float
    weight: int


def boroughs() -> list[Borough]:
    """Load the 33 London boroughs from the packaged outlines (their notice is in SOURCES.md)."""
    text = resources.files("alerts.demo").joinpath("london-boroughs.geojson").read_text(encoding="utf-8")
    return [
        Borough(slug_of(f["properties"]["name"]), f["properties"]["name"], f["geometry"])
        for f in json.loads(text)["features"]
    ]


def slug_of(name: str) -> str:
    """Make a slug: lower case, hyphens for spaces, no apostrophes (as the contract does for this demonstration)."""
    return name.lower().replace("'", "").replace("’", "").replace(" ", "-")


DESKS: tuple[Desk, ...] = (
    Desk("Charing Cross", 51.5093, -0.1262, ALWAYS),
    Desk("Holborn", 51.5190, -0.1180, DAYS, closes=True),
    Desk("Islington", 51.5345, -0.1080, DAYS),
    Desk("Kentish Town", 51.5500, -0.1405, DAYS, closes=True),
    Desk("Stoke Newington", 51.5610, -0.0740, ALWAYS),
    Desk("Bethnal Green", 51.5270, -0.0550, DAYS, closes=True),
    Desk("Tottenham", 51.5880, -0.0720, DAYS, closes=True),
    Desk("Edmonton", 51.6250, -0.0580, ALWAYS),
    Desk("Colindale", 51.5950, -0.2490, ALWAYS),
    Desk("Wembley", 51.5530, -0.2960, DAYS, closes=True),
    Desk("Harrow", 51.5800, -0.3360, OFFICE, closes=True),
    Desk("Uxbridge", 51.5460, -0.4790, DAYS, closes=True),
    Desk("Acton", 51.5080, -0.2690, ALWAYS),
    Desk("Hammersmith", 51.4927, -0.2235, ALWAYS),
    Desk("Hounslow", 51.4681, -0.3610, DAYS, closes=True),
    Desk("Twickenham", 51.4467, -0.3290, OFFICE, closes=True),
    Desk("Kingston", 51.4123, -0.3007, ALWAYS),
    Desk("Wimbledon", 51.4214, -0.2064, DAYS, closes=True),
    Desk("Lavender Hill", 51.4650, -0.1610, ALWAYS),
    Desk("Brixton", 51.4627, -0.1145, ALWAYS),
    Desk("Walworth", 51.4880, -0.0930, DAYS, closes=True),
    Desk("Peckham", 51.4740, -0.0690, OFFICE),
    Desk("Lewisham", 51.4613, -0.0120, ALWAYS),
    Desk("Croydon", 51.3727, -0.0996, ALWAYS),
    Desk("Bromley", 51.4050, 0.0150, DAYS, closes=True),
    Desk("Plumstead", 51.4890, 0.0880, DAYS, closes=True),
    Desk("Ilford", 51.5590, 0.0740, ALWAYS),
    Desk("Romford", 51.5770, 0.1820, DAYS, closes=True),
    Desk("East Street Library", 51.4886, -0.0912, None, kind="mobile"),
    Desk("Bexleyheath Broadway", 51.4562, 0.1404, None, kind="mobile"),
    Desk("Twickenham Green", 51.4439, -0.3405, None, kind="mobile", weekly=False),
)
"""28 front desks, half of which close, and three stops of a mobile unit, one of them no longer served."""

CENTRES: tuple[Centre, ...] = (
    Centre("Walworth", 51.4875, -0.0925, 1.0, 70),
    Centre("Bermondsey", 51.4980, -0.0700, 0.9, 35),
    Centre("Peckham", 51.4720, -0.0680, 1.1, 35),
    Centre("Brixton", 51.4610, -0.1150, 1.2, 40),
    Centre("Clapham", 51.4640, -0.1480, 1.2, 30),
    Centre("Deptford", 51.4780, -0.0260, 0.9, 22),
    Centre("Lewisham", 51.4600, -0.0130, 1.4, 34),
    Centre("Catford", 51.4450, -0.0200, 1.3, 20),
    Centre("Woolwich", 51.4900, 0.0660, 1.2, 26),
    Centre("Bexleyheath", 51.4560, 0.1400, 2.0, 26),
    Centre("Bromley", 51.4050, 0.0150, 2.0, 30),
    Centre("Orpington", 51.3740, 0.0980, 1.8, 16),
    Centre("Croydon", 51.3740, -0.1000, 1.8, 46),
    Centre("Sutton", 51.3620, -0.1930, 1.6, 24),
    Centre("Wimbledon", 51.4210, -0.2070, 1.5, 28),
    Centre("Tooting", 51.4270, -0.1680, 1.1, 26),
    Centre("Kingston", 51.4110, -0.3000, 1.5, 22),
    Centre("Twickenham", 51.4470, -0.3290, 1.5, 22),
    Centre("Hounslow", 51.4690, -0.3620, 1.7, 28),
    Centre("Southall", 51.5060, -0.3760, 1.3, 26),
    Centre("Uxbridge", 51.5450, -0.4780, 1.8, 20),
    Centre("Harrow", 51.5800, -0.3360, 1.7, 28),
    Centre("Wembley", 51.5540, -0.2900, 1.3, 40),
    Centre("Acton", 51.5090, -0.2700, 1.2, 22),
    Centre("Hammersmith", 51.4930, -0.2240, 1.0, 24),
    Centre("Kensington", 51.5000, -0.1930, 1.0, 22),
    Centre("Paddington", 51.5180, -0.1790, 0.9, 20),
    Centre("Camden Town", 51.5400, -0.1420, 1.0, 30),
    Centre("Finchley", 51.6000, -0.1900, 1.6, 22),
    Centre("Edgware", 51.6130, -0.2760, 1.5, 18),
    Centre("Enfield", 51.6520, -0.0810, 1.8, 22),
    Centre("Edmonton", 51.6240, -0.0600, 1.2, 22),
    Centre("Tottenham", 51.5890, -0.0700, 1.1, 28),
    Centre("Stoke Newington", 51.5620, -0.0760, 0.9, 26),
    Centre("Islington", 51.5380, -0.1030, 1.0, 28),
    Centre("Hackney", 51.5460, -0.0550, 1.1, 32),
    Centre("Bethnal Green", 51.5280, -0.0560, 0.9, 28),
    Centre("Poplar", 51.5090, -0.0180, 1.0, 26),
    Centre("Stratford", 51.5420, -0.0030, 1.3, 60),
    Centre("East Ham", 51.5330, 0.0540, 1.2, 28),
    Centre("Walthamstow", 51.5840, -0.0200, 1.3, 28),
    Centre("Ilford", 51.5590, 0.0720, 1.5, 30),
    Centre("Barking", 51.5390, 0.0810, 1.4, 26),
    Centre("Romford", 51.5760, 0.1820, 2.0, 26),
    Centre("Holborn", 51.5180, -0.1150, 0.7, 12),
    Centre("City", 51.5140, -0.0900, 0.5, 6),
)
