"""Outline of a draft: whether it is too fine, and the simpler one that one press makes of it. Blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alerts.authoring.outline import TooFine, too_fine
from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import detail, simplified, validate_area
from alerts.web.console.notice_form import NoticeForm

_MOST_POSITIONS = 1_000_000
"""Positions that are read in order to simplify them: more than a draft may be saved with."""


def outline_problem(parts: Sequence[dict[str, Any]]) -> TooFine | None:
    """Return why an area is too fine; None if it is not, or is no area."""
    try:
        return too_fine(_valid(parts)) if any("place" not in part for part in parts) else None
    except Invalid:
        return None


def corners_of(parts: Sequence[dict[str, Any]]) -> int:
    """Count the corners and circles of a validated area."""
    return detail(parts).corners


def simplify(form: NoticeForm) -> bool:
    """Simplify the area of a form; False if it cannot be simpler.

    The former area stays in `simplified_from`. Raises Invalid for what is no area.
    """
    parts = _valid(form.area)
    made = simplified(parts)
    if made is None:
        return False
    form.simplified_from, form.corners_before, form.area = form.area, corners_of(parts), made.parts
    return True


def _valid(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return validate_area(list(parts), "area", lambda _: True, budget=[_MOST_POSITIONS])
