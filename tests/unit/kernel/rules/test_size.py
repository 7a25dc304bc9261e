"""Size of a rule with its segments: counted as a shared graph, refused when it is too large."""

from __future__ import annotations

from typing import Any

import pytest
from shapely.geometry import box

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area
from alerts.kernel.rules import measure_rule, parse_rule, resolve_rule, rule_words, segments_of
from alerts.kernel.rules.tree import nodes_of

LEVELS = 40


def doubling(levels: int = LEVELS) -> dict[str, Any]:
    """Segments by slug: each names the one below it twice."""
    made: dict[str, Any] = {"s0": {"channel": "email"}}
    for level in range(1, levels + 1):
        made[f"s{level}"] = {"any": [{"segment": f"s{level - 1}"}, {"segment": f"s{level - 1}"}]}
    return made


def read(raw: Any) -> Any:
    return parse_rule(raw, known_place=lambda _: True, known_topic=lambda _: True, known_segment=lambda _: True)


def nowhere(slug: str) -> None:
    return None


def circles(first: int, count: int) -> dict[str, Any]:
    parts = [{"circle": {"lat": 51.5, "lon": (first + i) / 1000, "radius_km": 1}} for i in range(count)]
    return {"touches": parts}


def test_segments_named_twice_are_inlined_as_one_graph() -> None:
    rules = {slug: read(raw) for slug, raw in doubling().items()}
    resolved = resolve_rule(read({"segment": f"s{LEVELS}"}), rules.get, nowhere)
    assert len(list(nodes_of(resolved))) == LEVELS + 1
    assert not segments_of(resolved)
    assert len(rule_words(resolved)) <= 1_000


def test_segments_named_twice_are_counted_once() -> None:
    size = measure_rule({"segment": f"s{LEVELS}"}, doubling().get, nowhere)
    assert size.operators <= 3 * LEVELS + 2


def test_wide_and_deep_segments_are_refused() -> None:
    wide = {f"s{i}": {"any": [{"channel": "sms"}] * 400} for i in range(3)}
    whole = {"any": [{"segment": slug} for slug in wide]}
    deep = doubling(200)
    for raw, segments in ((whole, wide), ({"segment": "s200"}, deep)):
        with pytest.raises(Invalid, match="with its segments"):
            measure_rule(raw, segments.get, nowhere)
        with pytest.raises(Invalid, match="with its segments"):
            resolve_rule(read(raw), {slug: read(rule) for slug, rule in segments.items()}.get, nowhere)


def test_areas_of_a_rule_share_one_budget() -> None:
    read({"any": [circles(0, 250), circles(250, 250)]})
    with pytest.raises(Invalid, match="more than 500 different parts"):
        read({"any": [circles(0, 250), circles(250, 251)]})
    segments = {"a": circles(0, 300), "b": circles(300, 300)}
    with pytest.raises(Invalid, match="with its segments it has more than 500"):
        measure_rule({"any": [{"segment": "a"}, {"segment": "b"}]}, segments.get, nowhere)


def test_corners_of_places_are_counted() -> None:
    outline = {"type": "Polygon", "coordinates": [[[0.0, 0.0]] * 60_000]}
    area = [{"place": f"p{i}"} for i in range(5)]
    with pytest.raises(Invalid, match="positions"):
        measure_rule(None, nowhere, lambda _: outline, area=area)
    measure_rule(None, nowhere, lambda _: outline, area=[{"place": "p0"}] * 5)


def test_equal_areas_of_a_rule_are_resolved_once() -> None:
    asked: list[str] = []

    def place(slug: str) -> Area:
        asked.append(slug)
        return Area(box(0, 0, 1, 1))

    rule = read({"any": [{"touches": [{"place": "camden"}] * 500} for _ in range(90)]})
    resolved = resolve_rule(rule, {}.get, place)
    assert len(set(asked)) == 1 and len(asked) <= 3
    assert len({id(area) for area in resolved.rules}) == 1  # type: ignore[union-attr]
