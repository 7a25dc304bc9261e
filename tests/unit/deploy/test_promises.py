"""docs/promises.md names test files and tests: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROMISES = (ROOT / "docs/promises.md").read_text(encoding="utf-8")


def test_every_named_file_exists() -> None:
    named = set(re.findall(r"tests/[\w/]+\.py", PROMISES))
    assert len(named) > 10
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PROMISES))
    files = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    defined = set(re.findall(r"def (test_\w+)\(", "\n".join(files)))
    assert len(named) > 10
    assert sorted(named - defined) == []
