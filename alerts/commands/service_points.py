"""Commands for service points and service changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from alerts.commands import subject_notices, validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.incidents import latest_notice, reference
from alerts.commands.notice_plans import load, plan_of_change
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.commands.rights import check_plan, check_position
from alerts.commands.subject_notices import Announcement, NewId
from alerts.contract.bodies import ChangeAfterBody, PointRef, ServiceChangeBody, ServicePointBody
from alerts.domain import service_change, service_point
from alerts.domain.events import ChangeAfter, ChangeFacts, PointFacts
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.domain.streams import CHANGE, POINT, change_id, point_id
from alerts.eventlog.ports import UnitOfWork
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, NotFound, Stale
from alerts.kernel.ids import new_id
from alerts.kernel.merge_patch import merge_patch
from alerts.scheduler.due_items import plan_due

EFFECT = "change-effect"
MAX_POINTS = 2_000
MAX_REACH_KM = 500.0


def check_point_body(body: ServicePointBody, known: KnownNames) -> PointFacts:
    """Validate a body into facts. Raises Invalid."""
    from alerts.kernel.geometry import check_point

    validation.check_times(body)
    check_point(body.lat, body.lon, "", known.bounds)
    if not 0 < body.reach_km <= MAX_REACH_KM:
        raise Invalid.field("reach_km", f"Give more than 0 and at most {MAX_REACH_KM:.0f} kilometres.")
    return PointFacts(
        kind=validation.slug(body.kind, "kind"),
        name=validation.text(body.name, "name", validation.NAME, line=True, needed=True),
        address=validation.text(body.address, "address", validation.REASON),
        lat=body.lat,
        lon=body.lon,
        opening_hours=validation.opening_hours(body.opening_hours, "opening_hours"),
        visits=validation.visits(body.visits, "visits"),
        reach_km=body.reach_km,
        source_ref=reference(body.source_ref),
    )


def check_change(body: ServiceChangeBody, known: KnownNames, source: str, default_language: str) -> ChangeFacts:
    """Validate a body into facts, with references as ids of that source's points (existence is checked later)."""
    validation.check_times(body)
    if not body.service_points:
        raise Invalid.field("service_points", "Name at least one service point.")
    if len(body.service_points) > MAX_POINTS:
        raise Invalid.field("service_points", f"One change names at most {MAX_POINTS} service points.")
    if body.until is not None and body.until <= body.effective:
        raise Invalid.field("until", "It would end before it begins: give a later end or an earlier start.")
    tag = validation.language(body.language or default_language)
    description = validation.text(body.description, "description", validation.BODY)
    points = tuple(dict.fromkeys(_point(point, source) for point in body.service_points))
    return ChangeFacts(
        headline={tag: validation.text(body.headline, "headline", validation.TITLE, line=True, needed=True)},
        description={tag: description} if description else {},
        kind=body.kind,
        service_points=points,
        effective=body.effective,
        until=body.until,
        after=_after(body.after, points, source, known),
        topic=known.topic(body.topic, "topic"),
        source_ref=reference(body.source_ref),
    )


def _point(point: UUID | PointRef, source: str) -> UUID:
    return point_id(source, point.source_ref) if isinstance(point, PointRef) else point


def _after(
    after: dict[str, ChangeAfterBody], points: tuple[UUID, ...], source: str, known: KnownNames
) -> dict[str, ChangeAfter]:
    found = {}
    for name, body in after.items():
        point = _named(name, source, points)
        found[str(point)] = _after_one(body, f"after.{name}", known)
    return found


def _named(name: str, source: str, points: tuple[UUID, ...]) -> UUID:
    """Resolve a point by id or by the source's reference; it must be among those that the change names."""
    try:
        candidates = [UUID(name), point_id(source, name)]
    except ValueError:
        candidates = [point_id(source, name)]
    for candidate in candidates:
        if candidate in points:
            return candidate
    raise Invalid.field(f"after.{name}", "This is none of the service points that the change names.")


def _after_one(body: ChangeAfterBody, field: str, known: KnownNames) -> ChangeAfter:
    from alerts.kernel.geometry import check_point

    if (body.lat is None) != (body.lon is None):
        raise Invalid.field(field, "A new position needs both lat and lon.")
    if body.lat is not None and body.lon is not None:
        check_point(body.lat, body.lon, field, known.bounds)
    return ChangeAfter(
        opening_hours=validation.opening_hours(body.opening_hours, f"{field}.opening_hours"),
        lat=body.lat,
        lon=body.lon,
        address=None if body.address is None else validation.text(body.address, f"{field}.address", validation.REASON),
        visits=validation.visits(body.visits, f"{field}.visits"),
    )


def announce(
    unit: UnitOfWork, actor: Actor, facts: ChangeFacts, new: NewId = new_id
) -> tuple[ChangeState, bool, Announcement]:
    """Announce or revise a change; return (change, True if new, announcement)."""
    for index, point in enumerate(facts.service_points):
        if load(unit.get, POINT, point) is None:
            raise Invalid.field(f"service_points.{index}", "There is no such service point: register it first.")
    change = change_id(actor.source, facts.source_ref)
    before = unit.get(CHANGE, change)
    events = service_change.decide_announce(before, facts, actor.source)
    unit.append(CHANGE, change, *events)
    state_now = unit.get(CHANGE, change)
    assert state_now is not None
    if not events:
        return state_now, False, Announcement(note="The same as before: nothing new.")
    plan_due(unit, EFFECT, change, facts.effective)
    plan = msgspec.structs.replace(plan_of_change(facts), service_change=change)
    return state_now, before is None, subject_notices.announce(unit, actor, change, plan, new)


class ServiceCommands(CommandBase):
    """Register service points and announce service changes."""

    async def register_point(self, actor: Actor, body: ServicePointBody, *, idem: Idempotency | None = None) -> Saved:
        """Register a service point; the same `source_ref` of the same source revises it."""
        facts = await self._checked(lambda known: check_point_body(body, known))

        def work(unit: UnitOfWork) -> Saved:
            point = point_id(actor.source, facts.source_ref)
            before = unit.get(POINT, point)
            check_point_place(unit, actor, before, facts)
            unit.append(POINT, point, *service_point.decide_register(before, facts, actor.source))
            return Saved(id=point, version=unit.version(point), created=before is None)

        return await self._run(actor, work, idem)

    async def revise_point(self, actor: Actor, point: UUID, patch: dict[str, Any], version: int | None = None) -> Saved:
        """Apply a merge patch to a service point. Raises Stale if `version` is not current."""
        known = await self._checked(lambda known: known)

        def work(unit: UnitOfWork) -> Saved:
            state = _point_state(unit, point)
            if version is not None and version != state.version:
                raise Stale("It was changed in the meantime: read it again, then edit it.")
            body = strict_json.typed(merge_patch(point_json(state.facts), patch), ServicePointBody)
            if body.source_ref != state.facts.source_ref:
                raise Invalid.field("source_ref", "A reference cannot be changed: it is what the point is known by.")
            facts = check_point_body(body, known)
            check_point_place(unit, actor, state, facts)
            unit.append(POINT, point, *service_point.decide_revise(state, facts))
            return Saved(id=point, version=unit.version(point))

        return await self._run(actor, work)

    async def announce_change(self, actor: Actor, body: ServiceChangeBody, *, idem: Idempotency | None = None) -> Saved:
        """Announce a service change, with the notice that the policy allows."""
        facts = await self._checked(lambda known: check_change(body, known, actor.source, self._language))

        def work(unit: UnitOfWork) -> Saved:
            state, created, told = announce(unit, actor, facts)
            check_plan(unit, actor, msgspec.structs.replace(plan_of_change(facts), service_change=state.id))
            notice = told.notice.id if told.notice else latest_notice(unit, state.id)
            return Saved(id=state.id, version=state.version, created=created, notice=notice)

        return await self._run(actor, work, idem)


def point_json(facts: PointFacts) -> dict[str, Any]:
    """Return a service point as the body that creates it."""
    document: dict[str, Any] = msgspec.to_builtins(facts)
    return document


def check_point_place(unit: UnitOfWork, actor: Actor, before: PointState | None, facts: PointFacts) -> None:
    """Refuse a service point that lies, or would lie, outside the areas of the person's role. Raises Forbidden."""
    for place in (facts,) if before is None else (before.facts, facts):
        check_position(unit, actor, place.lat, place.lon)


def _point_state(unit: UnitOfWork, point: UUID) -> PointState:
    state = unit.get(POINT, point)
    if state is None:
        raise NotFound("There is no such service point.")
    return state
