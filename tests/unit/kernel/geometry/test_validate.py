"""AREA from outside: every refusal names the field and what to do."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import check_point, resolve_area, validate_area

LONDON = (-0.52, 51.28, 0.34, 51.70)
SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def refused(raw: Any, bounds: tuple[float, float, float, float] | None = None) -> tuple[str, str]:
    with pytest.raises(Invalid) as error:
        validate_area(raw, "area", {"camden", "brent"}, bounds)
    (one,) = error.value.errors
    return one.field, one.message


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        ([], "area", "empty"),
        (3, "area", "GeoJSON Polygon"),
        ({"type": "Point", "coordinates": [0, 0]}, "area", "'Point' is not taken"),
        ({"place": "atlantis"}, "area.place", "known are brent, camden"),
        ([{"place": "camden"}, {"place": 3}], "area.1.place", "no place 3"),
        ({"place": "camden", "radius": 3}, "area.radius", "unknown field"),
        ({"circle": {"lat": 1, "lon": 2}}, "area.circle.radius_km", "missing"),
        ({"circle": {"lat": 1, "lon": 2, "radius_km": -1}}, "area.circle.radius_km", "from 0"),
        ({"circle": {"lat": 1, "lon": 2, "radius_km": True}}, "area.circle.radius_km", "number"),
        ({"circle": {"lat": 91, "lon": 2, "radius_km": 1}}, "area.circle.lat", "from -90 to 90"),
        (polygon([[0, 0], [1, 0], [0, 0]]), "area.coordinates.0", "at least four positions"),
        (polygon([[0, 0], [1, 0], [181, 1], [0, 0]]), "area.coordinates.0.2", "from -180 to 180"),
        (polygon([[0, 0], [1, 0], ["x", 1], [0, 0]]), "area.coordinates.0.2", "[longitude, latitude]"),
        (polygon([[0, 0], [1, 0], [10**400, 1], [0, 0]]), "area.coordinates.0.2", "[longitude, latitude]"),
        (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), "area.coordinates", "encloses no area"),
        (polygon([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]), "area.coordinates", "crosses itself"),
        (polygon(SQUARE, [[2, 2], [3, 2], [3, 3], [2, 2]]), "area.coordinates", "a hole leaves it"),
        (polygon([[-90, 80], [0, 80], [90, 80], [179, 80], [-90, 80]]), "area.coordinates", "pole"),
        ({"type": "MultiPolygon", "coordinates": []}, "area.coordinates", "list of rings"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(raw: Any, field: str, words: str) -> None:
    where, said = refused(raw)
    assert where == field
    assert words in said


def test_swapped_coordinates_are_refused_saying_so() -> None:
    for raw in (
        polygon([[51.5, -0.1], [51.6, -0.1], [51.6, 0.0], [51.5, -0.1]]),
        {"circle": {"lat": -0.1, "lon": 51.5, "radius_km": 1}},
        [{"place": "camden"}, {"circle": {"lat": -0.1, "lon": 51.5, "radius_km": 1}}],
    ):
        assert "swapped" in refused(raw, LONDON)[1]
    with pytest.raises(Invalid, match="swapped"):
        check_point(-0.1, 51.5, "places.0", LONDON)


def test_an_area_elsewhere_or_half_inside_is_not_taken_for_swapped() -> None:
    validate_area({"circle": {"lat": 40.0, "lon": 3.0, "radius_km": 1}}, "area", (), LONDON)
    validate_area(polygon([[-0.1, 51.5], [51.5, 0.0], [51.5, 0.1], [-0.1, 51.5]]), "area", (), LONDON)
    check_point(51.5, -0.1, "", LONDON)


def test_a_small_crossing_is_mended_and_a_large_one_refused() -> None:
    nick = [[0, 0], [1, 0], [1, 1], [0.51, 1], [0.49, 1.01], [0.51, 1.01], [0.49, 1], [0, 1], [0, 0]]
    (mended,) = validate_area(polygon(nick), "area", ())
    shape = shapely.geometry.shape(mended)
    assert shape.is_valid and shape.area == pytest.approx(1.0, abs=0.01)
    lobe = [[0, 0], [1, 0], [1, 1], [0.6, 1], [0.4, 1.3], [0.6, 1.3], [0.4, 1], [0, 1], [0, 0]]
    assert "would be folded or cut off" in refused(polygon(lobe))[1]


def test_a_ring_left_open_is_closed_and_altitudes_are_dropped() -> None:
    (made,) = validate_area(polygon([[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 1, 5]]), "area", ())
    assert made["coordinates"][0] == SQUARE or shapely.equals(shapely.geometry.shape(made), shapely.box(0, 0, 1, 1))


def test_a_tangle_is_refused_quickly() -> None:
    import random

    draw = random.Random(1)
    ring = [[draw.uniform(0, 1), draw.uniform(0, 1)] for _ in range(8000)]
    assert "too often" in refused(polygon([*ring, ring[0]]))[1]


def test_parts_are_a_union() -> None:
    area = resolve_area(
        validate_area([polygon(SQUARE), polygon([[1, 0], [2, 0], [2, 1], [1, 1], [1, 0]])], "area", ()), lambda _: None
    )
    assert area.polygon.area == pytest.approx(2.0)
    overlapping = {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[0.5, 0], [2, 0], [2, 1], [0.5, 1], [0.5, 0]]]]}
    assert resolve_area(validate_area(overlapping, "area", ()), lambda _: None).polygon.area == pytest.approx(2.0)


def test_the_boroughs_pass_unchanged() -> None:
    text = (files("alerts.demo") / "london-boroughs.geojson").read_text()
    for feature in json.loads(text)["features"]:
        (part,) = validate_area(feature["geometry"], "area", (), LONDON)
        assert shapely.equals(shapely.geometry.shape(part), shapely.geometry.shape(feature["geometry"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-180, 180, width=32), st.floats(-90, 90, width=32)), min_size=0, max_size=8))
def test_any_ring_gives_a_valid_area_or_words(points: list[tuple[float, float]]) -> None:
    try:
        parts = validate_area(polygon([list(p) for p in points]), "area", ())
    except Invalid as error:
        assert error.errors
        return
    shape = resolve_area(parts, lambda _: None).polygon
    assert shape.is_valid and shape.area > 0
    west, south, east, north = shape.bounds
    assert -180 <= west <= east <= 180 and -90 <= south <= north <= 90
