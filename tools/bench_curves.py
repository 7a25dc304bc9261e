"""`make curves`: plots the growth of cost from the results of `make bench`, and updates docs/performance.md.

    python -m tools.bench_curves FOLDER PAGE

Each benchmark with more than one size gets FOLDER/NAME.svg: ours, and the limit if there is one, over the size, both
axes logarithmic. The tables replace the text between the lines `<!-- figures -->` and `<!-- end of figures -->` of
PAGE.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.bench import MODULES

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
_HEAD = "| what | size | ours | limit | ratio | target | |\n|---|---|---|---|---|---|---|\n"
Kept = Mapping[str, Any]
"""A file of `alerts.bench.record`."""


def main(folder: Path, page: Path) -> int:
    """Draw the plots and write the tables; returns 2 if the page has no markers for the tables."""
    found = [json.loads(file.read_text()) for name in MODULES if (file := folder / f"{name}.json").exists()]
    text = page.read_text()
    if BEGIN not in text or END not in text.partition(BEGIN)[2]:
        print(f"{page}: the lines {BEGIN} and {END} are not there: put them where the tables go", file=sys.stderr)
        return 2
    drawn = {kept["benchmark"] for kept in found if _drawn(kept, folder / f"{kept['benchmark']}.svg")}
    before, _, rest = text.partition(BEGIN)
    whole = f"{before}{BEGIN}\n\n{tables(found, drawn, folder.name)}\n{END}{rest.partition(END)[2]}"
    page.write_text(whole)
    return 0


def tables(found: Sequence[Kept], drawn: set[str], folder: str) -> str:
    """Markdown with one table per benchmark, and the place and time of its run. `folder` contains the plots."""
    parts = []
    for kept in found:
        name = kept["benchmark"]
        where = f"Revision {kept['revision'] or 'unknown'}, {kept['at'][:10]}"
        if kept["rows"]:
            versions = ", ".join(f"{part} {version}" for part, version in kept["versions"].items())
            where += f"; {kept['machine']}; {versions}"
        part = f"### {name}\n\n{where}.\n\n"
        if kept["rows"]:
            part += _HEAD + "".join(_line(row) for row in _in_order(kept["rows"]))
        part += "".join(f"\nAt {one['size']:,} it did not run: {one['error']}\n" for one in kept["failed"])
        if name in drawn:
            part += f"\n![{name}: cost over size]({folder}/{name}.svg)\n"
        parts.append(part)
    return "\n".join(parts)


def _in_order(rows: Sequence[Kept]) -> list[Kept]:
    """Group the sizes of each row name."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    return sorted(rows, key=lambda row: (names.index(row["name"]), row["size"]))


def _line(row: Kept) -> str:
    sign = "≥" if row["better"] == "higher" else "≤"
    unit = row["unit"]
    cells = [
        row["name"],
        f"{row['size']:,}",
        f"{_figure(row['ours'])} {unit}",
        "" if row["limit"] is None else f"{_figure(row['limit'])} {unit}",
        "" if row["ratio"] is None else f"{row['ratio']:.2f}",
        "" if row["target"] is None else f"{sign} {row['target']:g}" + ("" if row["limit"] is not None else f" {unit}"),
        {True: "holds", False: "**missed**", None: ""}[row["holds"]],
    ]
    return f"| {' | '.join(cells)} |\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _drawn(kept: Kept, file: Path) -> bool:
    """Draw a benchmark; returns False if there is nothing to draw."""
    lines: dict[str, list[Kept]] = defaultdict(list)
    for row in kept["rows"]:
        lines[row["name"]].append(row)
    lines = {name: rows for name, rows in lines.items() if len(rows) > 1}
    if not lines:
        file.unlink(missing_ok=True)
        return False
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    # Identical figures give identical bytes: no date, and ids that are not random.
    with mpl.rc_context({"svg.hashsalt": "alerts", "svg.fonttype": "none", "font.size": 8}):
        units = list(dict.fromkeys(rows[0]["unit"] for rows in lines.values()))
        figure, panels = plt.subplots(1, len(units), figsize=(6.2 * len(units), 4), squeeze=False)
        for panel, unit in zip(panels[0], units, strict=True):
            for name, rows in lines.items():
                if rows[0]["unit"] == unit:
                    _draw(panel, name, sorted(rows, key=lambda row: int(row["size"])))
            panel.set(xscale="log", yscale="log", xlabel="size", ylabel=unit)
            panel.grid(visible=True, which="major", alpha=0.3)
            panel.legend(fontsize=6)
        figure.tight_layout()
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)
    return True


def _draw(panel: Any, name: str, rows: Sequence[Kept]) -> None:
    sizes = [row["size"] for row in rows]
    [line] = panel.plot(sizes, [max(row["ours"], 1e-4) for row in rows], marker="o", markersize=3, label=name)
    if all(row["limit"] is not None for row in rows):
        limits = [max(row["limit"], 1e-4) for row in rows]
        panel.plot(sizes, limits, linestyle="--", color=line.get_color(), alpha=0.6, label=f"{name}: limit")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
