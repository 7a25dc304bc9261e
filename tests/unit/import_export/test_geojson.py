"""GeoJSON read feature by feature: the same as read at once, whatever its size, and in words where it is none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.import_export import geojson
from alerts.import_export.geojson import Collection, features
from alerts.kernel.errors import Invalid

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)
FEATURES = st.lists(st.fixed_dictionaries({"type": st.just("Feature"), "properties": VALUES}), max_size=5)


@given(
    found=FEATURES, before=st.dictionaries(WORDS.filter(lambda n: n not in ("type", "features")), VALUES, max_size=2)
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("chunk", [1, 7, 65536])
def test_any_collection_is_read_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, found: list[Any], before: dict[str, Any]
) -> None:
    monkeypatch.setattr(geojson, "_CHUNK", chunk)
    file = tmp_path / "places.geojson"
    document = {**before, "type": "FeatureCollection", "features": found, "n": 1.5e300}
    file.write_text(json.dumps(document), encoding="utf-8")
    assert list(features(file)) == found
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8-sig")
    assert list(features(file)) == found


@given(found=FEATURES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, found: list[Any]) -> None:
    out = io.StringIO()
    with Collection(out) as collection:
        for feature in found:
            collection.add(feature)
    assert collection.count == len(found)
    file = tmp_path / "places.geojson"
    file.write_text(out.getvalue(), encoding="utf-8")
    assert list(features(file)) == json.loads(out.getvalue())["features"] == found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no GeoJSON object"),
        (b"[]", "no GeoJSON object"),
        (b"{}", "no FeatureCollection"),
        (b'{"type": "Feature", "geometry": null}', "no FeatureCollection"),
        (b'{"type": "Topology", "features": []}', "its type is 'Topology'"),
        (b'{"type": "FeatureCollection", "features": {}}', "no list"),
        (b'{"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}, "features": []}', "27700"),
        (b'{"type": "FeatureCollection", "features": [1]}', "no Feature"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature"}', "not closed"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feat', "cannot be read"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature", "n": NaN}]}', "NaN"),
        (b'{"type": "FeatureCollection", "features": []} more', "something follows"),
        (b'{"type": "FeatureCollection", "features": [' + b"[" * 100_000, "nested too deeply"),
        ('{"type": "FeatureCollection"}'.encode("utf-16"), "UTF-16"),
        (b'{"type": "FeatureCollection", "name": "\xff"}', "not UTF-8"),
    ],
)
def test_what_is_none_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "places.geojson"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=words):
        list(features(file))


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326", None])
def test_a_grid_that_is_degrees_is_no_fault(tmp_path: Path, name: str | None) -> None:
    file = tmp_path / "places.geojson"
    crs = None if name is None else {"type": "name", "properties": {"name": name}}
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": []}))
    assert list(features(file)) == []


def test_a_feature_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geojson, "_LARGEST", 100_000)
    file = tmp_path / "places.geojson"
    file.write_text('{"features": [{"type": "Feature", "name": "' + "x" * 1_000_000, encoding="utf-8")
    with pytest.raises(Invalid, match="larger than"):
        list(features(file))
