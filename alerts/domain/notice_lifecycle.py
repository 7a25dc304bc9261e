"""What may be done with a notice, and when (VOCABULARY "States", RULES 1, 4, 13, 15, 16). Pure.

Each `decide_*` gives the events that follow, or raises: Conflict if the state forbids it, Invalid if the plan does not
allow it, Forbidden if this hand may not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from alerts.domain.events import (
    ApprovalVoided,
    NoticeApproved,
    NoticeCancelled,
    NoticeCleared,
    NoticeExpired,
    NoticeIssued,
    NoticePlan,
    NoticeRejected,
    NoticeReturned,
    NoticeRevised,
    NoticeScheduled,
    NoticeSubmitted,
    NoticeSuperseded,
)
from alerts.domain.notice import NoticeState
from alerts.kernel.errors import Conflict, FieldError, Forbidden, Invalid
from alerts.kernel.events import Event
from alerts.kernel.terms import MsgType, NoticeKind, NoticePhase, Priority

EDITABLE: frozenset[NoticePhase] = frozenset(("draft", "pending-approval", "returned", "approved", "scheduled"))
ENDINGS: frozenset[MsgType] = frozenset(("Cancel", "AllClear"))
"""Notices that end their thread."""
MOVED_SHARE, MOVED_PEOPLE = 0.10, 50
"""By more than both must a count differ before an approval no longer covers it."""


def danger_to_life(plan: NoticePlan, msg_type: MsgType) -> bool:
    """RULES 4: what goes to everyone in the area, over quiet hours."""
    return (
        plan.kind == "alert"
        and msg_type in ("Alert", "Update")
        and plan.status == "Actual"
        and plan.severity in ("Extreme", "Severe")
        and plan.urgency in ("Immediate", "Expected")
        and plan.certainty in ("Observed", "Likely")
    )


def default_priority(plan: NoticePlan, msg_type: MsgType = "Alert") -> Priority:
    """What a notice's priority is if nobody says it."""
    return "emergency" if danger_to_life(plan, msg_type) else "notice"


def lifetime(kind: NoticeKind) -> timedelta:
    """How long a notice without `expires` lives (RULES 15)."""
    return timedelta(hours=24) if kind == "alert" else timedelta(days=30)


def gaps(plan: NoticePlan, now: datetime) -> list[FieldError]:
    """What keeps a plan from being submitted, scheduled or issued (RULES 1); a draft may have gaps."""
    found = []
    if not plan.content:
        found.append(FieldError("content", "Say it in words: give a title in at least one language."))
    if plan.kind == "alert" and not plan.area:
        found.append(FieldError("area", "An alert needs an area: a polygon, a circle or a registered place."))
    if plan.kind == "service-change" and plan.service_change is None:
        found.append(FieldError("service_change", "A notice of this kind belongs to a service change: name it."))
    if not (plan.area or plan.service_change or plan.topic or plan.audience is not None):
        found.append(
            FieldError(
                "audience",
                "Say whom it concerns: give an area, a service change, a topic or a rule. "
                'Everyone is said by {"all": []}.',
            )
        )
    if plan.expires is not None and plan.expires <= now:
        found.append(FieldError("expires", "This time has passed already: give a later one."))
    if plan.priority != "emergency" and danger_to_life(plan, "Alert"):
        found.append(FieldError("priority", "Danger to life is always an emergency: leave the priority out."))
    return found


def _refuse_gaps(plan: NoticePlan, now: datetime) -> None:
    if found := gaps(plan, now):
        raise Invalid("This notice is not complete: " + " ".join(e.message for e in found), found)


def _need(state: NoticeState, phases: frozenset[NoticePhase] | set[NoticePhase], what: str) -> None:
    if state.phase not in phases:
        raise Conflict(f"A notice that is {state.phase} cannot be {what}.", state=state.phase)


# --- before the approval


def decide_revise(state: NoticeState, plan: NoticePlan) -> tuple[Event, ...]:
    """Another plan as a whole; any edit voids an approval (RULES 16). Nothing if it is the same."""
    _need(state, EDITABLE, "edited; make an update of it instead" if state.issued else "edited")
    if plan == state.plan:
        return ()
    if state.phase in ("approved", "scheduled"):
        return (ApprovalVoided(reason="It was edited after the approval."), NoticeRevised(plan=plan))
    return (NoticeRevised(plan=plan),)


def decide_submit(state: NoticeState, now: datetime) -> tuple[Event, ...]:
    """Give it to an approver."""
    _need(state, {"draft", "returned"}, "submitted")
    _refuse_gaps(state.plan, now)
    return (NoticeSubmitted(),)


def decide_return(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Back to its author."""
    _need(state, {"pending-approval"}, "returned")
    return (NoticeReturned(reason=reason),)


def decide_reject(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Never to be sent, whatever stage of its making it is in."""
    _need(state, EDITABLE, "rejected")
    return (NoticeRejected(reason=reason),)


# --- approval and what waits for it


def decide_approve(
    state: NoticeState, *, approver: str, version: int, seen: int, people: int, digest: str, now: datetime
) -> tuple[Event, ...]:
    """A person approves what they saw. `seen`, `people`: the count then and now; `digest`: of what is bound.

    An approval schedules a notice whose `send_at` was set before. An emergency is not kept waiting by a count that
    moves while somebody reads; a count far from the truth is refused all the same.
    """
    _need(state, {"pending-approval"}, "approved")
    if approver in state.hands:
        raise Forbidden("Whoever wrote, edited or submitted a notice cannot approve it: ask somebody else.")
    if version != state.version:
        raise Conflict("It was changed after you looked at it. Look again, then approve.", version=state.version)
    if seen != people and (state.plan.priority != "emergency" or count_moved(seen, people)):
        raise Conflict(
            f"It would now reach {people} people, not {seen}. Look again, then approve.",
            version=state.version,
            people=people,
        )
    _refuse_gaps(state.plan, now)
    approved = NoticeApproved(approver=approver, people=people, hash=digest)
    if state.plan.send_at is None or state.msg_type in ENDINGS:
        return (approved,)
    return (approved, NoticeScheduled(send_at=state.plan.send_at))


def decide_approve_alone(state: NoticeState, *, approver: str, digest: str, now: datetime) -> tuple[Event, ...]:
    """An approval that needs no second hand: a policy's, or of a cancel or all-clear by one who may approve."""
    _need(state, {"draft", "pending-approval", "returned"}, "approved")
    _refuse_gaps(state.plan, now)
    return (NoticeApproved(approver=approver, people=None, hash=digest),)


def count_moved(before: int, now: int) -> bool:
    """Whether two counts differ by more than 10 % and by more than 50 people (RULES 16)."""
    difference = abs(now - before)
    return difference > MOVED_PEOPLE and difference > MOVED_SHARE * before


def decide_void(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Back to pending-approval: what was approved is not what would go out."""
    _need(state, {"approved", "scheduled"}, "given back for approval")
    return (ApprovalVoided(reason=reason),)


def decide_schedule(state: NoticeState, send_at: datetime, now: datetime) -> tuple[Event, ...]:
    """To be issued at a time to come."""
    _need(
        state, {"approved", "scheduled"}, "scheduled before it is approved" if state.phase in EDITABLE else "scheduled"
    )
    _refuse_gaps(state.plan, now)
    if send_at <= now:
        raise Invalid.field("send_at", "This time has passed already: give a later one, or issue it now.")
    if state.plan.expires is not None and state.plan.expires <= send_at:
        raise Invalid.field("send_at", "It would be sent after it has expired: send it earlier or let it live longer.")
    return (NoticeScheduled(send_at=send_at),)


# --- out


def decide_issue(state: NoticeState, references: tuple[UUID, ...], now: datetime) -> tuple[Event, ...]:
    """It goes out now. `references`: the issued notices of its thread, oldest first."""
    _need(state, {"approved", "scheduled"}, "issued before it is approved" if state.phase in EDITABLE else "issued")
    plan = state.plan
    _refuse_gaps(plan, now)
    danger = danger_to_life(plan, state.msg_type)
    return (
        NoticeIssued(
            number=state.number,
            msg_type=state.msg_type,
            thread=state.thread,
            references=references,
            plan=plan,
            priority="emergency" if danger else plan.priority,
            danger_to_life=danger,
            expires=plan.expires or now + lifetime(plan.kind),
            source=state.source,
        ),
    )


def decide_replace(head: NoticeState, by: NoticeState, reason: str = "") -> tuple[Event, ...]:
    """What the issue of `by` does to the thread's head (RULES 13). An expired one may still be followed."""
    _need(head, {"live", "expired"}, "followed by another")
    match by.msg_type:
        case "Cancel":
            return (NoticeCancelled(replaced_by=by.id, reason=reason),)
        case "AllClear":
            return (NoticeCleared(replaced_by=by.id),)
        case _:
            return (NoticeSuperseded(replaced_by=by.id),)


def decide_expire(state: NoticeState, due: datetime) -> tuple[Event, ...]:
    """Its time ran out, if it is still live and this is the time that stands."""
    return (NoticeExpired(),) if state.phase == "live" and state.expires == due else ()
