"""What follows by policy from an incident or a service change: nothing, a draft, or a notice at once (RULES 18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from alerts.commands import notice_threads
from alerts.commands.actor import Actor
from alerts.commands.notice_plans import ending_plan
from alerts.domain import notice_lifecycle as life
from alerts.domain.events import Content, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.kernel.terms import MsgType

NewId = Callable[[], UUID]
RECORDED = "The policy says: record only."
"""Why nothing came of something."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What came of it."""

    notice: NoticeState | None = None
    note: str = ""
    """Why nothing came of it, in words."""

    @property
    def notices(self) -> tuple[UUID, ...]:
        """Their ids."""
        return (self.notice.id,) if self.notice else ()


def announce(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan, new: NewId = new_id) -> Announcement:
    """Something happened, or is otherwise than before: its notice, or an update of it, under the actor's policy.

    A notice of the subject that has not gone out yet is revised; one that has is followed by an update; a thread that
    has ended, or was rejected, is followed by a new one.
    """
    answer = notice_threads.policy_decision(unit, actor.policy, plan)
    if answer == "record":
        return Announcement(note=RECORDED)
    state = _unsent_notice(unit, actor, subject, plan) or _begin(unit, actor, subject, plan, new)
    if answer == "issue":
        return Announcement(notice_threads.issue_unattended(unit, _without_approval(unit, state), actor.policy_name))
    if state.phase in ("draft", "returned"):
        state = notice_threads.submit_if_complete(unit, state)
    return Announcement(state)


def _unsent_notice(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan) -> NoticeState | None:
    """The subject's latest notice with this plan, if it is the actor's own and has not gone out yet."""
    found = notice_threads.subject_of(unit, subject)
    state = notice_threads.notice(unit, found.latest) if found else None
    if (
        state is None
        or state.source != actor.source
        or state.phase not in life.EDITABLE
        or state.msg_type in life.ENDINGS
    ):
        return None
    unit.append(NOTICE, state.id, *life.decide_revise(state, plan))
    return notice_threads.notice(unit, state.id)


def _begin(unit: UnitOfWork, actor: Actor, subject: UUID, plan: NoticePlan, new: NewId) -> NoticeState:
    """An update of the subject's thread if one is open, else the first notice of a new one."""
    found = notice_threads.subject_of(unit, subject)
    issued = notice_threads.thread_notices(unit, found.thread) if found else []
    if found is None or not issued or notice_threads.is_over(issued[-1]):
        state = notice_threads.draft(unit, new(), plan, actor.source)
        notice_threads.set_subject(unit, subject, notice_threads.Subject(state.id, state.id))
        return state
    return notice_threads.draft(
        unit,
        new(),
        plan,
        actor.source,
        msg_type="Update",
        thread=found.thread,
        references=tuple(member.id for member in issued),
    )


def _without_approval(unit: UnitOfWork, state: NoticeState) -> NoticeState:
    """A notice that a person has approved or scheduled is approved anew by the policy that sends it now."""
    if state.phase in ("approved", "scheduled"):
        unit.append(NOTICE, state.id, *life.decide_void(state, "The source's policy issues it at once."))
        return notice_threads.notice(unit, state.id)
    return state


def end(
    unit: UnitOfWork,
    actor: Actor,
    subject: UUID,
    msg_type: MsgType,
    content: dict[str, Content],
    reason: str,
    new: NewId = new_id,
) -> Announcement:
    """It is over (AllClear), or should not have been said (Cancel): what the policy says of the notice in force counts.

    What the actor has in the making about it is rejected; what a person is writing is left to them.
    """
    found = notice_threads.subject_of(unit, subject)
    if found is None:
        return Announcement(note="No notice was made of it.")
    latest = notice_threads.notice(unit, found.latest)
    issued = notice_threads.thread_notices(unit, found.thread)
    answer = notice_threads.policy_decision(unit, actor.policy, issued[-1].plan if issued else latest.plan)
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
        return Announcement(notice_threads.issue_unattended(unit, state, actor.policy_name, reason))
    return Announcement(notice_threads.submit_if_complete(unit, state))


def follow_up(
    unit: UnitOfWork, notice_id: UUID, actor: Actor, head: NoticeState, msg_type: MsgType, content: dict[str, Content]
) -> NoticeState:
    """The draft of a cancel or an all-clear of a thread."""
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
