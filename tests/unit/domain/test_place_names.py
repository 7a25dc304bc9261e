"""Place names of an area, in words."""

from __future__ import annotations

import re

import pytest

from alerts.domain.place_names import names_of, where
from alerts.kernel.geometry import EMPTY, Area, area_of
from tests.support.boroughs import OUTLINES, PLACES, circle


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
