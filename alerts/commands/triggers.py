"""Webhook intake commands: record a trigger and decide its effects in one transaction, exactly once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

from msgspec.structs import replace as replace_struct

from alerts.commands import (
    cap_alerts,
    cap_references,
    incidents,
    message_order,
    notice_threads,
    service_points,
    validation,
)
from alerts.commands.actor import SYSTEM, Actor
from alerts.commands.base import CommandBase
from alerts.commands.notice_plans import base_plan, check_notice, plain_content, plan_of
from alerts.commands.organisation_names import in_name
from alerts.commands.policy_decision import policy_decision
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import TriggerSaved
from alerts.commands.subject_notices import Announcement, NewId
from alerts.contract.bodies import IncidentBody, ResolveBody, ServiceChangeBody
from alerts.contract.cap_message import CapMessage
from alerts.contract.trigger_request import Members, NoRequest, ParsedTrigger, Unparsed
from alerts.domain.events import NoticePlan, TriggerReceived, TriggerRejected
from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import SourceState, TriggerState
from alerts.domain.service_change import ChangeState
from alerts.domain.set_at import POLICY_SET_AT
from alerts.domain.source_policy import names_places
from alerts.domain.streams import (
    INCIDENT,
    REJECTIONS,
    TRIGGER,
    change_id,
    incident_id,
    rejections_id,
    trigger_id,
    trigger_notice_id,
)
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, DomainError, Invalid, NotFound, Unavailable

TriggerPhase = Literal["recorded", "drafted", "issued", "parked"]
PASSED = "The mapping says to let it pass."
FOLLOWED = "A later member of the same list is about this: recorded, sent to nobody."
Decision = Callable[[UnitOfWork, NewId], cap_alerts.CapOutcome]
"""Effect of a checked webhook within its transaction; ids of new notices derive from the trigger's."""


def actor_of(source: SourceState, policy_at: int | None = None) -> Actor:
    """Return a source as an actor. `policy_at`: log position at which its policy was set."""
    return Actor(kind="source", id=source.name, name=source.name, policy=source.policy, policy_at=policy_at)


def kept(state: TriggerState, version: int, *, created: bool) -> TriggerSaved:
    """Build the result for a trigger."""
    return TriggerSaved(
        id=state.id,
        version=version,
        state=state.state,
        incident=state.incident,
        service_change=state.service_change,
        notices=state.notices,
        reason=state.reason,
        created=created,
    )


class TriggerCommands(CommandBase):
    """Webhooks of sources."""

    async def take_trigger(self, source: SourceState, parsed: ParsedTrigger) -> TriggerSaved:
        """Take a verified webhook. A repeated external id gets the first result, and no second event.

        Raises Invalid (and others of `alerts.kernel.errors`) with nothing stored: the id is not used up;
        `reject_trigger` records it. If only a person can decide, it is parked with the reason.
        """
        if (before := self._log.state(TRIGGER, trigger_id(source.name, parsed.external_id))) is not None:
            return kept(before, 1, created=False)
        return await self._decide(source, parsed, again=False)

    async def check_trigger(self, source: SourceState, parsed: ParsedTrigger) -> None:
        """Validate a webhook as `take_trigger` does, and store nothing. Raises Invalid."""
        actor = actor_of(source)
        await self._checked(lambda known: self._decision(source.name, actor, parsed, known), heavy=True)

    async def take_mapped(self, source: SourceState, parsed: ParsedTrigger, *, again: str = "") -> TriggerSaved:
        """Take a webhook that a mapping produced; park it with its body if it cannot be taken.

        The sender does not know our format, so it gets no error. `again`: decide on a parked one; it names who asked.
        """
        take = partial(self.settle_trigger, asked_by=again) if again else self.take_trigger
        try:
            return await take(source, parsed)
        except Unavailable:
            raise  # nothing was decided
        except DomainError as error:  # one no longer parked raises the same again below
            return await take(source, replace(parsed, request=Unparsed(f"{parsed.kind}: {error.message}")))

    async def settle_trigger(self, source: SourceState, parsed: ParsedTrigger, asked_by: str = "") -> TriggerSaved:
        """Decide again on a parked trigger. Raises Conflict if it is no longer parked."""
        return await self._decide(source, parsed, again=True, asked_by=asked_by)

    async def drop_trigger(self, actor: Actor, trigger: UUID, reason: str) -> TriggerSaved:
        """Drop a parked trigger: it is recorded without effects."""

        def work(unit: UnitOfWork) -> TriggerSaved:
            state = unit.get(TRIGGER, trigger)
            if state is None:
                raise NotFound("There is no such trigger.")
            _need_parked(state)
            dropped = TriggerReceived(
                source=state.source,
                kind=state.kind,
                external_id=state.external_id,
                state="recorded",
                reason=f"Dropped: {reason}",
            )
            unit.append(TRIGGER, trigger, dropped)
            cap_references.forget_ending(unit, trigger)
            return kept(_trigger(unit, trigger), unit.version(trigger), created=False)

        return await self._run(actor, work)

    async def reject_trigger(self, source: str, status: int, reason: str, digest: str = "") -> None:
        """Record a refused webhook (malformed, invalid, oversized). The body is not stored."""

        def work(unit: UnitOfWork) -> TriggerSaved:
            stream = rejections_id(source, unit.now.date())
            unit.get(REJECTIONS, stream)
            rejected = TriggerRejected(source=source, status=status, reason=reason[:2000], digest=digest)
            unit.append(REJECTIONS, stream, rejected)
            return TriggerSaved(id=stream, version=unit.version(stream), state="recorded", reason=reason)

        await self._run(SYSTEM, work)

    async def _decide(
        self, source: SourceState, parsed: ParsedTrigger, *, again: bool, asked_by: str = ""
    ) -> TriggerSaved:
        set_at = None
        if names_places(source.policy):
            set_at = await asyncio.to_thread(self._log.state, POLICY_SET_AT, source.id)
        actor = actor_of(source, set_at.position if set_at is not None else None)
        decision = await self._checked(lambda known: self._decision(source.name, actor, parsed, known), heavy=True)
        trigger = trigger_id(source.name, parsed.external_id)

        def work(unit: UnitOfWork) -> TriggerSaved:
            before = unit.get(TRIGGER, trigger)
            if before is not None and not again:
                return kept(before, unit.version(trigger), created=False)
            if again:
                _need_parked(before)
            outcome = decision(unit, _notice_ids(trigger))
            unit.append(TRIGGER, trigger, replace_struct(_received(source.name, parsed, outcome), asked_by=asked_by))
            return kept(_trigger(unit, trigger), unit.version(trigger), created=before is None)

        return await self._run(actor, work)

    def _decision(self, name: str, actor: Actor, parsed: ParsedTrigger, known: KnownNames) -> Decision:
        """Validate a webhook's request; the rest is decided in the transaction. Raises Invalid."""
        request, now = parsed.request, self._clock()
        if isinstance(request, Unparsed | NoRequest):
            outcome = (
                cap_alerts.CapOutcome(parked=request.reason)
                if isinstance(request, Unparsed)
                else cap_alerts.CapOutcome(note=PASSED)
            )
            return lambda unit, new: outcome
        if isinstance(request, Members):
            return self._each(name, actor, request.triggers, known)
        if isinstance(request, CapMessage):
            checked = cap_alerts.check_cap(request, known)
            trigger = trigger_id(name, parsed.external_id)
            return lambda unit, new: cap_alerts.take(unit, actor, checked, new, trigger)
        if isinstance(request, IncidentBody):
            facts = incidents.check_incident(request, known, now, self._language)
            incident = incident_id(actor.source, facts.source_ref)
            return _in_order(
                actor,
                incident,
                parsed.sent,
                lambda unit, new: _reported(incidents.report(unit, actor, facts, known.categories, new)),
                cap_alerts.CapOutcome(incident=incident, note=message_order.OUTDATED),
            )
        if isinstance(request, ServiceChangeBody):
            change = service_points.check_change(request, known, actor.source, self._language)
            subject = change_id(actor.source, change.source_ref)
            return _in_order(
                actor,
                subject,
                parsed.sent,
                lambda unit, new: _announced(service_points.announce(unit, actor, change, new)),
                cap_alerts.CapOutcome(service_change=subject, note=message_order.OUTDATED),
            )
        if isinstance(request, ResolveBody):
            return _resolving(actor, request, parsed.sent)
        notice = check_notice(request, known, now)
        notice = replace(notice, content=plain_content(notice.content))
        return lambda unit, new: _requested(
            unit, actor, plan_of(notice, base_plan(unit.get, request, known.categories)), new
        )

    def _each(self, name: str, actor: Actor, members: tuple[ParsedTrigger, ...], known: KnownNames) -> Decision:
        """Validate all members of a list; in the transaction each becomes a trigger of its own.

        Of several members about one subject the last stands. Raises Invalid for the first that cannot be taken.
        """
        decisions: list[Decision] = []
        for index, member in enumerate(members):
            with _named(index):
                decisions.append(self._decision(name, actor, member, known))

        def decide(unit: UnitOfWork, new: NewId) -> cap_alerts.CapOutcome:
            whole = cap_alerts.CapOutcome()
            triggers = dict.fromkeys(trigger_id(name, member.external_id) for member in members)
            # A member that was taken before, or stands in the list twice, does not stand for what follows it.
            new_ones: dict[UUID, int] = {}
            for index, member in enumerate(members):
                trigger = trigger_id(name, member.external_id)
                if unit.get(TRIGGER, trigger) is None:
                    new_ones.setdefault(trigger, index)
            last = {_subject(members[index]): index for index in new_ones.values()}
            for trigger, index in new_ones.items():
                member, decision = members[index], decisions[index]
                subject = _subject(member)
                outcome = cap_alerts.CapOutcome(note=FOLLOWED)
                if subject is None or last[subject] == index:
                    with _named(index):
                        outcome = decision(unit, _notice_ids(trigger))
                unit.append(TRIGGER, trigger, _received(name, member, outcome))
                whole.told += outcome.told
                whole.incident = whole.incident or outcome.incident
                whole.service_change = whole.service_change or outcome.service_change
            listed = ", ".join(map(str, triggers))[: validation.REASON]
            whole.note = f"One trigger for each member: {listed}." if triggers else "Its list is empty."
            return whole

        return decide


@contextmanager
def _named(index: int) -> Iterator[None]:
    """Name the member of a list in an error about it."""
    try:
        yield
    except Unavailable:
        raise
    except DomainError as error:
        raise Invalid(f"member {index}: {error.message}") from error


def _notice_ids(trigger: UUID) -> NewId:
    numbers = itertools.count()
    return lambda: trigger_notice_id(trigger, next(numbers))


def _subject(member: ParsedTrigger) -> tuple[str, str] | None:
    """Return what a member is about; None for what has no reference."""
    request = member.request
    if isinstance(request, IncidentBody | ResolveBody) and request.source_ref:
        return "incident", request.source_ref
    if isinstance(request, ServiceChangeBody) and request.source_ref:
        return "service-change", request.source_ref
    return None


# --- outcomes by kind of webhook


def _reported(done: tuple[IncidentState, bool, Announcement]) -> cap_alerts.CapOutcome:
    state, _, told = done
    return cap_alerts.CapOutcome(incident=state.id, told=[told])


def _announced(done: tuple[ChangeState, bool, Announcement]) -> cap_alerts.CapOutcome:
    state, _, told = done
    return cap_alerts.CapOutcome(told=[told], service_change=state.id)


def _in_order(
    actor: Actor, subject: UUID, sent: datetime | None, decide: Decision, outdated: cap_alerts.CapOutcome
) -> Decision:
    """Wrap a decision so that a message older than the subject's latest has the outcome `outdated` (RULES 13)."""

    def decide_in_order(unit: UnitOfWork, new: NewId) -> cap_alerts.CapOutcome:
        if message_order.is_outdated(unit, subject, sent, actor.source):
            return outdated
        outcome = decide(unit, new)
        message_order.record_sent(unit, subject, sent)
        return outcome

    return decide_in_order


def _resolving(actor: Actor, request: ResolveBody, sent: datetime | None) -> Decision:
    if not request.source_ref:
        raise Invalid.field("source_ref", "Say which incident is over.")
    incident = incident_id(actor.source, request.source_ref)
    words = plain_content(validation.content(request.all_clear, "all_clear"))

    def decide(unit: UnitOfWork, new: NewId) -> cap_alerts.CapOutcome:
        if unit.get(INCIDENT, incident) is None:
            raise Invalid.field("source_ref", "There is no incident of this reference: report it first.")
        _, told = incidents.resolve(unit, actor, incident, words, new)
        return cap_alerts.CapOutcome(incident=incident, told=[told])

    outdated = cap_alerts.CapOutcome(incident=incident, note=message_order.OUTDATED)
    return _in_order(actor, incident, sent, decide, outdated)


def _requested(unit: UnitOfWork, actor: Actor, plan: NoticePlan, new: NewId) -> cap_alerts.CapOutcome:
    """Handle `notice.requested`: pending-approval, or issued at once; a `record` policy gives neither."""
    plan = in_name(unit, actor, plan)
    answer = policy_decision(unit, actor, plan)
    if answer == "record":
        return cap_alerts.CapOutcome(note="The policy says: record only.")
    state = notice_threads.draft(unit, new(), plan, actor.source)
    if answer == "issue":
        return cap_alerts.CapOutcome(
            told=[Announcement(notice_threads.issue_unattended(unit, state, actor.policy_name))]
        )
    return cap_alerts.CapOutcome(told=[Announcement(notice_threads.submit(unit, state))])


# --- the record


def _received(source: str, parsed: ParsedTrigger, outcome: cap_alerts.CapOutcome) -> TriggerReceived:
    notices = [told.notice for told in outcome.told if told.notice is not None]
    reason = outcome.parked or outcome.note or " ".join(dict.fromkeys(t.note for t in outcome.told if t.note))
    return TriggerReceived(
        source=source,
        kind=parsed.kind,
        external_id=parsed.external_id,
        state=_state(outcome, notices),
        incident=outcome.incident,
        service_change=outcome.service_change,
        notices=tuple(dict.fromkeys(notice.id for notice in notices)),
        reason=" ".join(filter(None, (reason, outcome.left_out))),
        digest=parsed.digest,
        body=parsed.body if outcome.parked else "",
        raw=parsed.raw if outcome.parked else "",
        content_type=parsed.content_type if outcome.parked else "",
    )


def _state(outcome: cap_alerts.CapOutcome, notices: list[NoticeState]) -> TriggerPhase:
    if outcome.parked:
        return "parked"
    if any(notice.issued or notice.phase == "scheduled" for notice in notices):
        return "issued"
    return "drafted" if notices else "recorded"


def _need_parked(state: TriggerState | None) -> None:
    if state is None:
        raise NotFound("There is no such trigger.")
    if state.state != "parked":
        raise Conflict(f"This trigger is {state.state}, not parked: there is nothing to decide.")


def _trigger(unit: UnitOfWork, trigger: UUID) -> TriggerState:
    state = unit.get(TRIGGER, trigger)
    if state is None:
        raise NotFound("There is no such trigger.")
    return state
