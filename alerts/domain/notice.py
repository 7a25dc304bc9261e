"""Notice: one message to tell people, from draft to its end. State and fold. Pure.

The transitions allowed in each state are in `notice_lifecycle`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    ApprovalVoided,
    NoticeApproved,
    NoticeCancelled,
    NoticeCleared,
    NoticeDrafted,
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
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded
from alerts.kernel.terms import MsgType, NoticePhase, Priority


class NoticeState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one notice. The read model stores it unchanged."""

    id: UUID
    number: int
    version: int
    phase: NoticePhase
    msg_type: MsgType
    thread: UUID
    references: tuple[UUID, ...]
    plan: NoticePlan
    source: str | None
    drafted_at: datetime
    drafted_by: str
    hands: frozenset[str]
    """Creator, editors and submitter since approval was last requested: none of them may approve."""
    approved_by: str | None = None
    approved_at: datetime | None = None
    approved_people: int | None = None
    approved_hash: str | None = None
    send_at: datetime | None = None
    issued_at: datetime | None = None
    issued_position: int | None = None
    priority: Priority | None = None
    danger_to_life: bool = False
    expires: datetime | None = None
    ended_at: datetime | None = None
    replaced_by: UUID | None = None
    reason: str = ""
    """Reason for the return, rejection or cancellation, or for the voided approval."""
    note: str = ""
    """Word of the submitter for the approver."""
    let_stand: tuple[str, ...] = ()
    """Warnings of the guide that the submitter let stand."""
    returned_by: str | None = None
    """Member who returned it, until somebody else has edited or submitted it; they may not edit it."""
    position: int = 0
    """Position of the last event folded."""

    @property
    def issued(self) -> bool:
        """True if it has been issued, whatever happened to it since."""
        return self.issued_at is not None


def evolve(state: NoticeState | None, recorded: Recorded) -> NoticeState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, NoticeDrafted):
        return NoticeState(
            id=recorded.originator_id,
            number=event.number,
            version=recorded.originator_version,
            phase="draft",
            msg_type=event.msg_type,
            thread=event.thread,
            references=event.references,
            plan=event.plan,
            source=event.source,
            drafted_at=recorded.at,
            drafted_by=recorded.by,
            hands=frozenset((recorded.by,)),
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("notice", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    return _before_issue(state, recorded) or _from_issue_on(state, recorded) or state


def _before_issue(state: NoticeState, recorded: Recorded) -> NoticeState | None:
    by = recorded.by
    match recorded.event:
        case NoticeRevised(plan=plan):
            phase = "draft" if state.phase == "returned" else state.phase
            hands, returned_by = state.hands | {by}, _returned_by(state, by)
            return replace(state, plan=plan, phase=phase, hands=hands, returned_by=returned_by)
        case NoticeSubmitted(note=note, let_stand=let_stand):
            return replace(
                state,
                phase="pending-approval",
                hands=state.hands | {by},
                returned_by=_returned_by(state, by),
                reason="",
                note=note,
                let_stand=let_stand,
            )
        case NoticeReturned(reason=reason):
            return replace(state, phase="returned", reason=reason, returned_by=by)
        case NoticeRejected(reason=reason):
            return replace(state, phase="rejected", reason=reason, ended_at=recorded.at)
        case NoticeApproved(approver=approver, people=people, hash=digest):
            return replace(
                state,
                phase="approved",
                approved_by=approver,
                approved_at=recorded.at,
                approved_people=people,
                approved_hash=digest,
                reason="",
            )
        case ApprovalVoided(reason=reason):
            return replace(
                state,
                phase="pending-approval",
                approved_by=None,
                approved_at=None,
                approved_people=None,
                approved_hash=None,
                send_at=None,
                reason=reason,
            )
        case NoticeScheduled(send_at=send_at):
            return replace(state, phase="scheduled", send_at=send_at)
        case _:
            return None


def _returned_by(state: NoticeState, by: str) -> str | None:
    """Return who still may not edit a returned notice, once `by` has edited or submitted it."""
    return state.returned_by if by == state.returned_by else None


def _from_issue_on(state: NoticeState, recorded: Recorded) -> NoticeState | None:
    match recorded.event:
        case NoticeIssued() as issued:
            return replace(
                state,
                phase="live",
                plan=issued.plan,
                references=issued.references,
                priority=issued.priority,
                danger_to_life=issued.danger_to_life,
                expires=issued.expires,
                issued_at=recorded.at,
                issued_position=recorded.position,
            )
        case NoticeSuperseded(replaced_by=by):
            return replace(state, phase="superseded", replaced_by=by, ended_at=state.ended_at or recorded.at)
        case NoticeCancelled(replaced_by=by, reason=reason):
            return replace(
                state, phase="cancelled", replaced_by=by, reason=reason, ended_at=state.ended_at or recorded.at
            )
        case NoticeCleared(replaced_by=by):
            return replace(state, phase="cleared", replaced_by=by, ended_at=state.ended_at or recorded.at)
        case NoticeExpired():
            return replace(state, phase="expired", ended_at=recorded.at)
        case _:
            return None
