"""Areas: distances on the ellipsoid, what touches, what overlaps (RULES 9)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import Polygon, box

from alerts.kernel.geometry import Area, Circle, resolve_area, same_outline
from alerts.kernel.geometry.geodesy import disc_error, distance, is_within, mercator_discs, mercator_y
from tests.support.polygon_distance import distance_to_polygon

GEOD = Geod(ellps="WGS84")


def star(lat: float, lon: float, size: float, corners: int, seed: int) -> Polygon:
    """A random polygon that does not cross itself."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    radii = size * rng.uniform(0.3, 1.0, corners)
    x, y = lon + radii * np.cos(angles) / math.cos(math.radians(lat)), lat + radii * np.sin(angles)
    return Polygon(np.column_stack([x, y]))


@settings(max_examples=40, deadline=None)
@given(
    lat=st.floats(-70, 70),
    lon=st.floats(-170, 170),
    size=st.sampled_from([0.005, 0.05, 0.5]),
    corners=st.integers(3, 12),
    seed=st.integers(0, 1000),
    away=st.floats(0.1, 3.0),
    bearing=st.floats(0, 360),
)
def test_distance_to_a_polygon_is_the_geodesic(
    lat: float, lon: float, size: float, corners: int, seed: int, away: float, bearing: float
) -> None:
    polygon = star(lat, lon, size, corners, seed)
    at_lat = lat + size * away * math.cos(math.radians(bearing))
    at_lon = lon + size * away * math.sin(math.radians(bearing)) / math.cos(math.radians(lat))
    ours = Area(polygon).distance_m(at_lat, at_lon)
    reference = distance_to_polygon(at_lat, at_lon, polygon)
    assert ours == pytest.approx(reference, abs=0.02, rel=1e-5)


def test_a_long_edge_is_straight_in_degrees_not_a_great_circle() -> None:
    # the parallel 50 N lies some 10 km south of the great circle between these ends at its middle
    area = Area(box(0.0, 50.0, 8.0, 51.0))
    assert area.distance_m(49.99, 4.0) == pytest.approx(distance(49.99, 4.0, 50.0, 4.0), abs=0.5)
    assert area.touches(50.0, 4.0)


def test_an_edge_counts_as_inside_and_a_hole_is_outside() -> None:
    area = Area(Polygon([(0, 0), (1, 0), (1, 1), (0, 1)], [[(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]]))
    assert area.contains_point(0.5, 0.0) and area.contains_point(0.4, 0.5)
    assert not area.contains_point(0.5, 0.5)
    assert area.distance_m(0.5, 0.5) == pytest.approx(distance(0.5, 0.5, 0.4, 0.5), rel=0.01)


def test_circles_are_measured_along_the_ellipsoid() -> None:
    lon, lat, _ = GEOD.fwd(-0.1, 51.5, 70.0, 2000.0)
    area = resolve_area([{"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 1.5}}], lambda _: None)
    assert area.distance_m(lat, lon) == pytest.approx(500.0, abs=1e-6)
    assert area.touches(lat, lon, 500.0)
    assert not area.touches(lat, lon, 499.9)


def test_neighbours_that_share_an_edge_do_not_overlap() -> None:
    left, right = Area(box(0, 0, 1, 1)), Area(box(1, 0, 2, 1))
    assert left.polygon.intersects(right.polygon)
    assert not left.overlaps(right)
    assert left.overlaps(Area(box(0.999, 0, 2, 1)))
    assert left.overlaps(Area(box(0.2, 0.2, 0.3, 0.3))) and Area(box(0.2, 0.2, 0.3, 0.3)).overlaps(left)


def test_a_circle_overlaps_a_polygon_within_its_radius() -> None:
    place = Area(box(0, 0, 1, 1))
    gap = distance(0.5, 1.1, 0.5, 1.0)
    assert place.overlaps(Area(shapely.MultiPolygon(), (Circle(0.5, 1.1, gap + 5),)))
    assert not place.overlaps(Area(shapely.MultiPolygon(), (Circle(0.5, 1.1, gap - 5),)))


def test_containment_holds_for_edges_and_circles() -> None:
    whole = Area(box(0, 0, 1, 1))
    assert whole.contains(Area(box(0, 0, 1, 0.5)))
    assert not whole.contains(Area(box(0.5, 0.5, 1.5, 0.6)))
    assert whole.contains(Area(shapely.MultiPolygon(), (Circle(0.5, 0.5, 50_000),)))
    assert not whole.contains(Area(shapely.MultiPolygon(), (Circle(0.5, 0.5, 60_000),)))
    assert not whole.contains(Area(shapely.MultiPolygon()))


def test_across_the_antimeridian() -> None:
    raw = {"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]}
    from alerts.kernel.geometry import validate_area

    area = resolve_area(validate_area(raw, "area", ()), lambda _: None)
    assert area.bounds == (179.0, 0.0, -179.0, 1.0)
    assert all(area.contains_point(0.5, lon) for lon in (179.5, 180.0, -180.0, -179.5))
    assert not area.contains_point(0.5, 0.0)
    assert area.distance_m(0.5, -178.9) == pytest.approx(distance(0.5, -178.9, 0.5, -179.0), rel=1e-4)
    circle = Area(shapely.MultiPolygon(), (Circle(0.5, 179.99, 5000.0),))
    assert circle.touches(0.5, -179.99) and circle.bounds[0] > circle.bounds[2]


def test_geojson_of_circles_lies_on_them() -> None:
    shape = Area(shapely.MultiPolygon(), (Circle(51.5, -0.1, 1000.0),)).to_geojson()
    ring = shape["coordinates"][0]
    assert len(ring) == 65 and ring[0] == ring[-1]
    assert all(distance(51.5, -0.1, lat, lon) == pytest.approx(1000.0, abs=1e-3) for lon, lat in ring)


@pytest.mark.parametrize("lat", [0.0, 35.0, -51.5, 65.0, 79.0])
@pytest.mark.parametrize("radius_m", [200.0, 5_000.0, 90_000.0])
def test_discs_in_the_plane_are_as_round_as_promised(lat: float, radius_m: float) -> None:
    bearings = np.linspace(-180, 180, 361)
    fill = np.ones_like(bearings)
    lons, lats, _ = GEOD.fwd(0 * fill, lat * fill, bearings, radius_m * fill)
    y, radius = mercator_discs(np.array(lat), np.array(radius_m))
    away = np.hypot(np.asarray(lons), mercator_y(np.asarray(lats)) - y)
    assert np.abs(away / radius - 1).max() <= float(disc_error(np.array(lat), np.array(radius_m))) + 1e-9


def test_an_empty_area_touches_nothing() -> None:
    empty = Area(shapely.MultiPolygon())
    assert empty.empty and empty.distance_m(0, 0) == math.inf and not empty.overlaps(Area(box(0, 0, 1, 1)))


@given(
    lat=st.floats(-89.9, 89.9),
    lon=st.floats(-180, 180),
    bearing=st.floats(0, 360),
    away=st.floats(0, 19_000_000) | st.floats(0, 2000),
    part=st.floats(0.98, 1.02) | st.floats(0, 3),
)
def test_near_enough_is_what_the_geodesic_says(
    lat: float, lon: float, bearing: float, away: float, part: float
) -> None:
    there_lon, there_lat, _ = GEOD.fwd(lon, lat, bearing, away)
    metres = part * away
    assert is_within(lat, lon, there_lat, there_lon, metres) == (distance(lat, lon, there_lat, there_lon) <= metres)


def test_outline_is_the_same_wherever_its_rings_begin() -> None:
    ring = [[0.0, 51.0], [0.1, 51.0], [0.1, 51.1], [0.0, 51.0]]
    other = [[1.0, 51.0], [1.1, 51.0], [1.1, 51.1], [1.0, 51.0]]
    one = {"type": "MultiPolygon", "coordinates": [[ring], [other]]}
    turned = {"type": "MultiPolygon", "coordinates": [[other], [[*ring[1:], ring[1]]]]}
    assert same_outline(one, turned)
    assert not same_outline(one, {"type": "Polygon", "coordinates": [ring]})
