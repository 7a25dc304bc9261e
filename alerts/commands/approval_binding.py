"""Binding of an approval beyond the plan: places, segments, service change and points, organisation (RULES 16).

A plan names them; their words and geometry go out with it. Each is compared with itself as of the approval.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from alerts.commands.organisation_names import organisation_of
from alerts.domain.events import NoticePlan
from alerts.domain.reference_data import PlaceState
from alerts.domain.streams import CHANGE, PLACE, POINT, SEGMENT, place_id, segment_id
from alerts.eventlog.ports import UnitOfWork
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")


def changed_since(unit: UnitOfWork, plan: NoticePlan, approved: int) -> str:
    """Name what a plan refers to and what has changed since that log position; "" if nothing has."""
    return (
        _segment_changed(unit, plan, approved)
        or _place_changed(unit, plan, approved)
        or _change_changed(unit, plan, approved)
        or _organisation_changed(unit, plan, approved)
    )


def _segment_changed(unit: UnitOfWork, plan: NoticePlan, approved: int) -> str:
    for slug in _named(unit, plan.audience, "segment"):
        segment = unit.get(SEGMENT, segment_id(slug))
        if segment is not None and segment.position > approved:
            return f"The segment {slug!r} of its rule has changed since the approval."
    return ""


def _place_changed(unit: UnitOfWork, plan: NoticePlan, approved: int) -> str:
    bound = {*_named(unit, plan.area, "place"), *_named(unit, plan.audience, "place")}
    for slug in sorted(bound):
        if _is_new(unit.get(PLACE, place_id(slug)), approved):
            return f"The place {slug!r} has changed since the approval."
    # Messages name every registered place that the area overlaps, so a new name there is new words.
    for slug in _renamed_beneath(unit, plan, approved):
        return f"The area lies in the place {slug!r}, which has changed since the approval."
    return ""


def _renamed_beneath(unit: UnitOfWork, plan: NoticePlan, approved: int) -> Iterator[str]:
    """Yield the registered places that the area overlaps, or did, and that are new since a position."""
    if not plan.area:
        return
    from alerts.kernel.geometry import resolve_area

    def geometry(slug: str) -> dict[str, object] | None:
        state = unit.get(PLACE, place_id(slug))
        return state.geometry if state else None

    area = resolve_area(plan.area, geometry)
    for kind, slug, *box in unit.read(_sql.registered):
        if kind != "place" or box[0] is None or not _meet(area.bounds, tuple(map(float, box))):
            continue
        state = unit.get(PLACE, place_id(str(slug)))
        if state is None or not _is_new(state, approved):
            continue
        before = unit.get_at(PLACE, state.id, approved)
        if any(one and area.overlaps(resolve_area(one.geometry, lambda _: None)) for one in (state, before)):
            yield state.slug


def _is_new(state: PlaceState | None, approved: int) -> bool:
    return state is not None and state.position > approved


def _meet(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    """True if two bounding boxes (west, south, east, north) intersect. Those across the antimeridian always do."""
    if one[0] > one[2] or two[0] > two[2]:
        return True
    return one[0] <= two[2] and two[0] <= one[2] and one[1] <= two[3] and two[1] <= one[3]


def _change_changed(unit: UnitOfWork, plan: NoticePlan, approved: int) -> str:
    if plan.service_change is None:
        return ""
    change = unit.get(CHANGE, plan.service_change)
    if change is None:
        return ""
    if change.position > approved:
        before = unit.get_at(CHANGE, change.id, approved)
        # That it has taken effect meanwhile changes nothing that is said.
        if before is None or before.facts != change.facts or change.status == "withdrawn" != before.status:
            return "The service change has changed since the approval."
    for point in change.facts.service_points:
        state = unit.get(POINT, point)
        if state is not None and state.position > approved:
            return f"The service point {state.facts.name!r} has changed since the approval."
    return ""


def _organisation_changed(unit: UnitOfWork, plan: NoticePlan, approved: int) -> str:
    """Compare the organisation, whose name the messages bear, and the places that bound where it may issue."""
    organisation = organisation_of(unit, plan)
    if organisation is None:
        return ""
    if organisation.position > approved:
        return f"{organisation.sender_name}, in whose name it goes out, has changed since the approval."
    for slug in sorted(_named(unit, organisation.areas, "place")):
        if _is_new(unit.get(PLACE, place_id(slug)), approved):
            return f"The place {slug!r} of {organisation.sender_name} has changed since the approval."
    return ""


def _named(unit: UnitOfWork, node: Any, what: str) -> Iterator[str]:
    """Yield the slugs of places or segments in an area or a rule, also through the segments of a rule."""
    seen: set[UUID] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting.extend(node)
        elif isinstance(node, dict) and "coordinates" not in node:
            waiting.extend(value for name, value in node.items() if name in ("all", "any", "not", "touches"))
            if isinstance(slug := node.get(what), str):
                yield slug
            if isinstance(slug := node.get("segment"), str) and segment_id(slug) not in seen:
                seen.add(segment_id(slug))
                segment = unit.get(SEGMENT, segment_id(slug))
                waiting.append(segment.rule if segment else None)
