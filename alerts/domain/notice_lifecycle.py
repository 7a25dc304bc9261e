"""Transitions of a notice (VOCABULARY "States", RULES 1, 4, 13, 15, 16). Pure.

Each `decide_*` returns the resulting events, or raises: Conflict if the state forbids it, Invalid if the plan does not
allow it, Forbidden if the actor may not do it.
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
from alerts.kernel.people_words import people_words
from alerts.kernel.terms import MsgType, NoticeKind, NoticePhase, Priority

EDITABLE: frozenset[NoticePhase] = frozenset(("draft", "pending-approval", "returned", "approved", "scheduled"))
ENDINGS: frozenset[MsgType] = frozenset(("Cancel", "AllClear"))
"""Message types that end their thread."""
TWO_SUBJECTS = "A notice names an incident or a service change, not both: make two notices."
RETURNER = "You returned this for changes: somebody else makes them. Once they have, you may edit it too."
MOVED_SHARE, MOVED_PEOPLE = 0.10, 50
"""Thresholds of `count_moved`: share and number of people, both of which must be exceeded."""


def danger_to_life(plan: NoticePlan, msg_type: MsgType) -> bool:
    """True for danger to life (RULES 4): sent to everyone in the area, overriding quiet hours."""
    return (
        plan.kind == "alert"
        and msg_type in ("Alert", "Update")
        and plan.status == "Actual"
        and plan.severity in ("Extreme", "Severe")
        and plan.urgency in ("Immediate", "Expected")
        and plan.certainty in ("Observed", "Likely")
    )


def default_priority(plan: NoticePlan, msg_type: MsgType = "Alert") -> Priority:
    """Priority of a notice if none was given."""
    return "emergency" if danger_to_life(plan, msg_type) else "notice"


def lifetime(kind: NoticeKind) -> timedelta:
    """Lifetime of a notice without `expires` (RULES 15)."""
    return timedelta(hours=24) if kind == "alert" else timedelta(days=30)


def gaps(plan: NoticePlan, now: datetime) -> list[FieldError]:
    """Errors that prevent a plan from being submitted, scheduled or issued (RULES 1); a draft may have them."""
    found = []
    if not plan.content:
        found.append(FieldError("content", "Say it in words: give a title in at least one language."))
    for tag, said in plan.content.items():
        if not said.title:
            found.append(FieldError(f"content.{tag}.title", f"Write a title ({tag}): what happened, and where."))
    if plan.kind == "alert" and not plan.area:
        found.append(FieldError("area", "An alert needs an area: a polygon, a circle or a registered place."))
    if plan.incident is not None and plan.service_change is not None:
        found.append(FieldError("service_change", TWO_SUBJECTS))
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


def decide_revise(state: NoticeState, plan: NoticePlan, editor: str = "") -> tuple[Event, ...]:
    """Replace the plan as a whole; an edit voids an approval (RULES 16). Nothing if the plan is equal.

    Raises Forbidden for the person who returned it: their change would need no word to its author.
    """
    _need(state, EDITABLE, "edited; make an update of it instead" if state.issued else "edited")
    if plan == state.plan:
        return ()
    if editor and editor == state.returned_by:
        raise Forbidden(RETURNER)
    if state.phase in ("approved", "scheduled"):
        return (ApprovalVoided(reason="It was edited after the approval."), NoticeRevised(plan=plan))
    return (NoticeRevised(plan=plan),)


def decide_submit(
    state: NoticeState, now: datetime, note: str = "", let_stand: tuple[str, ...] = ()
) -> tuple[Event, ...]:
    """Submit for approval, with a word for the approver and the warnings that the author let stand."""
    _need(state, {"draft", "returned"}, "submitted")
    _refuse_gaps(state.plan, now)
    return (NoticeSubmitted(note=note, let_stand=let_stand),)


def decide_return(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Return the notice to its author."""
    _need(state, {"pending-approval"}, "returned")
    return (NoticeReturned(reason=reason),)


def decide_reject(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Reject the notice for good, in any state before issue."""
    _need(state, EDITABLE, "rejected")
    return (NoticeRejected(reason=reason),)


# --- approval and transitions that depend on it


def decide_approve(
    state: NoticeState, *, approver: str, version: int, seen: int, people: int, digest: str, now: datetime
) -> tuple[Event, ...]:
    """Approve the version that the person has seen.

    `seen`, `people`: the count then and now; `digest`: hash of the approved content. An approval schedules a notice
    whose `send_at` is set. A count that moves a little while somebody reads is taken; one that is far off is refused.
    """
    _need(state, {"pending-approval"}, "approved")
    if approver in state.hands:
        raise Forbidden("Whoever wrote, edited or submitted a notice cannot approve it: ask somebody else.")
    if version != state.version:
        raise Conflict("It was changed after you looked at it. Look again, then approve.", version=state.version)
    if count_moved(seen, people):
        raise Conflict(
            f"It would now reach {people_words(people)}, not {seen}. Look again, then approve.",
            version=state.version,
            people=people,
        )
    _refuse_gaps(state.plan, now)
    approved = NoticeApproved(approver=approver, people=seen, hash=digest)
    if state.plan.send_at is None or state.msg_type in ENDINGS:
        return (approved,)
    return (approved, NoticeScheduled(send_at=state.plan.send_at))


def decide_approve_alone(state: NoticeState, *, approver: str, digest: str, now: datetime) -> tuple[Event, ...]:
    """Approve without a second person: by a policy, or a cancel or all-clear by a person who may approve."""
    _need(state, {"draft", "pending-approval", "returned"}, "approved")
    _refuse_gaps(state.plan, now)
    return (NoticeApproved(approver=approver, people=None, hash=digest),)


def count_moved(before: int, now: int) -> bool:
    """True if two counts differ by more than 10 % and by more than 50 people (RULES 16)."""
    difference = abs(now - before)
    return difference > MOVED_PEOPLE and difference > MOVED_SHARE * before


def counts_matter(state: NoticeState) -> bool:
    """True if a person approved it for a count, and it is no emergency: those never wait for a count (RULES 16)."""
    return state.approved_people is not None and state.plan.priority != "emergency"


def decide_void(state: NoticeState, reason: str) -> tuple[Event, ...]:
    """Void the approval, because the content approved is not the content that would be sent."""
    _need(state, {"approved", "scheduled"}, "given back for approval")
    return (ApprovalVoided(reason=reason),)


def decide_schedule(state: NoticeState, send_at: datetime, now: datetime) -> tuple[Event, ...]:
    """Schedule the issue at a future time."""
    _need(
        state, {"approved", "scheduled"}, "scheduled before it is approved" if state.phase in EDITABLE else "scheduled"
    )
    _refuse_gaps(state.plan, now)
    if send_at <= now:
        raise Invalid.field("send_at", "This time has passed already: give a later one, or issue it now.")
    if state.plan.expires is not None and state.plan.expires <= send_at:
        raise Invalid.field("send_at", "It would be sent after it has expired: send it earlier or let it live longer.")
    return (NoticeScheduled(send_at=send_at),)


# --- issue and end


def decide_issue(state: NoticeState, references: tuple[UUID, ...], now: datetime) -> tuple[Event, ...]:
    """Issue the notice now. `references`: the issued notices of its thread, oldest first."""
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
    """End the thread's head by the issue of `by` (RULES 13). An expired head may still be followed."""
    _need(head, {"live", "expired"}, "followed by another")
    match by.msg_type:
        case "Cancel":
            return (NoticeCancelled(replaced_by=by.id, reason=reason),)
        case "AllClear":
            return (NoticeCleared(replaced_by=by.id),)
        case _:
            return (NoticeSuperseded(replaced_by=by.id),)


def decide_expire(state: NoticeState, due: datetime) -> tuple[Event, ...]:
    """Expire the notice if it is live and `due` is its current expiry."""
    return (NoticeExpired(),) if state.phase == "live" and state.expires == due else ()
