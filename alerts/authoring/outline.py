"""Check of an area: outlines that are finer than anybody's place is known, or than anybody can use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import NoticeDraft


class TooFine(NamedTuple):
    """Why an area is too fine, in words. `after`: corners it would have if it were simplified, None if it cannot be."""

    words: str
    before: int
    after: int | None = None
    further_m: float = 0.0


def too_fine(parts: Sequence[dict[str, Any]]) -> TooFine | None:
    """Return why a validated AREA is too fine; None if it is not, or could not be coarser."""
    from alerts.kernel.geometry import FINE_M, MOST_CORNERS, detail, simplified  # shapely: only where areas are

    found = detail(parts)
    if not (found.many or found.close):
        return None
    simple = simplified(parts)
    if simple is None and not found.many:
        return None
    said = []
    if found.many:
        said.append(f"It has {found.corners:,} corners and circles; warning systems aim for {MOST_CORNERS} at most.")
    if found.close:
        said.append(f"Corners lie {_metres(found.closest_m)} apart; people's places are known to about {FINE_M:.0f} m.")
    after = (simple.corners, simple.further_m) if simple is not None else (None, 0.0)
    return TooFine(" ".join(said), found.corners, *after)


def outline(draft: NoticeDraft) -> Iterator[Diagnostic]:
    """Yield a diagnostic for an area that is too fine."""
    if draft.too_fine is not None:
        yield Diagnostic("fine", "warns", draft.too_fine, "", "fine")


def _metres(metres: float) -> str:
    return f"{metres:.0f} m" if metres >= 1 else "less than 1 m"
