"""Areas are shared between threads: what one thread does with them must not show on them."""

from __future__ import annotations

import numpy as np
import shapely

from alerts.kernel.geometry import Area
from subscribers.audience.planar_geometry import Plane


def test_asking_about_an_area_does_not_prepare_it() -> None:
    """A prepared geometry builds its indexes when first asked; two threads doing so at once end the process."""
    shared = shapely.box(0.0, 51.0, 1.0, 52.0)
    plane = Plane(shared)
    lat, lon, radius = np.array([51.5, 53.0]), np.array([0.5, 0.5]), np.array([0.0, 10.0])
    assert plane.touch(lat, lon, radius).tolist() == [True, False]
    assert not shapely.is_prepared(shared)


def test_no_question_that_an_area_answers_prepares_it() -> None:
    one, other = shapely.box(0.0, 51.0, 1.0, 52.0), shapely.box(0.5, 51.5, 1.5, 52.5)
    area, beside = Area(one), Area(other)
    assert area.contains_point(51.5, 0.5)
    assert area.distance_m(51.5, 0.5) == 0.0
    assert area.touches(53.0, 0.5, 200_000.0)
    assert area.overlaps(beside)
    assert not area.contains(beside)
    assert area.to_geojson()["type"] == "Polygon"
    assert not shapely.is_prepared(one)
    assert not shapely.is_prepared(other)
