"""Rooms: the layers contract covers each, and a class name has one meaning in all of them."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
API_RESOURCES = {
    "Attempt": "alerts/web/api/deliveries.py",
    "Content": "alerts/web/api/notices.py",
    "Event": "alerts/web/api/events.py",
    "Visit": "alerts/web/api/service_points.py",
}
"""Shown by the API under the name of the value itself: the class name is the name of its OpenAPI schema."""


def test_layers_contract_is_exhaustive() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    listed = {name.strip() for layer in layers for name in layer.split("|")}
    assert listed == {
        f"{root}.{path.stem}"
        for root in ("alerts", "subscribers")
        for path in (ROOT / root).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    }


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for root in ("alerts", "subscribers"):
        for path in sorted((ROOT / root).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(path.relative_to(ROOT).as_posix())
    for name, resource in API_RESOURCES.items():
        assert len(places[name]) == 2, f"{name} needs no exception: {places[name]}"
        places[name].remove(resource)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
