"""Approval checks: authority to send, and whether an approval still matches the content (RULES 13, 16, 17)."""

from __future__ import annotations

import msgspec

from alerts.commands import approval_binding, notice_threads
from alerts.commands.actor import Actor
from alerts.commands.policy_decision import policy_decision
from alerts.commands.results import NoticeSaved
from alerts.domain import notice_lifecycle as life
from alerts.domain.notice import NoticeState
from alerts.domain.set_at import APPROVAL_SET_AT
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Forbidden
from alerts.kernel.people_words import people_words


def saved(state: NoticeState, *, dispatch: bool = False) -> NoticeSaved:
    """Build the result for a notice."""
    return NoticeSaved(
        id=state.id,
        version=state.version,
        number=state.number,
        thread=state.thread,
        state=state.phase,
        dispatch=dispatch,
    )


def auto_approved(unit: UnitOfWork, actor: Actor, state: NoticeState) -> NoticeState:
    """Return an approved notice as it is, or a draft approved by the actor's policy if that says `issue`."""
    if actor.policy is None:
        return state
    answer = policy_decision(unit, actor, state.plan, notice_threads.thread_notices(unit, state.thread))
    if answer == "record":
        raise Forbidden("The policy of this key says: record only.")
    if answer == "issue" and state.phase == "draft":
        return notice_threads.approve_unattended(unit, state, actor.policy_name)
    return state


def changed_since_approval(unit: UnitOfWork, state: NoticeState, people: int | None = None) -> str:
    """Say in words what an approved notice would say, or whom it would reach, otherwise than approved (RULES 16).

    `people`: its count now, None if that does not matter. "" if it may go out; also without an approval.
    """
    if state.approved_hash is None:
        return ""
    set_at = unit.get_at(APPROVAL_SET_AT, state.id)
    approved = set_at.position if set_at is not None else None  # None: approved by this very command
    if approved is not None and (changed := approval_binding.changed_since(unit, state.plan, approved)):
        return changed
    if approved is not None and _has_outgrown_its_policy(unit, state, approved):
        return "Its thread has gone on since the policy approved it."
    if state.approved_hash != notice_threads.approval_hash(unit, state.plan):
        return "A segment of its rule has changed since the approval."
    if people is None or not life.counts_matter(state) or not life.count_moved(state.approved_people or 0, people):
        return ""
    return f"It would now reach {people_words(people)}, not {state.approved_people} as approved."


def _has_outgrown_its_policy(unit: UnitOfWork, state: NoticeState, approved: int) -> bool:
    """True if a policy approved it, and its thread has a later member that this policy did not approve (RULES 17)."""
    if state.approved_by is None or not state.approved_by.startswith("policy:"):
        return False
    return any(
        (member.issued_position or 0) > approved
        and member.approved_by != state.approved_by
        and member.msg_type not in life.ENDINGS
        for member in notice_threads.thread_notices(unit, state.thread)
    )


def revoke_if_changed(unit: UnitOfWork, state: NoticeState, people: int | None = None) -> NoticeSaved | None:
    """Void an approval if what it binds has changed since; return the result that says so, else None.

    The notice then goes back to pending-approval.
    """
    reason = changed_since_approval(unit, state, people)
    if not reason:
        return None
    unit.append(NOTICE, state.id, *life.decide_void(state, reason))
    return msgspec.structs.replace(saved(notice_threads.notice(unit, state.id)), reason=reason)


def or_conflict(answer: NoticeSaved) -> NoticeSaved:
    """Return the result, or raise Conflict if the notice went back to approval (which stays committed)."""
    if answer.state == "pending-approval":
        raise Conflict(f"{answer.reason} It has to be approved again.".lstrip(), state=answer.state)
    return answer


def single_approver(unit: UnitOfWork, actor: Actor, state: NoticeState) -> str:
    """Return the approver of a cancel, an all-clear or a stop, which need no second person. Raises Forbidden."""
    if actor.may_approve:
        return actor.by
    thread = notice_threads.thread_notices(unit, state.thread)
    if policy_decision(unit, actor, state.plan, thread) == "issue":
        return actor.policy_name
    raise Forbidden("This takes one who may approve, or a key or source whose policy says issue.")
