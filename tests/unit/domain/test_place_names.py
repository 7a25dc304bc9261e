"""Place names of an area, in words."""

from __future__ import annotations

import re

import pytest
from msgspec import structs

from alerts.domain.place_names import place_name, where
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
    assert where(area, PLACES, OUTLINES.get, "en", "en") == words


def test_where_stays_short_and_speaks_the_language() -> None:
    all_over = where(circle(51.51, -0.1, 8), PLACES, OUTLINES.get, "cy-GB", "en")
    assert re.fullmatch(r".* \(cy\), .* \(cy\), .* \(cy\) \+ \d+", all_over)


def test_the_default_language_comes_before_the_first_name() -> None:
    camden = structs.replace(next(p for p in PLACES if p.slug == "camden"), name={"cy": "C", "pl": "P", "en": "E"})
    assert where(OUTLINES["camden"], [camden], OUTLINES.get, "ur", "pl") == "P"
    assert where(OUTLINES["camden"], [camden], OUTLINES.get, "ur", "ar") == "C"


def test_a_place_without_a_name_is_called_by_its_slug() -> None:
    camden = structs.replace(next(p for p in PLACES if p.slug == "camden"), name={})
    assert place_name(camden, "en", "en") == "camden"
