"""Threads, subjects and the issue of a notice, inside the writer's transaction."""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from uuid import UUID

import msgspec

from alerts.commands.organisation_names import check_organisation
from alerts.domain import notice_lifecycle as life
from alerts.domain.events import NoticeDrafted, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE, PLACE, SEGMENT, place_id, segment_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Invalid, NotFound
from alerts.kernel.events import Event
from alerts.kernel.terms import MsgType
from alerts.scheduler.due_items import plan_due
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")

SEND, EXPIRY = "notice-send", "notice-expiry"


class Subject(NamedTuple):
    """Notices about one incident or service change."""

    thread: UUID
    """The first one's id."""
    latest: UUID
    """The last one drafted, issued or not."""


def notice(unit: UnitOfWork, notice_id: UUID) -> NoticeState:
    """Load a notice. Raises NotFound."""
    state = unit.get(NOTICE, notice_id)
    if state is None:
        raise NotFound("There is no such notice.")
    return state


def subject_of(unit: UnitOfWork, subject: UUID) -> Subject | None:
    """Return the notices about an incident or service change, or None."""
    rows = unit.read(_sql.subject, (subject.bytes,))
    return Subject(UUID(bytes=bytes(rows[0][0])), UUID(bytes=bytes(rows[0][1]))) if rows else None


def set_subject(unit: UnitOfWork, subject: UUID, found: Subject) -> None:
    """Store the notices of a subject."""
    unit.write(_sql.set_subject, (subject.bytes, found.thread.bytes, found.latest.bytes))


# --- threads


def thread_notices(unit: UnitOfWork, thread: UUID) -> list[NoticeState]:
    """Return the issued notices of a thread, oldest first, by following `replaced_by`. The last is the head."""
    found: list[NoticeState] = []
    following: UUID | None = thread
    while following is not None:
        state = notice(unit, following)
        if not state.issued:
            break
        found.append(state)
        following = state.replaced_by
    return found


def is_over(head: NoticeState) -> bool:
    """True if a thread with this head has ended: by a cancel or an all-clear, never by its expiry."""
    return head.msg_type in life.ENDINGS or head.phase in ("cancelled", "cleared")


def open_head(unit: UnitOfWork, state: NoticeState) -> tuple[NoticeState, tuple[UUID, ...]]:
    """Return the head that a follow-up of this thread replaces, and the ids of all members. Raises Conflict."""
    issued = thread_notices(unit, state.thread)
    if not issued:
        raise Conflict("This notice has not been issued: edit it or reject it instead.", state=state.phase)
    if is_over(issued[-1]):
        raise Conflict("This thread has ended by a cancel or an all-clear: begin a new notice.", state=state.phase)
    return issued[-1], tuple(member.id for member in issued)


# --- making notices


def draft(
    unit: UnitOfWork,
    notice_id: UUID,
    plan: NoticePlan,
    source: str,
    *,
    msg_type: MsgType = "Alert",
    thread: UUID | None = None,
    references: tuple[UUID, ...] = (),
) -> NoticeState:
    """Draft a notice: the first of a new thread, or a follow-up. Raises Invalid for too large an audience."""
    if msg_type not in life.ENDINGS:
        check_size(unit, plan)
        check_organisation(unit, plan, finished=False)
    drafted = NoticeDrafted(
        number=unit.number("notice"),
        msg_type=msg_type,
        thread=thread or notice_id,
        references=references,
        plan=plan,
        source=source,
    )
    unit.append(NOTICE, notice_id, drafted)
    for subject in (plan.incident, plan.service_change):
        if subject is not None:
            _join_subject(unit, subject, notice_id, thread)
    return notice(unit, notice_id)


def _join_subject(unit: UnitOfWork, subject: UUID, notice_id: UUID, thread: UUID | None) -> None:
    """Link a notice to its subject: a first one unless a thread is open, a follow-up within its thread."""
    before = subject_of(unit, subject)
    if thread is None:
        if before is None or not _is_open(unit, before):
            set_subject(unit, subject, Subject(notice_id, notice_id))
    elif before is not None and before.thread == thread:
        set_subject(unit, subject, Subject(thread, notice_id))


def _is_open(unit: UnitOfWork, subject: Subject) -> bool:
    issued = thread_notices(unit, subject.thread)
    return not is_over(issued[-1]) if issued else notice(unit, subject.thread).phase != "rejected"


def approval_hash(unit: UnitOfWork, plan: NoticePlan) -> str:
    """Hash of what an approval binds: the plan, and the versions of its rule's segments (RULES 16)."""
    versions = sorted(segment_versions(unit, plan.audience).items())
    return hashlib.sha256(msgspec.json.encode((plan, versions), order="deterministic")).hexdigest()


def segment_versions(unit: UnitOfWork, rule: object) -> dict[str, int]:
    """Return the versions of the segments that a JSON rule refers to, transitively."""
    found: dict[str, int] = {}
    waiting = [rule]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(value for name, value in node.items() if name in ("all", "any", "not"))
            slug = node.get("segment")
            if isinstance(slug, str) and slug not in found:
                segment = unit.get(SEGMENT, segment_id(slug))
                found[slug] = segment.version if segment else 0
                waiting.append(segment.rule if segment else None)
    return found


def check_size(unit: UnitOfWork, plan: NoticePlan) -> None:
    """Refuse an audience that costs more than one question may: area and rule, places and segments as they are now.

    Raises Invalid.
    """
    if plan.audience is not None or plan.area is not None:
        check_rule_size(unit, plan.audience, area=plan.area)


def check_rule_size(unit: UnitOfWork, rule: object, *, area: object = None, field: str = "audience") -> None:
    """Refuse a JSON rule that is too large with its segments. Raises Invalid."""
    from alerts.kernel.rules import measure_rule

    def segment(slug: str) -> dict[str, object] | None:
        state = unit.get(SEGMENT, segment_id(slug))
        return state.rule if state else None

    def place(slug: str) -> dict[str, object] | None:
        state = unit.get(PLACE, place_id(slug))
        return state.geometry if state else None

    measure_rule(rule, segment, place, area=area, field=field)


# --- out


def issue(unit: UnitOfWork, state: NoticeState, reason: str = "") -> NoticeState:
    """Issue an approved notice; in the same transaction it becomes the head of its thread.

    Raises Invalid if its audience has become too large to compute, or its organisation may not issue it. Neither is
    asked of a cancel and an all-clear (RULES 14).
    """
    if state.msg_type not in life.ENDINGS:
        check_size(unit, state.plan)
        check_organisation(unit, state.plan)
    if state.thread == state.id:
        unit.append(NOTICE, state.id, *life.decide_issue(state, (), unit.now))
    else:
        head, references = open_head(unit, state)
        # Both are decided before either is appended: a caller that catches an error finds no partial change.
        replaced, out = life.decide_replace(head, state, reason), life.decide_issue(state, references, unit.now)
        unit.append(NOTICE, head.id, *replaced)
        unit.append(NOTICE, state.id, *out)
    issued = notice(unit, state.id)
    if issued.expires is not None:
        plan_due(unit, EXPIRY, issued.id, issued.expires)
    return issued


def approve_unattended(unit: UnitOfWork, state: NoticeState, approver: str) -> NoticeState:
    """Approve by policy, or by a person where no second approver is needed."""
    digest = approval_hash(unit, state.plan)
    unit.append(NOTICE, state.id, *life.decide_approve_alone(state, approver=approver, digest=digest, now=unit.now))
    return notice(unit, state.id)


def issue_unattended(unit: UnitOfWork, state: NoticeState, approver: str, reason: str = "") -> NoticeState:
    """Approve without a second person and issue, now or at the plan's `send_at`."""
    state = approve_unattended(unit, state, approver)
    send_at = state.plan.send_at
    if send_at is None or send_at <= unit.now:
        return issue(unit, state, reason)
    return schedule(unit, state, life.decide_schedule(state, send_at, unit.now))


def schedule(unit: UnitOfWork, state: NoticeState, events: tuple[Event, ...]) -> NoticeState:
    """Append the scheduling events and plan the due item that sends the notice."""
    unit.append(NOTICE, state.id, *events)
    scheduled = notice(unit, state.id)
    if scheduled.phase == "scheduled" and scheduled.send_at is not None:
        plan_due(unit, SEND, scheduled.id, scheduled.send_at)
    return scheduled


def submit(unit: UnitOfWork, state: NoticeState) -> NoticeState:
    """Submit for approval. Raises Invalid for an incomplete notice, or one that its organisation may not issue."""
    if state.msg_type not in life.ENDINGS:
        check_organisation(unit, state.plan)
    unit.append(NOTICE, state.id, *life.decide_submit(state, unit.now))
    return notice(unit, state.id)


def submit_if_complete(unit: UnitOfWork, state: NoticeState) -> NoticeState:
    """Submit for approval; leave an incomplete notice a draft for a person to complete."""
    try:
        return submit(unit, state)
    except Invalid:
        return state
