"""London boroughs as registered places, and circles among them."""

from __future__ import annotations

from typing import Any

from alerts.demo import london
from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import Area, area_of
from alerts.kernel.ids import derived_id


def place(slug: str, name: str, geometry: dict[str, Any]) -> PlaceState:
    names = {"en": name, "cy": f"{name} (cy)"}
    return PlaceState(id=derived_id("place", slug), slug=slug, version=1, name=names, geometry=geometry)


PLACES = [place(b.slug, b.name, b.geometry) for b in london.boroughs()]


OUTLINES = {place.slug: area_of([place.geometry], lambda _: None) for place in PLACES}


def circle(lat: float, lon: float, km: float) -> Area:
    return area_of([{"circle": {"lat": lat, "lon": lon, "radius_km": km}}], OUTLINES.get)
