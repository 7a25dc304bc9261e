"""Evaluation of an actor's policy for a notice and its thread, inside the writer's transaction (RULES 17).

A policy that names places means their versions at the time it was set; an issued notice and its service points are
judged as they were at its issue. So nobody changes what a policy allows by redrawing a place or moving a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec

from alerts.commands.actor import Actor
from alerts.domain.events import AreaJson, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.source_policy import policy_answer, weakest
from alerts.domain.streams import CHANGE, PLACE, POINT, place_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Stream
from alerts.kernel.terms import PolicyAnswer

if TYPE_CHECKING:
    from alerts.kernel.geometry import Area

S = TypeVar("S")


def policy_decision(
    unit: UnitOfWork, actor: Actor, plan: NoticePlan, thread: Iterable[NoticeState] = ()
) -> PolicyAnswer:
    """Return the weakest answer of the actor's policy over a new plan and the issued notices of its thread."""
    reach = _Reach(unit, actor.policy_at)
    members = ((member.plan, member.issued_position) for member in thread)
    return weakest(
        policy_answer(actor.policy, kind=one.kind, severity=one.severity, inside=partial(reach.is_inside, one, at))
        for one, at in _different([(plan, None), *members])
    )


def _different(plans: Iterable[tuple[NoticePlan, int | None]]) -> Iterator[tuple[NoticePlan, int | None]]:
    """Yield one of several plans of which a policy cannot say different things: updates mostly repeat their area."""
    seen: set[object] = set()
    for plan, at in plans:
        by_reference = plan.service_change is not None or any("place" in part for part in plan.area or ())
        key = (
            plan.kind,
            plan.severity,
            plan.service_change,
            msgspec.json.encode(plan.area),
            at if by_reference else None,
        )
        if key not in seen:
            seen.add(key)
            yield plan, at


class _Reach:
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
