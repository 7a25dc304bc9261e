"""Notice commands: write, approve, send, follow up (RULES 1, 13–17)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from alerts.commands import notice_threads, subject_notices, validation
from alerts.commands.actor import Actor
from alerts.commands.approval import auto_approved, or_conflict, revoke_if_changed, saved, single_approver
from alerts.commands.base import CommandBase
from alerts.commands.message_templates import check_template
from alerts.commands.notice_plans import ValidNotice, base_plan, one_subject, plan_as_body, plan_of
from alerts.commands.notice_plans import check_notice as check_body
from alerts.commands.organisation_names import check_organisation, check_thread, in_name
from alerts.commands.ports import Idempotency
from alerts.commands.results import NoticeSaved
from alerts.commands.rights import check_editor, check_notice, check_plan_now
from alerts.contract.bodies import AllClearBody, CancelBody, NoticeBody
from alerts.domain import notice_lifecycle as life
from alerts.domain.events import Content, DispatchResumed, DispatchStopped, NoticePlan, TemplateUse
from alerts.domain.notice import NoticeState
from alerts.domain.streams import DISPATCH, NOTICE, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.intake import strict_json
from alerts.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from alerts.kernel.events import Event
from alerts.kernel.ids import new_id
from alerts.kernel.merge_patch import merge_patch
from alerts.kernel.terms import MsgType
from alerts.kernel.time_limits import check_time
from subscribers.audience.query import AudienceCount
from subscribers.audience.reference_data import ReferenceData


class NoticeCommands(CommandBase):
    """Life cycle of notices. Raises Conflict for an illegal transition, Forbidden for missing authority."""

    # --- writing

    async def plan_notice(self, actor: Actor, body: NoticeBody) -> NoticePlan:
        """Build and validate the plan of a body without storing it, for counting an audience."""
        checked, categories = await self._check(body)
        plan = plan_of(checked, base_plan(self._log.state, checked.body, categories))
        if found := [gap for gap in life.gaps(plan, self._clock()) if not gap.field.startswith("content")]:
            raise Invalid(" ".join(gap.message for gap in found), found)
        return plan

    async def count_audience(self, actor: Actor, body: NoticeBody) -> AudienceCount:
        """Count the audience that a notice would reach now."""
        return await self.count_plan(await self.plan_notice(actor, body))

    async def count_plan(
        self, plan: NoticePlan, check: Callable[[ReferenceData], None] = lambda _: None, *, near_m: float = 0.0
    ) -> AudienceCount:
        """Count the audience of a validated plan now, unless `check` refuses it.

        `near_m`: also how many more live within so many metres outside its area.
        """
        return await self._audience.count(plan, at=self._clock(), near_m=near_m, check=check)

    async def count_draft(self, actor: Actor, body: dict[str, Any], notice: UUID | None = None) -> AudienceCount:
        """Count whom a draft would reach as it is being written, without storing it.

        `body`: that of a new notice, or a merge patch of `notice`. Refused where saving it would be.
        """
        if notice is None:
            checked, categories = await self._check(strict_json.typed(body, NoticeBody), titled=False)
            plan = plan_of(checked, base_plan(self._log.state, checked.body, categories))
        else:
            before = self._notice(notice)
            checked, categories = await self._check(_patched(before, body), since=before.plan, titled=False)
            plan = plan_of(checked, base_plan(self._log.state, checked.body, categories), msg_type=before.msg_type)
        if not plan.area:
            raise Invalid.field("area", "There is no area yet.")
        await asyncio.to_thread(check_plan_now, self._log, actor, plan)
        return await self.count_plan(plan)

    async def draft_notice(
        self,
        actor: Actor,
        body: NoticeBody,
        *,
        template: TemplateUse | None = None,
        idem: Idempotency | None = None,
    ) -> NoticeSaved:
        """Draft a notice; it may be unfinished. `template`: the published template it is written from."""
        checked, categories = await self._check(body, titled=_titled(actor))

        def work(unit: UnitOfWork) -> NoticeSaved:
            check_template(unit, template)
            plan = plan_of(checked, base_plan(unit.get, checked.body, categories))
            plan = in_name(unit, actor, replace(plan, template=template))
            check_notice(unit, actor, plan, finished=False)
            return saved(notice_threads.draft(unit, new_id(), plan, actor.source))

        return await self._run(actor, work, idem)

    async def revise_notice(
        self, actor: Actor, notice: UUID, patch: dict[str, Any], version: int | None = None
    ) -> NoticeSaved:
        """Apply a merge patch to a notice; any edit voids an approval. Raises Stale if `version` is not current."""
        before = self._notice(notice)
        checked, categories = await self._check(_patched(before, patch), since=before.plan, titled=_titled(actor))

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = notice_threads.notice(unit, notice)
            check_editor(unit, actor, state)
            if state.version != (before.version if version is None else version) or state.version != before.version:
                raise Stale("It was changed in the meantime: read it again, then edit it.")
            base = base_plan(unit.get, checked.body, categories)
            plan = plan_of(checked, base, msg_type=state.msg_type)
            if state.thread != state.id and (plan.kind, plan.status) != (state.plan.kind, state.plan.status):
                raise Invalid.field("kind", "A follow-up is of the kind and status of its thread.")
            kept = state.plan
            plan = replace(plan, cap=kept.cap, category=plan.category or kept.category, template=kept.template)
            if state.thread != state.id:
                check_thread(state.plan, plan)
            else:
                plan = in_name(unit, actor, plan)
            if state.msg_type not in life.ENDINGS:
                notice_threads.check_size(unit, plan)
                check_organisation(unit, plan, finished=False)
            check_notice(unit, actor, plan, finished=False)
            unit.append(NOTICE, notice, *life.decide_revise(state, plan, actor.by))
            return saved(notice_threads.notice(unit, notice))

        return await self._run(actor, work)

    # --- towards an approval

    async def submit(
        self,
        actor: Actor,
        notice: UUID,
        *,
        note: str = "",
        let_stand: tuple[str, ...] = (),
        idem: Idempotency | None = None,
    ) -> NoticeSaved:
        """Submit for approval, with a word for the approver and the warnings that the author let stand."""
        words = validation.text(note, "note", validation.REASON)

        def decide(state: NoticeState, unit: UnitOfWork) -> tuple[Event, ...]:
            check_editor(unit, actor, state)
            if state.msg_type not in life.ENDINGS:
                check_organisation(unit, state.plan)
            return life.decide_submit(state, unit.now, words, let_stand)

        return await self._advance(actor, notice, decide, idem)

    async def return_(self, actor: Actor, notice: UUID, reason: str, *, idem: Idempotency | None = None) -> NoticeSaved:
        """Return to the author."""
        words = validation.text(reason, "reason", validation.REASON, needed=True)
        return await self._advance(actor, notice, lambda s, _: life.decide_return(s, words), idem)

    async def reject(self, actor: Actor, notice: UUID, reason: str, *, idem: Idempotency | None = None) -> NoticeSaved:
        """Reject for good."""
        words = validation.text(reason, "reason", validation.REASON, needed=True)
        return await self._advance(actor, notice, lambda s, _: life.decide_reject(s, words), idem)

    async def approve(
        self, actor: Actor, notice: UUID, version: int, people: int, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Approve the version and the audience count that the person saw (else Conflict).

        The notice is scheduled if `send_at` was set before; a cancel or an all-clear is issued at once.
        """
        if actor.person is None:
            raise Forbidden("Only a person can approve: use a key that was issued for one.")
        seen = self._notice(notice)
        counted = await self._audience.count(seen.plan, at=self._clock(), msg_type=seen.msg_type)

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = notice_threads.notice(unit, notice)
            check_notice(unit, actor, state.plan)
            if state.msg_type not in life.ENDINGS:
                check_organisation(unit, state.plan)
            events = life.decide_approve(
                state,
                approver=actor.by,
                version=version,
                seen=people,
                people=counted.people,
                digest=notice_threads.approval_hash(unit, state.plan),
                now=unit.now,
            )
            approved = notice_threads.schedule(unit, state, events)
            if approved.msg_type in life.ENDINGS:
                return saved(notice_threads.issue(unit, approved), dispatch=True)
            return saved(approved)

        return await self._run(actor, work, idem)

    # --- out

    async def schedule(
        self, actor: Actor, notice: UUID, send_at: datetime, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Schedule the issue. A policy that says `issue` may schedule a draft."""
        check_time(send_at, "send_at")

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = auto_approved(unit, actor, _to_send(unit, actor, notice))
            if (voided := revoke_if_changed(unit, state)) is not None:
                return voided
            return saved(notice_threads.schedule(unit, state, life.decide_schedule(state, send_at, unit.now)))

        return or_conflict(await self._run(actor, work, idem))

    async def issue(self, actor: Actor, notice: UUID, *, idem: Idempotency | None = None) -> NoticeSaved:
        """Issue now: a notice approved by people, or a draft of a key whose policy says `issue`.

        Raises Conflict, and returns it to pending-approval, if it is no longer what was approved (RULES 16).
        """
        people = await self._count_approved(notice)

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = auto_approved(unit, actor, _to_send(unit, actor, notice))
            if (voided := revoke_if_changed(unit, state, people)) is not None:
                return voided
            return saved(notice_threads.issue(unit, state), dispatch=True)

        return or_conflict(await self._run(actor, work, idem))

    # --- following up

    async def update(
        self, actor: Actor, notice: UUID, body: NoticeBody, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Draft an update of the thread of `notice`; absent fields are taken from its latest notice."""
        checked, categories = await self._check(body)

        def work(unit: UnitOfWork) -> NoticeSaved:
            head, references = notice_threads.open_head(unit, notice_threads.notice(unit, notice))
            if body.kind != head.plan.kind:
                raise Invalid.field("kind", f"An update is of the kind of its thread: {head.plan.kind}.")
            if body.status not in ("Actual", head.plan.status):
                raise Invalid.field("status", f"An update is of the status of its thread: {head.plan.status}.")
            base = replace(one_subject(head.plan), send_at=None, expires=None, cap=None)
            if body.incident or body.service_change:
                base = _over(base, base_plan(unit.get, body, categories))
            # An update of a drill is always a drill: leaving the status out must never send it to everyone.
            said = replace_body(checked, replace(body, status=head.plan.status))
            plan = plan_of(said, base, msg_type="Update")
            check_thread(head.plan, plan)
            check_notice(unit, actor, head.plan)  # its people get the update too
            check_notice(unit, actor, plan, finished=False)
            return saved(
                notice_threads.draft(
                    unit,
                    new_id(),
                    plan,
                    actor.source,
                    msg_type="Update",
                    thread=head.thread,
                    references=references,
                )
            )

        return await self._run(actor, work, idem)

    async def cancel(
        self, actor: Actor, notice: UUID, body: CancelBody, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Cancel a notice that should not have been sent; issued at once, without a second approver.

        Needs a person who may approve, or a policy that says `issue`.
        """
        reason = validation.text(body.reason, "reason", validation.REASON, needed=True)
        return await self._end(actor, notice, "Cancel", validation.content(body.content), reason, idem)

    async def all_clear(
        self, actor: Actor, notice: UUID, body: AllClearBody, *, idem: Idempotency | None = None
    ) -> NoticeSaved:
        """Issue an all-clear at once; needs a person who may approve, or a policy that says `issue`."""
        return await self._end(actor, notice, "AllClear", validation.content(body.content), "", idem)

    async def _end(
        self,
        actor: Actor,
        notice: UUID,
        msg_type: MsgType,
        content: dict[str, Content],
        reason: str,
        idem: Idempotency | None,
    ) -> NoticeSaved:
        def work(unit: UnitOfWork) -> NoticeSaved:
            head, _ = notice_threads.open_head(unit, notice_threads.notice(unit, notice))
            check_notice(unit, actor, head.plan)
            approver = single_approver(unit, actor, head)
            state = subject_notices.follow_up(unit, new_id(), actor, head, msg_type, content)
            return saved(notice_threads.issue_unattended(unit, state, approver, reason), dispatch=True)

        return await self._run(actor, work, idem)

    async def stop(self, actor: Actor, notice: UUID, reason: str, *, idem: Idempotency | None = None) -> NoticeSaved:
        """Stop a dispatch: deliveries not handed over are cancelled, the thread stays live. Idempotent."""
        words = validation.text(reason, "reason", validation.REASON, needed=True)

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = notice_threads.notice(unit, notice)
            check_notice(unit, actor, state.plan)
            single_approver(unit, actor, state)
            if not state.issued:
                raise Conflict("This notice has not been issued: there is nothing to stop.", state=state.phase)
            dispatch = unit.get(DISPATCH, dispatch_id(notice))
            # A fully delivered dispatch is stopped too: late joiners and follow-ups of late outcomes would still be
            # sent.
            if dispatch is None or dispatch.stopped is None:
                stopped = DispatchStopped(notice=notice, number=state.number, reason=words)
                unit.append(DISPATCH, dispatch_id(notice), stopped)
            return saved(state)

        return await self._run(actor, work, idem)

    async def resume(self, actor: Actor, notice: UUID, reason: str, *, idem: Idempotency | None = None) -> NoticeSaved:
        """Resume a paused dispatch despite its bounces. Idempotent."""
        words = validation.text(reason, "reason", validation.REASON, needed=False)

        def work(unit: UnitOfWork) -> NoticeSaved:
            state = notice_threads.notice(unit, notice)
            check_notice(unit, actor, state.plan)
            single_approver(unit, actor, state)
            dispatch = unit.get(DISPATCH, dispatch_id(notice))
            if dispatch is None or dispatch.paused is None:
                raise Conflict("This notice's dispatch is not paused: there is nothing to resume.", state=state.phase)
            if dispatch.stopped is not None:
                raise Conflict("This notice's dispatch was stopped: nothing more of it may leave.", state=state.phase)
            if dispatch.waits:
                resumed = DispatchResumed(notice=notice, number=state.number, reason=words)
                unit.append(DISPATCH, dispatch_id(notice), resumed)
            return saved(state)

        return await self._run(actor, work, idem)

    # --- shared

    async def _check(
        self, body: NoticeBody, since: NoticePlan | None = None, *, titled: bool = True
    ) -> tuple[ValidNotice, dict[str, str]]:
        """Validate a body. `since`: the current plan, whose unchanged `send_at` may have passed."""
        checked_body = body
        if since is not None and body.send_at == since.send_at:
            checked_body = replace(body, send_at=None)
        checked, categories = await self._checked(
            lambda known: (check_body(checked_body, known, self._clock(), titled=titled), known.categories),
            heavy=validation.is_drawn(body.area) or body.audience is not None,
        )
        return replace_body(checked, body), categories

    async def _advance(
        self,
        actor: Actor,
        notice: UUID,
        decide: Callable[[NoticeState, UnitOfWork], tuple[Event, ...]],
        idem: Idempotency | None,
    ) -> NoticeSaved:
        def work(unit: UnitOfWork) -> NoticeSaved:
            state = notice_threads.notice(unit, notice)
            check_notice(unit, actor, state.plan)
            unit.append(NOTICE, notice, *decide(state, unit))
            return saved(notice_threads.notice(unit, notice))

        return await self._run(actor, work, idem)

    def _notice(self, notice: UUID) -> NoticeState:
        state = self._log.state(NOTICE, notice)
        if state is None:
            raise NotFound("There is no such notice.")
        return state


def _to_send(unit: UnitOfWork, actor: Actor, notice: UUID) -> NoticeState:
    """Load a notice that the actor would schedule or issue. Raises Forbidden.

    A person's draft is sent by those who may edit it. A program's may be sent by any program whose policy says `issue`.
    """
    state = notice_threads.notice(unit, notice)
    check_notice(unit, actor, state.plan)
    of_programs = actor.kind == "key" and actor.person is None and not state.drafted_by.startswith("person:")
    if state.phase == "draft" and not of_programs:
        check_editor(unit, actor, state)
    return state


def _titled(actor: Actor) -> bool:
    """True if words need a title at once: a program has them all, a person's draft is saved from its first word."""
    return actor.kind != "person"


def replace_body(checked: ValidNotice, body: NoticeBody) -> ValidNotice:
    """Return the same checked notice with the body as it was sent."""
    return ValidNotice(body=body, area=checked.area, content=checked.content)


def _patched(state: NoticeState, patch: dict[str, Any]) -> NoticeBody:
    return strict_json.typed(merge_patch(plan_as_body(state.plan), patch), NoticeBody)


def _over(head: NoticePlan, subject: NoticePlan | None) -> NoticePlan:
    """Lay the facts of a newly named incident or change over the head's plan."""
    if subject is None:
        return head
    return replace(
        head,
        content=subject.content,
        topic=subject.topic or head.topic,
        area=None if subject.kind == "service-change" else subject.area or head.area,
        urgency=subject.urgency,
        severity=subject.severity,
        certainty=subject.certainty,
        category=subject.category or head.category,
        expires=subject.expires,
    )
