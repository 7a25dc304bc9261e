"""In whose name a notice goes out: the organisations that an actor may write for, and what an organisation may issue.

An ending (cancel, all-clear) is never refused for its organisation: what it ends is out already (RULES 13).
"""

from __future__ import annotations

from msgspec.structs import replace

from alerts.commands import reach
from alerts.commands.actor import Actor
from alerts.domain import organisation
from alerts.domain.events import NoticePlan
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import MEMBER, ORGANISATION, organisation_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Forbidden, Invalid

FIELD = "organisation"
_THREAD = "A follow-up goes out in the name of its thread: leave the organisation as it is, or begin a new notice."


def organisations_of(unit: UnitOfWork, actor: Actor) -> frozenset[str] | None:
    """Return the organisations that an actor writes for; None for no limit, and then also for the service itself."""
    limits: list[frozenset[str]] = []
    if actor.policy is not None and actor.policy.organisation is not None:
        limits.append(frozenset((actor.policy.organisation,)))
    member = unit.get(MEMBER, actor.person) if actor.person is not None else None
    if member is not None and member.organisations is not None:
        limits.append(frozenset(member.organisations))
    return frozenset.intersection(*limits) if limits else None


def own_organisation(unit: UnitOfWork, actor: Actor) -> str | None:
    """Return the organisation that an actor's notices go out under if none is named: the only one it writes for."""
    allowed = organisations_of(unit, actor)
    return next(iter(allowed)) if allowed is not None and len(allowed) == 1 else None


def in_name(unit: UnitOfWork, actor: Actor, plan: NoticePlan) -> NoticePlan:
    """Return a new notice's plan in the actor's own name, if it names none.

    Raises Invalid for another than a program's own, and where there are several to choose from; Forbidden for an actor
    who writes for none: a key whose policy names another organisation than its person's.
    """
    if plan.organisation is None:
        allowed = organisations_of(unit, actor)
        if allowed is not None and len(allowed) > 1:
            names = " or ".join(_shown(unit, slug) for slug in sorted(allowed))
            raise Invalid.field(FIELD, f"Choose in whose name it goes out: {names}.")
        if allowed is not None and not allowed:
            check_writer(unit, actor, plan)  # raises: without any name of their own, not even in the service's
        return replace(plan, organisation=own_organisation(unit, actor))
    own = actor.policy.organisation if actor.policy is not None else None
    if own is not None and plan.organisation != own:
        raise Invalid.field(FIELD, f"This program writes in the name of {own!r} only: leave the organisation out.")
    return plan


def check_writer(unit: UnitOfWork, actor: Actor, plan: NoticePlan) -> None:
    """Refuse a notice in a name that the actor does not write for. Raises Forbidden."""
    allowed = organisations_of(unit, actor)
    if allowed is None or plan.organisation in allowed:
        return
    mine = ", ".join(_shown(unit, slug) for slug in sorted(allowed)) or "no organisation"
    other = "the service itself" if plan.organisation is None else _shown(unit, plan.organisation)
    raise Forbidden(
        f"This would go out in the name of {other}, and you write for {mine}: choose in whose name, or ask somebody "
        "who writes for it."
    )


def check_organisation(unit: UnitOfWork, plan: NoticePlan, *, finished: bool = True) -> None:
    """Refuse a notice that its organisation may not issue, or one of an unknown organisation. Raises Invalid.

    `finished`: also one that has no area yet, and would therefore reach everywhere.
    """
    if plan.organisation is None:
        return
    state = unit.get(ORGANISATION, organisation_id(plan.organisation))
    if state is None:
        raise Invalid.field(FIELD, f"There is no organisation {plan.organisation!r}: define it in the console first.")
    if words := organisation.refusal(
        state, plan, lambda areas: reach.lies_inside(unit, plan, areas), finished=finished
    ):
        raise Invalid.field(FIELD, words)


def may_issue(unit: UnitOfWork, plan: NoticePlan) -> bool:
    """True if the organisation of a plan may issue such a notice."""
    try:
        check_organisation(unit, plan, finished=False)
    except Invalid:
        return False
    return True


def check_thread(head: NoticePlan, plan: NoticePlan) -> None:
    """Refuse a follow-up in another name than its thread's. Raises Invalid."""
    if plan.organisation != head.organisation:
        raise Invalid.field(FIELD, _THREAD)


def organisation_of(unit: UnitOfWork, plan: NoticePlan) -> OrganisationState | None:
    """Return the organisation that a plan names; None for the service itself."""
    return None if plan.organisation is None else unit.get(ORGANISATION, organisation_id(plan.organisation))


def _shown(unit: UnitOfWork, slug: str) -> str:
    state = unit.get(ORGANISATION, organisation_id(slug))
    return state.sender_name if state is not None else repr(slug)
