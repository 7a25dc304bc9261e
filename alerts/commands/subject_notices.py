"""Notices about an incident or service change, by policy: none, a draft, or one at once (RULES 18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from msgspec.structs import replace

from alerts.commands import notice_threads
from alerts.commands.actor import Actor
from alerts.commands.notice_plans import ending_plan
from alerts.commands.organisation_names import check_organisation, check_writer, in_name, may_issue, organisations_of
from alerts.commands.policy_decision import policy_decision
from alerts.domain import notice_lifecycle as life
from alerts.domain.events import Content, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.kernel.terms import MsgType, PolicyAnswer

NewId = Callable[[], UUID]
RECORDED = "The policy says: record only."
"""Note of an announcement that a `record` policy held back."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Outcome of an announcement."""

    notice: NoticeState | None = None
    note: str = ""
    """Reason if no notice was made."""

    @property
    def notices(self) -> tuple[UUID, ...]:
        """Ids of the notices."""
        return (self.notice.id,) if self.notice else ()


def announce(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan, new: NewId = new_id) -> Announcement:
    """Announce something new or changed: its notice, or an update of it, under the actor's policy.

    An unissued notice of the subject is revised; an issued one is followed by an update; a thread that has ended, or
    was rejected, is followed by a new one.
    """
    thread = open_thread(unit, subject)
    plan = _in_its_name(unit, actor, subject, plan, thread)
    answer = policy_decision(unit, actor, plan, thread)
    if answer == "record":
        return Announcement(note=RECORDED)
    state = _unsent_notice(unit, actor, subject, plan) or _begin(unit, actor, subject, plan, new)
    if answer == "issue":
        return Announcement(notice_threads.issue_unattended(unit, _without_approval(unit, state), actor.policy_name))
    if state.phase in ("draft", "returned"):
        state = notice_threads.submit_if_complete(unit, state)
    return Announcement(state)


def _in_its_name(
    unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan, thread: list[NoticeState]
) -> NoticePlan:
    """Return the plan in the name of its open thread, else in the actor's own, else in that of the draft it revises."""
    if thread:
        plan = replace(plan, organisation=thread[-1].plan.organisation)
        if actor.person is not None:  # a program's is drafted for a person to decide
            check_writer(unit, actor, plan)
        return plan
    allowed = organisations_of(unit, actor)
    if plan.organisation is None and allowed is not None and len(allowed) > 1:
        return replace(plan, organisation=_likely(unit, plan, allowed))  # a draft: its author may choose another
    named = in_name(unit, actor, plan)
    if named.organisation is None and (found := notice_threads.subject_of(unit, subject)) is not None:
        latest = notice_threads.notice(unit, found.latest)
        if latest.source == actor.source and latest.phase in life.EDITABLE:
            return replace(plan, organisation=latest.plan.organisation)
    return named


def _likely(unit: UnitOfWork, plan: NoticePlan, allowed: frozenset[str]) -> str:
    """Return the first organisation that may issue a notice like this, or the first of all: it is refused by name."""
    named = [replace(plan, organisation=slug) for slug in sorted(allowed)]
    return next((slug for slug, one in zip(sorted(allowed), named, strict=True) if may_issue(unit, one)), min(allowed))


def open_thread(unit: UnitOfWork, subject: UUID) -> list[NoticeState]:
    """Return the issued notices of a subject's thread, oldest first; none if it has ended or nothing was issued."""
    found = notice_threads.subject_of(unit, subject)
    issued = notice_threads.thread_notices(unit, found.thread) if found else []
    return [] if issued and notice_threads.is_over(issued[-1]) else issued


def _unsent_notice(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan) -> NoticeState | None:
    """Revise the subject's latest notice to this plan, if it is the actor's own and not issued; else None.

    An unissued all-clear or cancel is rejected: what it would end goes on.
    """
    found = notice_threads.subject_of(unit, subject)
    state = notice_threads.notice(unit, found.latest) if found else None
    if state is None or state.source != actor.source or state.phase not in life.EDITABLE:
        return None
    if state.msg_type in life.ENDINGS:
        unit.append(NOTICE, state.id, *life.decide_reject(state, "It was reported again: it is not over."))
        return None
    check_organisation(unit, plan, finished=False)
    unit.append(NOTICE, state.id, *life.decide_revise(state, plan))
    return notice_threads.notice(unit, state.id)


def _begin(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan, new: NewId) -> NoticeState:
    """Draft an update of the subject's thread if one is open, else the first notice of a new one."""
    issued = open_thread(unit, subject)
    if not issued:
        state = notice_threads.draft(unit, new(), plan, actor.source)
        notice_threads.set_subject(unit, subject, notice_threads.Subject(state.id, state.id))
        return state
    return notice_threads.draft(
        unit,
        new(),
        plan,
        actor.source,
        msg_type="Update",
        thread=issued[0].thread,
        references=tuple(member.id for member in issued),
    )


def _without_approval(unit: UnitOfWork, state: NoticeState) -> NoticeState:
    """Void a person's approval or schedule: the issuing policy approves the notice anew."""
    if state.phase in ("approved", "scheduled"):
        unit.append(NOTICE, state.id, *life.decide_void(state, "The source's policy issues it at once."))
        return notice_threads.notice(unit, state.id)
    return state


def may_only_record(unit: UnitOfWork, actor: Actor, subject: UUID) -> bool:
    """True if the subject has an open thread of which the actor's policy says `record`: it ends nothing (RULES 17)."""
    thread = open_thread(unit, subject)
    return bool(thread) and _ending_answer(unit, actor, thread[-1], thread) == "record"


def _ending_answer(unit: UnitOfWork, actor: Actor, head: NoticeState, thread: list[NoticeState]) -> PolicyAnswer:
    """Answer for an ending: one who may approve needs no policy and no second person (RULES 13)."""
    return "issue" if actor.may_approve else policy_decision(unit, actor, head.plan, thread)


def end(
    unit: UnitOfWork,
    actor: Actor,
    subject: UUID,
    msg_type: MsgType,
    content: dict[str, Content],
    reason: str,
    new: NewId = new_id,
) -> Announcement:
    """End a subject's thread: over (AllClear), or sent in error (Cancel). The policy for its notices decides.

    The actor's own unissued notice about it is rejected; a person's draft is left alone. Raises Forbidden for a person
    who does not write in the name of the thread.
    """
    found = notice_threads.subject_of(unit, subject)
    if found is None:
        return Announcement(note="No notice was made of it.")
    latest = notice_threads.notice(unit, found.latest)
    issued = notice_threads.thread_notices(unit, found.thread)
    if issued and actor.person is not None:
        check_writer(unit, actor, issued[-1].plan)
    answer = _ending_answer(unit, actor, issued[-1] if issued else latest, issued)
    if answer == "record":
        return Announcement(note=RECORDED)
    if latest.phase in life.EDITABLE and latest.source == actor.source:
        unit.append(NOTICE, latest.id, *life.decide_reject(latest, reason))
    if not issued:
        return Announcement(note="Nobody had been told of it.")
    if notice_threads.is_over(issued[-1]):
        return Announcement(note="Its thread has ended already.")
    state = follow_up(unit, new(), actor, issued[-1], msg_type, content)
    if answer == "issue":
        approver = actor.by if actor.may_approve else actor.policy_name
        return Announcement(notice_threads.issue_unattended(unit, state, approver, reason))
    return Announcement(notice_threads.submit_if_complete(unit, state))


def follow_up(
    unit: UnitOfWork, notice_id: UUID, actor: Actor, head: NoticeState, msg_type: MsgType, content: dict[str, Content]
) -> NoticeState:
    """Draft a cancel or an all-clear of a thread."""
    references = tuple(member.id for member in notice_threads.thread_notices(unit, head.thread))
    return notice_threads.draft(
        unit,
        notice_id,
        ending_plan(head, content),
        actor.source,
        msg_type=msg_type,
        thread=head.thread,
        references=references,
    )
