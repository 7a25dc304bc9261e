"""The tables and pictures of docs/performance.md, from what the benchmarks kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.bench import _plain, sizes_of
from alerts.bench.row import Row
from tools.bench_curves import BEGIN, END, main, tables


def kept(*rows: Row, failed: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "benchmark": "append",
        "revision": "abc1234",
        "at": "2026-11-24T04:00:00+00:00",
        "machine": "x86_64, 2 cores",
        "versions": {"python": "3.11"},
        "rows": [_plain(row) for row in rows],
        "failed": failed or [],
    }


RATE = Row(name="append", size=10_000, unit="events/s", ours=81_234.5, limit=190_000.0, target=0.25)
SLOW = Row(name="append", size=100_000, unit="events/s", ours=20_000.0, limit=190_000.0, target=0.25)
START = Row(name="serving", size=10_000, unit="s", ours=1.71, target=2.0, better="lower")
BARE = Row(name="memory", size=10_000, unit="MB", ours=140.0, better="lower")


def test_table_row_compares_figure_and_limit() -> None:
    text = tables([kept(SLOW, RATE, START, BARE)], set(), "bench")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[1:] == [
        "| append | 10,000 | 81,234 events/s | 190,000 events/s | 0.43 | ≥ 0.25 | holds |",
        "| append | 100,000 | 20,000 events/s | 190,000 events/s | 0.11 | ≥ 0.25 | **missed** |",
        "| serving | 10,000 | 1.71 s |  |  | ≤ 2 s | holds |",
        "| memory | 10,000 | 140 MB |  |  |  |  |",
    ]
    assert "Revision abc1234, 2026-11-24; x86_64, 2 cores; python 3.11." in text


def test_what_did_not_run_is_told() -> None:
    text = tables([kept(failed=[{"size": 1_000_000, "error": "no disk"}])], set(), "bench")
    assert "At 1,000,000 it did not run: no disk" in text


def test_the_tables_of_a_page_are_written_anew_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder, page = tmp_path / "bench", tmp_path / "page.md"
    folder.mkdir()
    (folder / "append.json").write_text(json.dumps(kept(RATE, SLOW, START)))
    page.write_text(f"# Before\n\n{BEGIN}\nof yesterday\n{END}\n\nAfter\n")
    assert main(folder, page) == 0
    text = page.read_text()
    assert text.startswith("# Before\n") and text.endswith(f"{END}\n\nAfter\n") and "yesterday" not in text
    assert "![append: cost over size](bench/append.svg)" in text
    picture = (folder / "append.svg").read_bytes()
    assert b"append: limit" in picture and b"serving" not in picture, "one size makes no curve"
    assert main(folder, page) == 0
    assert page.read_text() == text and (folder / "append.svg").read_bytes() == picture


def test_a_page_without_a_place_for_them_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Nothing\n")
    assert main(tmp_path, page) == 2
    assert page.read_text() == "# Nothing\n"
    assert "put them where the tables go" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("10k,100K, 1m", [10_000, 100_000, 1_000_000]), ("7", [7]), ("", None), ("0", None), ("x", None)],
)
def test_sizes(text: str, sizes: list[int] | None) -> None:
    assert sizes_of(text) == sizes
