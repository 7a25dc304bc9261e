"""The judge itself: geometry against distances known by construction, and the named residents' hand-written fates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from pyproj import Geod

from alerts.demo import geodesy
from alerts.demo.geodesy import Shape, all_of, any_of, at_most, shape_of
from alerts.demo.judge import title_for
from alerts.demo.london import DESKS, boroughs
from alerts.demo.named import MOVER, across_edge, across_rim, named_residents
from alerts.demo.oracle import Expected, Oracle, PlacedDesk
from alerts.demo.residents import crowd
from alerts.demo.story import SMOKE_FIRST, WATER, polygon, tellings

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


def test_an_edge_decides_within_two_metres_and_leaves_one_metre_open() -> None:
    area = Shape(polygon(SMOKE_FIRST))
    for edge in range(len(SMOKE_FIRST) - 1):
        inside, outside = across_edge(SMOKE_FIRST, edge, 2.0)
        assert area.signed_distance(inside["lat"], inside["lon"]) == pytest.approx(-2, abs=0.05)
        assert area.signed_distance(outside["lat"], outside["lon"]) == pytest.approx(2, abs=0.05)
        assert area.touches_disc(inside["lat"], inside["lon"], 0) is True
        assert area.touches_disc(outside["lat"], outside["lon"], 0) is False
        assert area.touches_disc(outside["lat"], outside["lon"], 2.5) is None
        assert area.touches_disc(outside["lat"], outside["lon"], 4) is True


def test_a_rim_is_a_geodesic_away() -> None:
    inside, outside = across_rim(WATER, 77.0, 2.0)
    limit = WATER["radius_km"] * 1000
    for point, holds in ((inside, True), (outside, False)):
        assert at_most(geodesy.metres(point["lat"], point["lon"], WATER["lat"], WATER["lon"]), limit) is holds


def test_distance_to_a_polygons_corner() -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 51], [0.1, 51], [0.1, 51.1], [0, 51.1], [0, 51]]]}
    lon, lat = 0.13, 51.12
    expected = Geod(ellps="WGS84").inv(lon, lat, 0.1, 51.1)[2]
    assert Shape(square).signed_distance(lat, lon) == pytest.approx(expected, abs=0.1)


def test_holes_are_outside() -> None:
    ring = [[0, 51], [0.1, 51], [0.1, 51.1], [0, 51.1], [0, 51]]
    hole = [[0.04, 51.04], [0.06, 51.04], [0.06, 51.06], [0.04, 51.06], [0.04, 51.04]]
    area = Shape({"type": "Polygon", "coordinates": [ring, hole]})
    assert area.touches_disc(51.05, 0.05, 100) is False
    assert area.touches_disc(51.05, 0.05, 2000) is True


def test_no_borough_overlaps_another_though_many_share_an_edge() -> None:
    shapes = [shape_of(b.geometry) for b in boroughs()]
    pairs = list(combinations(shapes, 2))
    assert sum(a.geometry.touches(b.geometry) for a, b in pairs) > 60
    assert not any(a.overlaps(b) for a, b in pairs)


def test_three_values() -> None:
    assert any_of([False, None]) is None
    assert any_of([None, True]) is True
    assert all_of([True, None]) is None
    assert all_of([None, False]) is False
    assert at_most(1000.5, 1000) is None
    assert at_most(1002, 1000) is False


def judged(start: datetime, count: int) -> tuple[dict[str, Expected], Oracle]:
    people = [*named_residents(start), *crowd(boroughs(), count, 5, start)]
    desks = [PlacedDesk(f"{number:04}", desk) for number, desk in enumerate(DESKS)]
    oracle, found = Oracle(boroughs(), desks, people, start), dict[str, Expected]()
    for telling in tellings():
        if telling.key == "market":
            oracle.left("tom")
        found[telling.key] = oracle.expected(telling, found)
        if telling.key == "smoke":
            oracle.moved(MOVER)
            oracle.late(next(p for p in people if p.key == MOVER), telling, found["smoke"])
    return found, oracle


def test_the_named_residents_meet_the_fates_written_for_them() -> None:
    found, _ = judged(NOON, 0)
    for person in named_residents(NOON):
        for key, fate in person.expects.items():
            states = {state for contact, state in found[key].must.items() if contact[0] == person.key}
            if fate == "superseded":
                assert states == {"held"}, (person.name, key)  # until the thread goes on
            elif fate in ("-", "unreachable"):
                assert not states, (person.name, key)
                assert (person.key in found[key].unreachable) is (fate == "unreachable")
            else:
                assert states == {fate}, (person.name, key)


@pytest.mark.parametrize("hour", [0, 1, 2, 6, 7, 8, 11, 17, 22, 23])
def test_the_outcome_is_the_same_at_any_hour_even_when_the_clocks_change(hour: int) -> None:
    """29 March 2026, 01:00 UTC: London's clocks go forward in the middle of the first runs."""
    there, _ = judged(NOON - timedelta(days=20), 150)
    here, _ = judged(NOON + timedelta(hours=12 + hour), 150)
    assert {k: (e.must, e.people, e.unreachable) for k, e in here.items()} == {
        k: (e.must, e.people, e.unreachable) for k, e in there.items()
    }


def test_alternatives_are_the_nearest_points_still_served() -> None:
    _, oracle = judged(NOON, 0)
    efua = next(p for p in named_residents(NOON) if p.key == "efua")
    near = oracle.alternatives(efua)
    assert near is not None
    assert [name for name, _ in near] == ["East Street Library", "Peckham", "Brixton"]
    assert [metres for _, metres in near] == sorted(metres for _, metres in near)
    hana = next(p for p in named_residents(NOON) if p.key == "hana")
    assert "Twickenham Green" not in [name for name, _ in oracle.alternatives(hana) or ()]


def test_words_are_chosen_by_primary_subtag_then_default() -> None:
    smoke = next(t for t in tellings() if t.key == "smoke")
    assert title_for(smoke, "pl").startswith("Pożar")
    assert title_for(smoke, "ar") == title_for(smoke, "en") == smoke.words["en-GB"].title
