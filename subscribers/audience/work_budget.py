"""Work budget of one audience question, in units that do not depend on the machine or the number of people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from alerts.kernel.errors import Invalid
from alerts.kernel.geometry import Area
from alerts.kernel.rules.size import MAX_OPERATORS, MAX_PARTS, MAX_POSITIONS

_POSITIONS_A_UNIT: Final = 100
LIMIT: Final = 2 * (MAX_OPERATORS + MAX_PARTS + MAX_POSITIONS // _POSITIONS_A_UNIT)
"""Units of one question. Every rule and area that may be defined stays below: it is the last line of defence."""


class TooMuchWork(Invalid):
    """An audience costs more than one question may."""


class WorkBudget:
    """Units left to one question; a unit is one look at everybody.

    `pause` is called before each step: a count lets more urgent work go first.
    """

    def __init__(self, limit: int = LIMIT, *, pause: Callable[[], None] = lambda: None) -> None:
        self._limit, self._pause = limit, pause
        self.spent = 0

    def spend(self, units: int = 1) -> None:
        """Spend units. Raises TooMuchWork when none are left."""
        self.spent += units
        if self.spent > self._limit:
            text = "This audience costs more work than one question may: use fewer areas, operators or segments."
            raise TooMuchWork(text)
        self._pause()

    def area(self, area: Area) -> None:
        """Spend what looking for everybody who touches an area costs."""
        self.spend(1 + len(area.circles) + area.positions // _POSITIONS_A_UNIT)
