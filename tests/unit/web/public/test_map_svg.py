"""Maps: what is drawn, and that nothing written by people is markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.geometry import EMPTY, area_of
from alerts.web.public.map_svg import HEIGHT, WIDTH, Pin, Zone, draw
from tests.support.boroughs import OUTLINES, circle


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
