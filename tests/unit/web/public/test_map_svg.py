"""Maps and the same in words: what is drawn, what is named, and that nothing written by people is markup."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.demo import london
from alerts.domain.place_names import names_of, where
from alerts.domain.reference_data import PlaceState
from alerts.kernel.geometry import EMPTY, Area, area_of
from alerts.kernel.ids import derived_id
from alerts.web.public.map_svg import HEIGHT, WIDTH, Pin, Zone, draw


def place(slug: str, name: str, geometry: dict[str, Any]) -> PlaceState:
    names = {"en": name, "cy": f"{name} (cy)"}
    return PlaceState(id=derived_id("place", slug), slug=slug, version=1, name=names, geometry=geometry)


PLACES = [place(b.slug, b.name, b.geometry) for b in london.boroughs()]
OUTLINES = {place.slug: area_of([place.geometry], lambda _: None) for place in PLACES}


def circle(lat: float, lon: float, km: float) -> Area:
    return area_of([{"circle": {"lat": lat, "lon": lon, "radius_km": km}}], OUTLINES.get)


@pytest.mark.parametrize(
    ("area", "words"),
    [
        (circle(51.4880, -0.0930, 0.4), "Southwark"),
        (circle(51.4880, -0.1080, 0.6), "Lambeth, Southwark"),
        (area_of([{"place": "camden"}], OUTLINES.get), "Camden"),  # neighbours share an edge and are not meant
        (circle(48.85, 2.35, 5), ""),
        (EMPTY, ""),
        (None, ""),
    ],
)
def test_where_names_the_places_it_lies_in_the_largest_share_first(area: Area | None, words: str) -> None:
    assert where(area, PLACES, OUTLINES.get, "en") == words


def test_where_stays_short_and_speaks_the_language() -> None:
    all_over = where(circle(51.51, -0.1, 8), PLACES, OUTLINES.get, "cy-GB")
    assert re.fullmatch(r".* \(cy\), .* \(cy\), .* \(cy\) \+ \d+", all_over)
    assert names_of(["camden", "gone"], PLACES, "en") == ["Camden", "gone"]


def test_a_map_shows_land_zones_and_pins_in_its_frame() -> None:
    zones = [Zone("severe", circle(51.488, -0.093, 0.4), "Gas <leak>"), Zone("moderate", OUTLINES["camden"], "Water")]
    svg = draw(
        OUTLINES.values(), zones, [Pin("open", 51.4627, -0.1145, "Brixton"), Pin("closing", 51.488, -0.09)], "A & B"
    )
    assert svg is not None
    root = ElementTree.fromstring(str(svg))
    assert root.get("aria-label") == "A & B" and root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    [round_] = root.findall("circle")
    assert float(round_.get("r", "0")) >= 6, "however small on the map, it is seen"
    assert [text.text for text in root.iter("text")] == ["Brixton", "Gas <leak>", "Water"]
    assert len(svg) < 40_000


def test_without_anything_to_show_there_is_no_map() -> None:
    assert draw([], [], [], "x") is None
    assert draw([EMPTY], [Zone("severe", EMPTY)], [], "x") is None
    assert draw(OUTLINES.values(), [], [], "London") is not None


def test_an_area_across_the_antimeridian_is_drawn_whole_and_near() -> None:
    fiji = area_of(
        [
            {"type": "Polygon", "coordinates": [[[179, -18], [180, -18], [180, -17], [179, -17], [179, -18]]]},
            {"type": "Polygon", "coordinates": [[[-180, -18], [-179, -18], [-179, -17], [-180, -17], [-180, -18]]]},
        ],
        OUTLINES.get,
    )
    svg = str(draw([], [Zone("severe", fiji)], [], "Fiji"))
    numbers = [int(x) for x in re.findall(r"[ML](-?\d+) ", svg)]
    assert min(numbers) >= 0 and max(numbers) <= WIDTH
    assert max(numbers) - min(numbers) > WIDTH / 3


@settings(max_examples=40, deadline=None)
@given(st.floats(-84, 84), st.floats(-180, 180), st.floats(0.01, 500))
def test_any_circle_can_be_drawn(lat: float, lon: float, km: float) -> None:
    svg = draw([], [Zone("minor", circle(lat, lon, km), "x")], [Pin("open", lat, lon, "y")], "z")
    drawn = ElementTree.fromstring(str(svg)).find("circle")
    assert drawn is not None
    assert 0 <= float(drawn.get("cx", "-1")) <= WIDTH and 0 <= float(drawn.get("cy", "-1")) <= HEIGHT
