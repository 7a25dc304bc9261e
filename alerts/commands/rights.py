"""Rights of the person behind a command: areas, kinds, organisations, ownership of drafts (RULES 17).

Checked in the writer's transaction. A program's key without a person has no limits of its own here: its scopes and its
policy bound it. It edits nothing but what it drafted itself.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from alerts.commands.actor import Actor
from alerts.commands.organisation_names import check_writer
from alerts.commands.reach import Reach
from alerts.domain.events import NoticePlan, Policy, PolicyRule
from alerts.domain.notice import NoticeState
from alerts.domain.place_names import place_name
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.domain.source_policy import policy_answer
from alerts.domain.streams import MEMBER, PLACE, place_id
from alerts.eventlog.ports import Log, UnitOfWork
from alerts.kernel.errors import Conflict, Forbidden

_OTHERS = "somebody whose role includes it"
_NOT_YOURS = "This draft is somebody else's: it is edited by whoever wrote it, or by an author whose areas include it."


def check_unchanged(unit: UnitOfWork, actor: Actor) -> None:
    """Refuse an actor whose person's rights have changed since the request was authenticated. Raises Conflict."""
    if actor.person is None or actor.member_version is None:
        return
    state = unit.get(MEMBER, actor.person)
    if state is None or state.version != actor.member_version:
        raise Conflict("The rights of the person behind this key were changed a moment ago: try again.")


def check_notice(unit: UnitOfWork, actor: Actor, plan: NoticePlan, *, finished: bool = True) -> None:
    """Refuse a notice outside the areas or kinds of the person's role, or in another's name. Raises Forbidden.

    `finished`: also one that has no area yet, and would therefore reach everywhere.
    """
    check_writer(unit, actor, plan)
    check_plan(unit, actor, plan, finished=finished)


def check_plan(unit: UnitOfWork, actor: Actor, plan: NoticePlan, *, finished: bool = True) -> None:
    """Refuse what lies outside the areas or kinds of the person's role, in whoever's name. Raises Forbidden."""
    if actor.person is None:
        return
    member = _member(unit, actor)
    if not finished and plan.area is None and plan.service_change is None:
        plan_areas = None
    else:
        plan_areas = member.areas
    limits = Policy(default="record", rules=(PolicyRule(then="issue", kinds=member.kinds, areas=plan_areas),))
    inside = partial(Reach(unit, None).is_inside, plan, None)
    if policy_answer(limits, kind=plan.kind, severity=plan.severity, inside=inside) != "issue":
        raise Forbidden(_outside(unit, member, plan))


def check_plan_now(log: Log, actor: Actor, plan: NoticePlan) -> None:
    """Refuse a draft that is only counted, outside any transaction, as `check_plan` does. Blocks. Raises Forbidden."""
    check_plan(cast(UnitOfWork, _LogReader(log)), actor, plan, finished=False)


def is_for(log: Log, member: MemberState, plan: NoticePlan) -> bool:
    """True if a notice lies in the areas and kinds of a member's role, and in a name that they write for. Blocks."""
    actor = Actor(kind="person", id=str(member.id), name="", person=member.id)
    try:
        check_notice(cast(UnitOfWork, _LogReader(log)), actor, plan)
    except Forbidden:
        return False
    return True


class _LogReader:
    """Reading half of a unit of work, over the log."""

    def __init__(self, log: Log) -> None:
        self.get = self.get_at = log.state


def check_position(unit: UnitOfWork, actor: Actor, lat: float, lon: float) -> None:
    """Refuse a position outside the areas of the person's role. Raises Forbidden."""
    if actor.person is None or (areas := (member := _member(unit, actor)).areas) is None:
        return
    from alerts.kernel.geometry import resolve_area

    def place(slug: str) -> dict[str, object] | None:
        state = unit.get(PLACE, place_id(slug))
        return state.geometry if state else None

    if not resolve_area(areas, place).contains_point(lat, lon):
        raise Forbidden(f"Your role is for {_areas_of(unit, member)}, and this lies elsewhere: ask {_OTHERS}.")


def check_editor(unit: UnitOfWork, actor: Actor, state: NoticeState) -> None:
    """Refuse an edit of a draft by anyone but its owner, or an author in whose areas it lies. Raises Forbidden."""
    if actor.kind in ("system", "operator"):
        return
    own = state.source == actor.source or state.drafted_by == actor.by
    if own:
        check_notice(unit, actor, state.plan, finished=False)
        return
    if actor.person is None or not at_least(_member(unit, actor).role, "author"):
        raise Forbidden(_NOT_YOURS)
    check_notice(unit, actor, state.plan)


def _outside(unit: UnitOfWork, member: MemberState, plan: NoticePlan) -> str:
    """Say which limit of the person's role a notice exceeds, and what to do."""
    if member.kinds is not None and plan.kind not in member.kinds:
        return f"Your role is for other kinds of notices ({', '.join(member.kinds)}): ask {_OTHERS}."
    named = _areas_of(unit, member)
    if plan.area is None and plan.service_change is None:
        return f"Your role is for {named}, and this reaches everywhere: give it an area, or ask {_OTHERS}."
    return f"Your role is for {named}, and part of this area lies outside: make it smaller, or ask {_OTHERS}."


def _areas_of(unit: UnitOfWork, member: MemberState) -> str:
    """Name the areas of a person's role: `Southwark, Lambeth and a drawn area`."""
    slugs = [str(part["place"]) for part in member.areas or [] if "place" in part]
    places = [(slug, unit.get(PLACE, place_id(slug))) for slug in slugs]
    names = [slug if place is None else place_name(place, "en", "en") for slug, place in places]
    drawn = len(member.areas or []) - len(slugs)
    if drawn:
        names.append("a drawn area" if drawn == 1 else f"{drawn} drawn areas")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "some areas"


def _member(unit: UnitOfWork, actor: Actor) -> MemberState:
    """Return the team member who acts. Raises Forbidden if they are not in the team."""
    state = unit.get(MEMBER, actor.person) if actor.person is not None else None
    if state is None or state.role is None:
        raise Forbidden("The person who would act is not in the team any more.")
    return state
