"""Place look-up: what people type, and what they may mean by it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.reference_data import PlaceState
from alerts.gazetteer import PlaceLookup, Postcodes, RegisteredPlaces, WorldPlaces
from alerts.kernel.geometry import EMPTY, area_of


def _square(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


class _Register:
    def places(self) -> list[PlaceState]:
        names = {"southwark": {"en": "Southwark"}, "tower-hamlets": {"en": "Tower Hamlets", "cy": "Hamledi'r Tŵr"}}
        areas = {
            "southwark": _square(-0.11, 51.42, -0.03, 51.51),
            "tower-hamlets": _square(-0.08, 51.511, 0.01, 51.545),
        }
        return [
            PlaceState(id=UUID(int=1), slug=slug, version=1, name=name, geometry=areas[slug])
            for slug, name in names.items()
        ]


@pytest.fixture(scope="module")
def lookup() -> PlaceLookup:
    return PlaceLookup(RegisteredPlaces(_Register(), "en"))


@pytest.mark.parametrize("typed", ["SE17 1RW", "se171rw", " Se17  1rW ", "S E 1 7 1 R W", "SE17-1RW"])
def test_full_postcode_in_any_spelling(lookup: PlaceLookup, typed: str) -> None:
    [found] = lookup.find(typed, "en")
    assert (found.kind, found.words) == ("postcode", "SE17 1RW, Southwark")
    assert found.lat == pytest.approx(51.489, abs=0.01) and found.lon == pytest.approx(-0.094, abs=0.01)


@pytest.mark.parametrize(("typed", "code"), [("se5", "SE5"), ("E1W", "E1W"), ("w1t", "W1T"), ("ec1a", "EC1A")])
def test_outward_code_is_its_middle(lookup: PlaceLookup, typed: str, code: str) -> None:
    [found] = lookup.find(typed, "en")
    assert (found.kind, found.label) == ("district", code)


def test_postcodes_with_a_letter_in_the_middle(lookup: PlaceLookup) -> None:
    assert [c.label for c in lookup.find("w1t1ab", "en")] == ["W1T 1AB"]


@pytest.mark.parametrize("typed", ["SE17 9ZZ", "ZZ1 1ZZ", "", "   ", "x" * 10_000, "\u202e", "<b>", "999,999"])
def test_unknown_input_finds_nothing(lookup: PlaceLookup, typed: str) -> None:
    assert lookup.find(typed, "en") == []


def test_registered_place_by_any_of_its_names(lookup: PlaceLookup) -> None:
    for typed in ("Southwark", "southwark", "SOUTHWARK "):
        assert [c.place for c in lookup.find(typed, "en")] == ["southwark"]
    [found] = lookup.find("hamledir twr", "en")
    assert (found.place, found.label) == ("tower-hamlets", "Tower Hamlets")
    assert lookup.find("Tower-Hamlets", "cy")[0].label == "Hamledi'r Tŵr"
    assert lookup.find("hamlets", "en")[0].place == "tower-hamlets"


def test_town_of_the_world_with_its_country(lookup: PlaceLookup) -> None:
    found = lookup.find("Cardiff", "en")
    assert found[0].words == "Cardiff, United Kingdom"
    assert lookup.find("القاهرة", "ar")[0].within == "مصر"
    assert len(lookup.find("San", "en")) > 1


def test_position_in_european_and_arabic_digits(lookup: PlaceLookup) -> None:
    for typed in ("51.488,-0.093", "51.488 -0.093", "٥١٫٤٨٨, -٠٫٠٩٣"):
        [found] = lookup.find(typed, "en")
        assert (found.lat, found.lon, found.within) == (51.488, -0.093, "Southwark")


def test_towns_near_an_area_wherever_it_is(lookup: PlaceLookup) -> None:
    wembley = area_of([{"circle": {"lat": 51.556, "lon": -0.296, "radius_km": 0.5}}], lambda _: None)
    assert "Wembley" in lookup.towns_near(wembley, 2_000)
    assert "Croydon" not in lookup.towns_near(wembley, 2_000)
    north = area_of([{"circle": {"lat": 51.58, "lon": -0.296, "radius_km": 0.5}}], lambda _: None)
    assert "Wembley" not in lookup.towns_near(north, 500), "two kilometres away"
    suva = area_of([{"circle": {"lat": -18.1416, "lon": 178.4415, "radius_km": 400.0}}], lambda _: None)
    assert "Suva" in lookup.towns_near(suva, 0), "an area over the antimeridian"
    world = area_of([{"circle": {"lat": 50.0, "lon": 10.0, "radius_km": 1_500.0}}], lambda _: None)
    assert lookup.towns_near(world, 0) == [] == lookup.towns_near(EMPTY, 2_000)


def test_absent_extras_are_not_offered() -> None:
    postcodes, world = Postcodes(), WorldPlaces()
    postcodes.available = world.available = False
    lookup = PlaceLookup(RegisteredPlaces(_Register(), "en"), postcodes, world)
    assert lookup.find("SE17 1RW", "en") == [] and lookup.find("Cardiff", "en") == []
    assert lookup.find("Southwark", "en")


_LOOKUP = PlaceLookup(RegisteredPlaces(_Register(), "en"))


@given(st.text(max_size=120))
@settings(deadline=None)
def test_any_text_gives_few_candidates(typed: str) -> None:
    assert len(_LOOKUP.find(typed, "en")) <= 8
