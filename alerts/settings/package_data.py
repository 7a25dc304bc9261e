"""Location of the shipped data files: templates and migrations."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def find(*parts: str) -> Path:
    """Path of a shipped file or folder, such as `find("migrations", "sqlite")`.

    It is in `alerts/_data/` in a wheel, at the repository's root in a checkout. Raises FileNotFoundError.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{'/'.join(parts)} is missing from this installation of Community Alerts: install it again"
    )
