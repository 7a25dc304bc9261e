"""Reach of a notice, compared with areas: its own area, and the circle of every point of its service change.

Read inside the writer's transaction, as of now or as of a log position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from alerts.domain.events import AreaJson, NoticePlan
from alerts.domain.streams import CHANGE, PLACE, POINT, place_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Stream

if TYPE_CHECKING:
    from alerts.kernel.geometry import Area

S = TypeVar("S")


def lies_inside(unit: UnitOfWork, plan: NoticePlan, areas: AreaJson) -> bool:
    """True if a notice lies wholly in the union of these areas, as all of them are now."""
    return Reach(unit, None).is_inside(plan, None, areas)


class Reach:
    """Areas of one decision, each resolved once: drawing boroughs takes milliseconds of the writer's thread."""

    def __init__(self, unit: UnitOfWork, areas_at: int | None) -> None:
        self._unit, self._areas_at = unit, areas_at
        self._wholes: dict[int, Area] = {}
        """By identity of a rule's areas, which live as long as the policy."""

    def is_inside(self, plan: NoticePlan, at: int | None, areas: AreaJson) -> bool:
        """True if the plan's area, and the reach circle of every point of its change, lie wholly in the areas."""
        reached = self._reached(plan, at)
        return reached is not None and self._whole(areas).contains(reached)

    def _whole(self, areas: AreaJson) -> Area:
        from alerts.kernel.geometry import resolve_area

        if id(areas) not in self._wholes:
            whole = resolve_area(areas, lambda slug: _geometry(self._unit, slug, self._areas_at))
            self._wholes[id(areas)] = whole
        return self._wholes[id(areas)]

    def _reached(self, plan: NoticePlan, at: int | None) -> Area | None:
        """Area and circles of a plan; None if a place or point of it is not known."""
        from alerts.kernel.geometry import Area, Circle, resolve_area

        unit = self._unit
        if any(_geometry(unit, part["place"], at) is None for part in plan.area or () if "place" in part):
            return None
        reached = resolve_area(plan.area or [], lambda slug: _geometry(unit, slug, at))
        circles = list(reached.circles)
        if plan.service_change is not None:
            change = _as_of(unit, CHANGE, plan.service_change, at)
            points = [_as_of(unit, POINT, point, at) for point in change.facts.service_points] if change else []
            if not points or None in points:
                return None
            circles += [Circle(p.facts.lat, p.facts.lon, p.facts.reach_km * 1000.0) for p in points if p is not None]
        return Area(reached.polygon, tuple(circles))


def _geometry(unit: UnitOfWork, slug: str, at: int | None) -> dict[str, object] | None:
    state = _as_of(unit, PLACE, place_id(slug), at)
    return state.geometry if state else None


def _as_of(unit: UnitOfWork, stream: Stream[S], subject: UUID, at: int | None) -> S | None:
    """Return a state as of a log position (None: now). Only a subject that changed since is read from the log."""
    state: Any = unit.get(stream, subject)
    if state is None or at is None or state.position <= at:
        return state  # type: ignore[no-any-return]  # folded by this stream
    return unit.get_at(stream, subject, at)
