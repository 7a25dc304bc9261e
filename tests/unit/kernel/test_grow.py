"""Growth of an area by some metres."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kernel.geometry import grown, resolve_area


def _square(lat: float, lon: float, half: float) -> dict[str, Any]:
    west, east, south, north = lon - half, lon + half, lat - half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_circle_grows_exactly() -> None:
    circle = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": 0.4}}
    assert grown(resolve_area([circle], lambda _: None), 50.0) == (
        {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": pytest.approx(0.45)}},
    )


@given(st.floats(-70, 70), st.floats(-170, 170), st.floats(20, 2_000))
def test_outline_holds_what_is_nearer_and_not_what_is_farther(lat: float, lon: float, metres: float) -> None:
    before = resolve_area([_square(lat, lon, 0.05)], lambda _: None)
    after = resolve_area(grown(before, metres), lambda _: None)
    north = lat + 0.05
    for share, inside in ((0.9, True), (1.1, False)):
        assert after.contains_point(north + share * metres / 111_320, lon) == inside
    assert after.contains(before)
