"""docs/promises.md names tests: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"tests/[\w/]+\.py", (ROOT / "docs/promises.md").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []
