"""`alerts bench`: measures the product beside the limit of the same machine in the same run.

Only ratios are compared, never single times. Each module yields rows for the requested sizes; a module that cannot run
here says why and the others continue.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alerts.bench.row import Row

MODULES = {
    "append": "alerts.bench.log",
    "commands": "alerts.bench.commands_bench",
    "readers": "alerts.bench.readers",
    "projection": "alerts.bench.directory",
    "import": "alerts.bench.importing",
    "audience": "alerts.bench.audience",
    "drawing": "alerts.bench.drawing",
    "restart": "alerts.bench.restart",
    "fan-out": "alerts.bench.fanout",
    "mail": "alerts.bench.mail",
    "workers": "alerts.bench.workers",
    "push": "alerts.bench.push",
    "sms": "alerts.bench.sms",
    "cost": "alerts.bench.cost",
}
"""Benchmark modules by the name for `--only`: the rows of TARGETS.md, in its order."""
PARTS = ("aiohttp", "eventsourcing", "msgspec", "numpy", "psycopg", "shapely", "uvloop")
_UNITS = {"k": 1_000, "m": 1_000_000}


def run(*, only: str, sizes: str, as_json: bool) -> int:
    """Run and print the benchmarks; 0 if every row with a target reaches it, else 1. Wrong use: 2."""
    wanted = sizes_of(sizes)
    if wanted is None or (only and only not in MODULES):
        print(f"alerts: --sizes takes 10k,100k,1m and --only one of {', '.join(MODULES)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for row in _rows([only] if only else list(MODULES), wanted):
        rows.append(row)
        if not as_json:
            print(_line(row), flush=True)
    if as_json:
        print(json.dumps({"machine": machine(), "versions": versions(), "rows": [_plain(row) for row in rows]}))
    else:
        print(f"\n{machine()}; " + ", ".join(f"{k} {v}" for k, v in versions().items()))
    return 0 if all(row.holds is not False for row in rows) else 1


def machine() -> str:
    """Description of this machine."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter for speed."""
    return {"python": platform.python_version(), **{part: version(part) for part in PARTS}}


def _rows(names: Sequence[str], sizes: Sequence[int]) -> Iterator[Row]:
    for name in names:
        module = importlib.import_module(MODULES[name])
        yield from module.rows(list(sizes))


def _plain(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "size": row.size,
        "unit": row.unit,
        "ours": row.ours,
        "limit": row.limit,
        "ratio": row.ratio,
        "target": row.target,
        "better": row.better,
        "holds": row.holds,
    }


def _line(row: Row) -> str:
    sign = "≥" if row.better == "higher" else "≤"
    columns = (
        f"{row.name:58} {row.size:>9,} {row.unit:>10}",
        f"ours {_figure(row.ours)}",
        "" if row.limit is None else f"limit {_figure(row.limit)}",
        "" if row.ratio is None else f"ratio {row.ratio:.2f}",
        "" if row.target is None else f"target {sign} {row.target:g}",
        {True: "holds", False: "MISSED", None: ""}[row.holds],
    )
    return "  ".join(f"{column:<16}" for column in columns).rstrip()


def _figure(value: float) -> str:
    return f"{value:,.1f}" if value >= 10 else f"{value:.3f}"


def sizes_of(text: str) -> list[int] | None:
    """Parse sizes such as `10k,100k,1m`; None if invalid."""
    found = []
    for word in text.lower().split(","):
        unit = _UNITS.get(word.strip()[-1:], 1)
        digits = word.strip().rstrip("km")
        if not digits.isdigit() or int(digits) == 0:
            return None
        found.append(int(digits) * unit)
    return found
