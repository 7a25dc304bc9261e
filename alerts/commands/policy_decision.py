"""Evaluation of an actor's policy for a notice and its thread, inside the writer's transaction (RULES 17).

A policy that names places means their versions at the time it was set; an issued notice and its service points are
judged as they were at its issue. So nobody changes what a policy allows by redrawing a place or moving a point.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from alerts.commands.actor import Actor
from alerts.domain.events import AreaJson, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.source_policy import policy_answer, weakest
from alerts.domain.streams import CHANGE, PLACE, POINT, place_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Stream
from alerts.kernel.terms import PolicyAnswer

S = TypeVar("S")


def policy_decision(
    unit: UnitOfWork, actor: Actor, plan: NoticePlan, thread: Iterable[NoticeState] = ()
) -> PolicyAnswer:
    """Return the weakest answer of the actor's policy over a new plan and the issued notices of its thread."""
    return weakest(
        policy_answer(
            actor.policy,
            kind=one.kind,
            severity=one.severity,
            inside=lambda areas, one=one, at=at: _is_inside(unit, one, at, areas, actor.policy_at),  # type: ignore[misc]
        )
        for one, at in [(plan, None), *((member.plan, member.issued_position) for member in thread)]
    )


def _is_inside(unit: UnitOfWork, plan: NoticePlan, at: int | None, areas: AreaJson, areas_at: int | None) -> bool:
    """True if the plan's area, and the reach circle of every point of its change, lie wholly in the areas."""
    from alerts.kernel.geometry import Area, Circle, resolve_area

    reached = resolve_area(plan.area or [], lambda slug: _geometry(unit, slug, at))
    if any(_geometry(unit, part["place"], at) is None for part in plan.area or () if "place" in part):
        return False
    circles = list(reached.circles)
    if plan.service_change is not None:
        change = _as_of(unit, CHANGE, plan.service_change, at)
        points = [_as_of(unit, POINT, point, at) for point in change.facts.service_points] if change else []
        if not points or None in points:
            return False
        circles += [Circle(p.facts.lat, p.facts.lon, p.facts.reach_km * 1000.0) for p in points if p is not None]
    whole = resolve_area(areas, lambda slug: _geometry(unit, slug, areas_at))
    return whole.contains(Area(reached.polygon, tuple(circles)))


def _geometry(unit: UnitOfWork, slug: str, at: int | None) -> dict[str, object] | None:
    state = _as_of(unit, PLACE, place_id(slug), at)
    return state.geometry if state else None


def _as_of(unit: UnitOfWork, stream: Stream[S], subject: UUID, at: int | None) -> S | None:
    """Return a state as of a log position (None: now). Only a subject that changed since is read from the log."""
    state: Any = unit.get(stream, subject)
    if state is None or at is None or state.position <= at:
        return state  # type: ignore[no-any-return]  # folded by this stream
    return unit.get_at(stream, subject, at)
