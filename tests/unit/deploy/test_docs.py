"""Files that the documentation names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py|\.sql))`")
ROOTS = (ROOT, ROOT / "alerts", ROOT / "alerts" / "domain")


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_named_in_the_page_exist(page: str) -> None:
    named = set(FILE.findall((ROOT / page).read_text(encoding="utf-8")))
    assert named, "the page names no file: the pattern is wrong"
    assert sorted(name for name in named if not any((root / name).exists() for root in ROOTS)) == []


def test_no_page_carries_merge_markers() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 10
    assert [page.name for page in pages if re.search(r"(?m)^(<{7}|>{7}) ", page.read_text(encoding="utf-8"))] == []
