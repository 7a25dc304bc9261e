"""Areas are shared between threads: what one thread does with them must not show on them."""

from __future__ import annotations

import sys
import threading

import numpy as np
import shapely

from alerts.domain.words.geometry import Area
from subscribers.plane import Plane


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


def test_threads_ask_the_same_areas_at_once() -> None:
    """With a prepared polygon this ended the process within a second."""
    turns = np.linspace(0.0, 2 * np.pi, 400)
    ring = np.column_stack([0.5 + np.cos(turns) * 0.3, 51.5 + np.sin(turns) * 0.2])
    ring[-1] = ring[0]
    area, beside = Area(shapely.Polygon(ring)), Area(shapely.box(0.4, 51.4, 1.5, 52.5))
    answers: list[bool] = []

    def ask() -> None:
        for _ in range(60):
            answers.append(area.contains_point(51.5, 0.5) and area.overlaps(beside) and beside.overlaps(area))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert answers == [True] * 240
