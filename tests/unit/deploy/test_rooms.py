"""The layers contract of the imports covers every room."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


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
