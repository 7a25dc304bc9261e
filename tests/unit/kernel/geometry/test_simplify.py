"""Simplification of an area: fewer corners, valid, and nobody who was inside is outside."""

from __future__ import annotations

import math
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.geometry import FINE_M, MOST_CORNERS, Area, detail, resolve_area, simplified, validate_area
from alerts.kernel.geometry.rings import polygon_of

Json = dict[str, Any]
DEGREE_M = 111_320.0


def around(lat: float, lon: float, metres: list[float]) -> list[list[float]]:
    """A ring with a corner in each direction, so many metres from the middle."""
    narrow, ring = math.cos(math.radians(lat)), []
    for index, away in enumerate(metres):
        turn = 2 * math.pi * index / len(metres)
        east = lon + away * math.cos(turn) / DEGREE_M / narrow
        ring.append([(east + 180) % 360 - 180 if abs(east) > 180 else east, lat + away * math.sin(turn) / DEGREE_M])
    return [*ring, ring[0]]


def outline(*rings: list[list[float]]) -> Json:
    return {"type": "Polygon", "coordinates": list(rings)}


def circle(lat: float, lon: float, km: float) -> Json:
    return {"circle": {"lat": lat, "lon": lon, "radius_km": km}}


def shape(parts: list[Json]) -> Area:
    return resolve_area(parts, lambda _: None)


ROUGH = st.lists(st.floats(400, 600), min_size=8, max_size=400)
CIRCLES = st.lists(st.tuples(st.floats(-0.005, 0.005), st.floats(0.05, 0.8)), max_size=6)
LATS, LONS = st.floats(-75, 75), st.floats(-179, 179)


@settings(deadline=None)
@given(LATS, LONS, ROUGH, st.booleans(), CIRCLES)
def test_simplified_area_holds_the_former_one_with_fewer_corners(
    lat: float, lon: float, rough: list[float], with_hole: bool, circles: list[tuple[float, float]]
) -> None:
    rings = [around(lat, lon, rough)] + ([around(lat, lon, [away / 2 for away in rough])] if with_hole else [])
    parts = validate_area(
        [outline(*rings), {"place": "camden"}, *(circle(lat + off, lon, km) for off, km in circles)], "area", {"camden"}
    )
    made = simplified(parts)
    if made is None:
        return
    assert made.corners == detail(made.parts).corners <= 0.9 * detail(parts).corners
    assert {"place": "camden"} in made.parts, "a registered place stays as it is"
    validate_area(made.parts, "area", {"camden"})
    drawn = [polygon_of(part) for part in made.parts if "coordinates" in part]
    assert all(one.is_valid for one in drawn)
    before, after = shape(parts), shape(made.parts)
    assert shapely.covers(after.polygon, before.polygon)
    for corner_lon, corner_lat in shapely.get_coordinates(before.polygon):
        assert after.contains_point(corner_lat, corner_lon)
    for one in before.circles:
        assert after.contains(Area(shapely.MultiPolygon(), (one,)))
    again = simplified(made.parts)
    if again is not None:
        assert again.corners < made.corners
        assert shapely.covers(shape(again.parts).polygon, after.polygon)


@settings(deadline=None)
@given(LATS, LONS, st.integers(60, 3_000))
def test_round_outline_reaches_little_further_and_settles(lat: float, lon: float, corners: int) -> None:
    parts = [outline(around(lat, lon, [1_000.0] * corners))]
    made = simplified(parts)
    assert made is not None and made.corners < 45
    assert made.further_m <= 2.5 * FINE_M
    wide, narrow = shape(made.parts).polygon.area, shape(parts).polygon.area
    assert wide < 1.05 * narrow
    second = simplified(made.parts)
    third = simplified(second.parts) if second is not None else None
    assert third is None, "pressing on does not make it larger and larger"


def test_outline_that_is_as_it_must_be_stays() -> None:
    assert simplified([outline(around(51.5, -0.1, [500.0] * 8))]) is None
    assert simplified([circle(51.5, -0.1, 0.5), {"place": "camden"}]) is None


def test_detail_counts_corners_once_and_finds_the_closest() -> None:
    square = outline([[0.0, 0.0], [0.01, 0.0], [0.01, 0.01], [0.01, 0.01003], [0.0, 0.01], [0.0, 0.0]])
    two = {"type": "MultiPolygon", "coordinates": [square["coordinates"], [around(2, 2, [500.0] * 6)]]}
    found = detail([square, two, circle(1, 1, 0.5), {"place": "camden"}])
    assert found.corners == 5 + 11 + 1
    assert found.closest_m == pytest.approx(0.00003 * DEGREE_M, rel=0.01) and found.close and not found.many


def test_list_of_nearly_the_same_circles_becomes_one() -> None:
    parts = [circle(51.5 + step * 0.00002, -0.1, 0.5) for step in range(3)]
    assert detail(parts).close
    made = simplified(parts)
    assert made is not None and made.corners == 1 and made.further_m <= FINE_M
    after = shape(made.parts)
    for one in shape(parts).circles:
        assert after.contains(Area(shapely.MultiPolygon(), (one,)))


def test_too_many_circles_become_one_outline_that_holds_them() -> None:
    parts = [circle(51.5 + row * 0.003, -0.1 + column * 0.003, 0.5) for row in range(18) for column in range(20)]
    assert detail(parts).many
    made = simplified(parts)
    assert made is not None and made.corners <= MOST_CORNERS
    after = shape(made.parts)
    assert all(after.contains(Area(shapely.MultiPolygon(), (one,))) for one in shape(parts).circles)


def test_coast_of_many_corners_comes_below_the_limit() -> None:
    coast = [5_000.0 + 150 * math.sin(index) + 40 * math.sin(index * 7.3) for index in range(12_000)]
    parts = validate_area(outline(around(58.9, -3.0, coast)), "area", ())
    made = simplified(parts)
    assert made is not None and made.corners <= MOST_CORNERS and made.further_m < 300
    assert shapely.covers(shape(made.parts).polygon, shape(parts).polygon)


def test_far_islands_are_not_smeared() -> None:
    rough = [2_000.0 + 60 * math.sin(index * 7.3) for index in range(900)]
    parts = [outline(around(lat, -3.0, rough)) for lat in (51.0, 58.0)]
    made = simplified(parts)
    assert made is not None and made.further_m < 120, "a hundredth of an island, not of the sea between them"


def test_outline_across_the_antimeridian_loses_nothing() -> None:
    parts = validate_area(outline(around(-17.0, 179.999, [900.0] * 300)), "area", ())
    made = simplified(parts)
    assert made is not None
    assert shapely.covers(shape(made.parts).polygon, shape(parts).polygon)
    west, _, east, _ = shape(made.parts).polygon.bounds
    assert west >= -180 and east <= 180
