"""`make bench`: runs every benchmark at every size, each in a separate process, and stores JSON for the curves.

    python -m alerts.bench.record FOLDER [--only NAME] [--sizes 10k,100k,1m]

A failure is reported and the others continue. Files of benchmarks that did not run stay unchanged.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from alerts.bench import MODULES, sizes_of

_LONGEST_S = 1_200.0
_MISSED = 1
"""Exit code of a missed target: a result like any other."""


def main(arguments: list[str]) -> int:
    """Run the benchmarks; returns 0 if every one ran."""
    parser = argparse.ArgumentParser(prog="alerts.bench.record")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=list(MODULES))
    parser.add_argument("--sizes", default="10k,100k,1m")
    given = parser.parse_args(arguments)
    wanted = sizes_of(given.sizes)
    if wanted is None:
        parser.error("--sizes takes numbers such as 10k,100k,1m")
    given.folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in [given.only] if given.only else list(MODULES):
        # Above this bound a benchmark's figure no longer changes, so it is measured there.
        most = getattr(importlib.import_module(MODULES[name]), "MOST", None)
        sizes = list(dict.fromkeys(size if most is None else min(size, most) for size in wanted))
        results = _results(name, sizes)
        failed = failed or bool(results["failed"])
        (given.folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    return 1 if failed else 0


def _results(name: str, sizes: list[int]) -> dict[str, Any]:
    """Results of one benchmark, with the machine and the revision."""
    results: dict[str, Any] = {
        "benchmark": name,
        "revision": _revision(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": [],
        "failed": [],
    }
    for size in sizes:
        begun = perf_counter()
        result, error = _ran(name, size)
        print(f"{name:12} {size:>9,}  {perf_counter() - begun:6.0f} s  {error or 'done'}", flush=True)
        if error:
            results["failed"].append({"size": size, "error": error})
            continue
        results |= {"machine": result["machine"], "versions": result["versions"]}
        there = {(row["name"], row["size"]) for row in results["rows"]}
        results["rows"] += [row for row in result["rows"] if (row["name"], row["size"]) not in there]
    return results


def _ran(name: str, size: int) -> tuple[dict[str, Any], str]:
    """Run one benchmark; returns (its output, "" or the error)."""
    command = [sys.executable, "-m", "alerts", "bench", "--only", name, "--sizes", str(size), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return {}, f"not done within {_LONGEST_S:.0f} s"
    if done.returncode not in (0, _MISSED) or not done.stdout:
        return {}, (done.stderr.strip() or "it said nothing").splitlines()[-1][:300]
    return json.loads(done.stdout.splitlines()[-1]), ""


def _revision() -> str:
    """The measured commit, "" without git."""
    try:
        asked = ["git", "rev-parse", "--short", "HEAD"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
