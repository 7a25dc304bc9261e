"""Incident commands: report, revise, resolve."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from alerts.commands import notice_threads, subject_notices, validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.notice_plans import plan_of_incident
from alerts.commands.organisation_names import own_organisation
from alerts.commands.policy_decision import policy_decision
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.commands.rights import check_plan
from alerts.commands.subject_notices import Announcement, NewId
from alerts.contract.bodies import IncidentBody, ResolveBody
from alerts.domain import incident as domain
from alerts.domain.events import Content, IncidentFacts
from alerts.domain.incident import IncidentState
from alerts.domain.source_policy import only_records
from alerts.domain.streams import INCIDENT, incident_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Forbidden, Invalid, NotFound
from alerts.kernel.ids import new_id


def check_incident(body: IncidentBody, known: KnownNames, now: datetime, default_language: str) -> IncidentFacts:
    """Validate a body into facts. Raises Invalid."""
    from alerts.kernel.geometry import validate_area

    validation.check_times(body)
    validation.in_time(body.expires, now, start=body.onset)
    tag = validation.language(body.language or default_language)
    description = validation.text(body.description, "description", validation.BODY)
    return IncidentFacts(
        headline={tag: validation.text(body.headline, "headline", validation.TITLE, line=True, needed=True)},
        description={tag: description} if description else {},
        category=body.category,
        urgency=body.urgency,
        severity=body.severity,
        certainty=body.certainty,
        topic=known.topic(body.topic, "topic"),
        area=None if body.area is None else validate_area(body.area, "area", known.places, known.bounds),
        onset=body.onset,
        expires=body.expires,
        source_ref=reference(body.source_ref),
    )


def reference(value: str | None) -> str | None:
    """Validate a source's own reference (`source_ref`)."""
    return None if value is None else validation.text(value, "source_ref", validation.NAME, line=True, needed=True)


def report(
    unit: UnitOfWork, actor: Actor, facts: IncidentFacts, categories: dict[str, str], new: NewId = new_id
) -> tuple[IncidentState, bool, Announcement]:
    """Report or revise an incident and announce it; return (incident, True if new, announcement)."""
    incident = incident_id(actor.source, facts.source_ref)
    before = unit.get(INCIDENT, incident) if facts.source_ref else None  # else its id was made just now
    events = domain.decide_report(before, facts, actor.source)
    unit.append(INCIDENT, incident, *events)
    state = found(unit, incident)
    if not events:
        return state, False, Announcement(note="The same as before: nothing new.")
    if only_records(actor.policy):
        return state, before is None, Announcement(note=subject_notices.RECORDED)
    plan = replace(plan_of_incident(facts, categories), incident=incident)
    told = subject_notices.announce(unit, actor, incident, plan, new)
    if told.notice is not None and told.notice.issued is False and told.notice.phase == "draft":
        told = Announcement(told.notice, "The notice is not complete: a person has to finish it.")
    return state, before is None, told


def resolve(
    unit: UnitOfWork, actor: Actor, incident: UUID, content: dict[str, Content], new: NewId = new_id
) -> tuple[IncidentState, Announcement]:
    """Resolve an incident and announce the all-clear as the policy allows.

    Raises Forbidden for another's incident, unless the actor may end its thread (RULES 13, 17).
    """
    state = found(unit, incident)
    events = domain.decide_resolve(state)
    if state.source != actor.source:
        _need_authority(unit, actor, state)
    if subject_notices.may_only_record(unit, actor, incident):
        return state, Announcement(note=subject_notices.RECORDED)
    unit.append(INCIDENT, incident, *events)
    if not events:
        return state, Announcement(note="It was resolved before: nothing new.")
    told = subject_notices.end(unit, actor, incident, "AllClear", content, "The incident is over.", new)
    return found(unit, incident), told


def _need_authority(unit: UnitOfWork, actor: Actor, state: IncidentState) -> None:
    """Require authority over another's incident and its thread. Raises Forbidden."""
    plan = replace(plan_of_incident(state.facts, {}), organisation=own_organisation(unit, actor))
    thread = subject_notices.open_thread(unit, state.id)
    if not actor.may_approve and policy_decision(unit, actor, plan, thread) != "issue":
        raise Forbidden(
            "Another source reported this incident. Resolving it takes that source, one who may approve, "
            "or a key or source whose policy says issue for it."
        )


def found(unit: UnitOfWork, incident: UUID) -> IncidentState:
    """Load an incident. Raises NotFound."""
    state = unit.get(INCIDENT, incident)
    if state is None:
        raise NotFound("There is no such incident.")
    return state


def latest_notice(unit: UnitOfWork, subject: UUID) -> UUID | None:
    """Return the latest notice about an incident or service change."""
    known = notice_threads.subject_of(unit, subject)
    return known.latest if known else None


def _made(unit: UnitOfWork, incident: UUID, told: Announcement, *, created: bool) -> UUID | None:
    if told.notice is not None:
        return told.notice.id
    return None if created else latest_notice(unit, incident)


class IncidentCommands(CommandBase):
    """Report, revise and resolve incidents."""

    async def report_incident(self, actor: Actor, body: IncidentBody, *, idem: Idempotency | None = None) -> Saved:
        """Report an incident; the same `source_ref` of the same source is ignored if identical, else a revision."""
        facts, categories = await self._checked(
            lambda known: (check_incident(body, known, self._clock(), self._language), known.categories),
            heavy=validation.is_drawn(body.area),
        )

        def work(unit: UnitOfWork) -> Saved:
            check_plan(unit, actor, plan_of_incident(facts, categories))
            state, created, told = report(unit, actor, facts, categories)
            return Saved(
                id=state.id, version=state.version, created=created, notice=_made(unit, state.id, told, created=created)
            )

        return await self._run(actor, work, idem)

    async def resolve_incident(
        self, actor: Actor, incident: UUID | None, body: ResolveBody, *, idem: Idempotency | None = None
    ) -> Saved:
        """Resolve an incident: `incident`, or the one that `body.source_ref` names."""
        words = validation.content(body.all_clear, "all_clear")
        target = incident or self._referred(actor, body)

        def work(unit: UnitOfWork) -> Saved:
            if incident and body.source_ref and found(unit, incident).facts.source_ref != body.source_ref:
                raise Invalid.field("source_ref", "This incident has another reference: leave it out, or name its own.")
            check_plan(unit, actor, plan_of_incident(found(unit, target).facts, {}))
            state, told = resolve(unit, actor, target, words)
            notice = told.notice.id if told.notice else latest_notice(unit, state.id)
            return Saved(id=state.id, version=state.version, notice=notice)

        return await self._run(actor, work, idem)

    @staticmethod
    def _referred(actor: Actor, body: ResolveBody) -> UUID:
        if not body.source_ref:
            raise Invalid.field("source_ref", "Say which incident is over.")
        return incident_id(actor.source, body.source_ref)
