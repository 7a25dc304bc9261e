"""Evaluation of an actor's policy for a notice and its thread, inside the writer's transaction (RULES 17).

A policy that names places means their versions at the time it was set; an issued notice and its service points are
judged as they were at its issue. So nobody changes what a policy allows by redrawing a place or moving a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import msgspec

from alerts.commands.actor import Actor
from alerts.commands.organisation_names import own_organisation
from alerts.commands.reach import Reach
from alerts.domain.events import NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.source_policy import policy_answer, weakest
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.terms import PolicyAnswer


def policy_decision(
    unit: UnitOfWork, actor: Actor, plan: NoticePlan, thread: Iterable[NoticeState] = ()
) -> PolicyAnswer:
    """Return the weakest answer of the actor's policy over a new plan and the issued notices of its thread.

    A policy issues nothing in another name than the actor's own: that is drafted, and a person decides.
    """
    reach = Reach(unit, actor.policy_at)
    members = [(member.plan, member.issued_position) for member in thread]
    answer = weakest(
        policy_answer(actor.policy, kind=one.kind, severity=one.severity, inside=partial(reach.is_inside, one, at))
        for one, at in _different([(plan, None), *members])
    )
    if answer != "issue":
        return answer
    own = own_organisation(unit, actor)
    return "draft" if any(one.organisation != own for one, _ in [(plan, None), *members]) else "issue"


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
