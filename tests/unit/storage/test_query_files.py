"""Files of named queries: of the room that loads them, or of one below."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def _layers() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return list(layers)


def _layer(module: str, layers: list[str]) -> int:
    """Place of a module's room from the top; `subscribers` itself is as high as its highest room."""
    return next(
        place
        for place, layer in enumerate(layers)
        for room in layer.split(" | ")
        if f"{module}.".startswith(f"{room}.") or room.startswith(f"{module}.")
    )


def _loads() -> list[tuple[str, str]]:
    """Pairs of a module, and the package whose file of queries it loads."""
    found = []
    for path in (*(ROOT / "alerts").rglob("*.py"), *(ROOT / "subscribers").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="load") | ast.Attribute(value=ast.Name(id="named_queries"), attr="load"),
                    args=[ast.Constant(value=str(package)), ast.Constant(value=str(file))],
                ) if file.endswith(".sql"):
                    found.append((module, package))
    return found


def test_queries_are_loaded_from_the_own_room_or_below() -> None:
    layers, loads = _layers(), _loads()
    assert len(loads) > 30
    upwards = {
        (module, package)
        for module, package in loads
        if not module.startswith(f"{package}.") and _layer(package, layers) < _layer(module, layers)
    }
    assert upwards == set()
