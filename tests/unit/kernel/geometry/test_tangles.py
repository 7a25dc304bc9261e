"""Outlines that cross each other too often: refused where they are drawn, answered without an overlay elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import area_of, validate_area
from alerts.kernel.geometry.rings import are_tangled, polygon_of
from alerts.kernel.geometry.validate import usable_parts


def comb(teeth: int, *, turned: bool = False) -> dict[str, Any]:
    """A comb with its teeth upwards, or to the right."""
    points: list[list[float]] = []
    for tooth in range(teeth):
        left, right = tooth / teeth, (tooth + 0.5) / teeth
        points += [[left, 0.0], [left, 1.0], [right, 1.0], [right, 0.0]]
    points += [[1.0, 0.0], [1.0, -0.1], [0.0, -0.1], [0.0, 0.0]]
    return {"type": "Polygon", "coordinates": [[[y, x] for x, y in points] if turned else points]}


def hatch(lines: int) -> dict[str, Any]:
    """Slanting stripes: the boxes of all edges meet, though no edge crosses another."""
    points: list[list[float]] = []
    for line in range(lines):
        x, wide = line / lines, 0.2 / lines
        points += [[x, 0.0], [x + 1, 1.0], [x + 1 + wide, 1.0], [x + wide, 0.0]]
    points += [[3.0, 0.0], [3.0, -1.0], [0.0, -1.0], points[0]]
    return {"type": "Polygon", "coordinates": [points]}


ACROSS = (comb(200), comb(200, turned=True))


def test_outlines_that_cross_too_often_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapely, "union_all", lambda *_: pytest.fail("the overlay is what takes so long"))
    both = {"type": "MultiPolygon", "coordinates": [part["coordinates"] for part in ACROSS]}
    for area in (list(ACROSS), both):
        with pytest.raises(Invalid, match="cross each other too often"):
            validate_area(area, "area", ())
    with pytest.raises(Invalid, match="cross each other too often"):
        area_of(({"place": "a"}, {"place": "b"}), lambda slug: area_of([ACROSS[slug == "a"]], lambda _: None))


def test_outlines_of_several_parts_are_looked_at_too() -> None:
    island = [[[5.0, 5.0], [6.0, 5.0], [6.0, 6.0], [5.0, 5.0]]]
    islands = [{"type": "MultiPolygon", "coordinates": [one["coordinates"], island]} for one in ACROSS]
    assert are_tangled([polygon_of(one) for one in islands])


def test_too_many_edges_beside_each_other_are_refused() -> None:
    with pytest.raises(Invalid, match="beside each other too often"):
        validate_area(hatch(600), "area", ())
    assert validate_area(hatch(20), "area", ())


def test_message_keeps_one_of_tangled_outlines() -> None:
    """A warning is never refused for its shapes."""
    circle = {"circle": {"lat": 0.5, "lon": 0.5, "radius_km": 1.0}}
    parts, faults = usable_parts([*ACROSS, circle], "area", ())
    assert len(parts) == 2 and parts[1] == circle and "cross each other" in faults[0].message


def test_tangled_areas_overlap_and_contain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (area_of([part], lambda _: None) for part in ACROSS)
    for slow in ("relate_pattern", "intersection", "difference", "covers"):
        monkeypatch.setattr(shapely, slow, lambda *_: pytest.fail("the overlay is what takes so long"))
    assert one.overlaps(two) and not one.contains(two)


def test_shared_borders_are_no_tangle() -> None:
    """Neighbours along a border of twenty thousand positions."""
    border = [[(i % 2) * 1e-4, i / 10_000] for i in range(20_000)]
    west = {"type": "Polygon", "coordinates": [[*border, [-1.0, 2.0], [-1.0, 0.0], border[0]]]}
    east = {"type": "Polygon", "coordinates": [[*border, [1.0, 2.0], [1.0, 0.0], border[0]]]}
    assert not are_tangled([polygon_of(west), polygon_of(east)])
    assert len(validate_area([west, east], "area", ())) == 2
