"""CAP message handling (RULES 13, 15, 18, 19).

Each group of infos is an incident. A later message finds its incidents, and through them their notice threads, by its
references. So an update, an all-clear and a cancel from CAP have the same effect as from anywhere else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.commands import cap_references, message_order, notice_threads, subject_notices, validation
from alerts.commands.actor import Actor
from alerts.commands.cap_references import References
from alerts.commands.incidents import found
from alerts.commands.notice_plans import plain_content, plan_of_incident
from alerts.commands.register_cache import KnownNames
from alerts.commands.subject_notices import Announcement, NewId
from alerts.contract.cap_message import CapGroup, CapMessage, CapWords
from alerts.domain import incident as domain
from alerts.domain.events import CapOrigin, Content, IncidentFacts, TriggerReceived
from alerts.domain.incident import IncidentState
from alerts.domain.notice_lifecycle import default_priority
from alerts.domain.source_policy import without_issue
from alerts.domain.streams import INCIDENT, TRIGGER
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import derived_id
from alerts.kernel.terms import Status
from alerts.kernel.texts import cut, fit
from alerts.kernel.times import from_micros

_MOST_GROUPS = 100
"""Most incidents, and so notices, of one message: they are decided in one transaction, which all others wait for."""
_PLACELESS = "An info holds no polygon and no circle that can be used: a person has to say where it is."


@dataclass(slots=True)
class CapOutcome:
    """Outcome of a CAP message."""

    incident: UUID | None = None
    service_change: UUID | None = None
    told: list[Announcement] = field(default_factory=list)
    parked: str = ""
    """Reason why a person has to decide; then nothing else was done."""
    note: str = ""
    left_out: str = ""
    """Parts of the message that were not used, and why."""


@dataclass(frozen=True, slots=True)
class CheckedCap:
    """CAP message with validated areas, and the category → topic map it was checked against."""

    message: CapMessage
    categories: dict[str, str]


def check_cap(message: CapMessage, known: KnownNames) -> CheckedCap:
    """Validate and repair the areas; a part that cannot be used is left out. Raises Invalid for swapped positions.

    The area of a Cancel is not looked at: it is judged by its references alone (RULES 13).
    """
    from alerts.kernel.geometry import usable_parts

    if message.msg_type == "Cancel":
        return CheckedCap(message, known.categories)
    groups, left_out = [], list(message.left_out)
    for index, group in enumerate(message.groups):
        parts, faults = usable_parts(group.area or [], f"info.{index}.area", known.places, known.bounds)
        groups.append(msgspec.structs.replace(group, area=parts or None))
        left_out += [f"{fault.field}: {fault.message}" for fault in faults]
    checked = msgspec.structs.replace(message, groups=tuple(groups), left_out=tuple(left_out))
    return CheckedCap(checked, known.categories)


def take(unit: UnitOfWork, actor: Actor, checked: CheckedCap, new: NewId, trigger: UUID) -> CapOutcome:
    """Decide on a message, within the transaction of its trigger."""
    outcome = _take(unit, actor, checked, new, trigger)
    if checked.message.left_out:
        outcome.left_out = f"Left out: {'; '.join(checked.message.left_out)}."[: validation.REASON]
    return outcome


def _take(unit: UnitOfWork, actor: Actor, checked: CheckedCap, new: NewId, trigger: UUID) -> CapOutcome:
    message = checked.message
    if why := _recorded_only(message):
        return CapOutcome(note=why)
    if len(message.groups) > _MOST_GROUPS and message.msg_type != "Cancel":
        return CapOutcome(
            parked=f"It warns of {len(message.groups)} different things; at most {_MOST_GROUPS} are taken at once: "
            "a person has to decide."
        )
    named = cap_references.resolve(unit, message, actor.source)
    if named.strangers:
        return CapOutcome(parked="It refers to a message of another source: a person has to decide.")
    same, other = _by_status(unit, named.incidents, _status(message))
    if other and message.status != "Actual":
        return CapOutcome(parked="It is a drill, and refers to what is none of its kind: a person has to decide.")
    if message.msg_type == "Cancel":
        return _cancel(unit, actor, message, named, new, trigger)
    if named.endings:
        later, _ = _by_status(unit, [one for one in named.successors if one not in same], _status(message))
        return _ended_before(unit, actor, message, named, [*same, *later], new, trigger)
    if named.successors:
        # A later message named this one before it arrived, so this one is the older, whatever the clocks say.
        cap_references.remember(unit, message, actor.source, named.successors)
        return CapOutcome(incident=named.successors[0], note=message_order.OUTDATED)
    # An Actual message does not continue a drill: it starts a thread of its own and goes to everyone.
    outcome, incidents = _announce(unit, actor, checked, same if message.msg_type == "Update" else [], new)
    if outcome.parked and all(group.all_clear for group in message.groups):
        cap_references.expect(unit, message, actor.source, trigger, named.unknown, [])
    if incidents:
        cap_references.remember(unit, message, actor.source, incidents)
        cap_references.expect(unit, message, actor.source, trigger, named.unknown, incidents)
        for incident in incidents:
            message_order.record_sent(unit, incident, cap_references.sent_at(message))
    return outcome


def _recorded_only(message: CapMessage) -> str:
    """Return why a message is only recorded: not public, or no news (RULES 15); "" if it is not."""
    if message.status in ("System", "Draft"):
        return f"Status {message.status}: recorded only."
    if message.scope != "Public":
        return f"Scope {message.scope}: recorded only."
    if message.msg_type in ("Ack", "Error"):
        return f"msgType {message.msg_type}: recorded only."
    return ""


# --- references


def _by_status(unit: UnitOfWork, incidents: list[UUID], status: Status) -> tuple[list[UUID], list[UUID]]:
    """Split incidents by the status of their notices: this one (or no notice yet), and others."""
    same: list[UUID] = []
    other: list[UUID] = []
    for incident in incidents:
        subject = notice_threads.subject_of(unit, incident)
        is_same = subject is None or notice_threads.notice(unit, subject.thread).plan.status == status
        (same if is_same else other).append(incident)
    return same, other


# --- Cancel


def _cancel(
    unit: UnitOfWork, actor: Actor, message: CapMessage, named: References, new: NewId, trigger: UUID
) -> CapOutcome:
    mine = named.incidents
    cap_references.expect(unit, message, actor.source, trigger, named.unknown, mine)
    if not mine:
        return CapOutcome(parked="It cancels a message that we do not know: a person has to decide.")
    cap_references.remember(unit, message, actor.source, mine)
    words: dict[str, Content] = {}
    for group in message.groups:  # their areas do not matter here, so that each language is told
        words.update((tag, said) for tag, said in plain_content(content(group)).items() if tag not in words)
    sent = cap_references.sent_at(message)
    return CapOutcome(
        incident=mine[0],
        told=_cancel_threads(unit, actor, mine, words, message.note, sent, cap_references.named_times(message), new),
    )


def _cancel_threads(
    unit: UnitOfWork,
    actor: Actor,
    incidents: list[UUID],
    words: dict[str, Content],
    note: str,
    sent: datetime,
    names: Collection[datetime],
    new: NewId,
) -> list[Announcement]:
    """Dismiss incidents and cancel their threads, except those of which something later than `sent` is known.

    `names`: `sent` of the messages that the ending refers to.
    """
    told = []
    for incident in incidents:
        if message_order.is_outdated(unit, incident, sent, actor.source, names):
            told.append(Announcement(note=message_order.OUTDATED))
            continue
        if subject_notices.may_only_record(unit, actor, incident):
            told.append(Announcement(note=subject_notices.RECORDED))
        else:
            events = domain.decide_dismiss(found(unit, incident), note or "cancelled by its source")
            unit.append(INCIDENT, incident, *events)
            told.append(subject_notices.end(unit, actor, incident, "Cancel", words, note, new))
        message_order.record_sent(unit, incident, sent)
    return told


def _ended_before(
    unit: UnitOfWork,
    actor: Actor,
    message: CapMessage,
    named: References,
    incidents: list[UUID],
    new: NewId,
    trigger: UUID,
) -> CapOutcome:
    """Record a message whose Cancel or all-clear arrived first: that one now ends the thread it belongs to, if any."""
    for ending in dict.fromkeys(named.endings):
        state = unit.get(TRIGGER, ending)
        if state is not None and state.state == "parked":
            settled = TriggerReceived(
                source=state.source,
                kind=state.kind,
                external_id=state.external_id,
                state="recorded",
                reason=f"The message that it ends arrived later, as {trigger}, and was sent to nobody.",
            )
            unit.append(TRIGGER, ending, settled)
    told = _cancel_threads(
        unit, actor, incidents, {}, "", from_micros(named.ended_at), [cap_references.sent_at(message)], new
    )
    cap_references.remember(unit, message, actor.source, incidents)
    note = f"Cancelled by {named.endings[0]}, which arrived before it: recorded, sent to nobody."
    return CapOutcome(incident=next(iter(incidents), None), told=told, note=note)


# --- Alert and Update


def _announce(
    unit: UnitOfWork, actor: Actor, checked: CheckedCap, mine: list[UUID], new: NewId
) -> tuple[CapOutcome, list[UUID]]:
    """Announce the groups of a message; return the outcome and the incidents that it is about."""
    message, sent = checked.message, cap_references.sent_at(checked.message)
    names = cap_references.named_times(message)
    if not message.groups:
        return CapOutcome(parked="It holds no info: there is nothing to say."), []
    states = [found(unit, incident) for incident in mine]
    outdated = {state.id for state in states if message_order.is_outdated(unit, state.id, sent, actor.source, names)}
    if mine and len(outdated) == len(mine):
        return CapOutcome(incident=mine[0], note=message_order.OUTDATED), mine
    open_ones = [state for state in states if state.status == "open" and state.id not in outdated]
    if mine and not open_ones and all(group.all_clear for group in message.groups):
        return CapOutcome(incident=mine[0], note="It is over already."), mine
    pairs = paired(message.groups, [state for state in states if state.status == "open" or state.id in outdated])
    if outdated:
        # What a later message has replaced is left as it is, and parts that belong to none of the rest are as old.
        pairs = [(group, state) for group, state in pairs if state is not None and state.id not in outdated]
    if not pairs:
        return CapOutcome(incident=mine[0], note=message_order.OUTDATED), mine
    if any(state is None and group.all_clear for group, state in pairs):
        parked = "It says that a danger is over of which we were never told: a person has to decide."
        return CapOutcome(parked=parked), []
    placeless = [not group.all_clear and not group.area for group, _ in pairs]
    if any(placeless) and all(where or group.all_clear for where, (group, _) in zip(placeless, pairs, strict=True)):
        return CapOutcome(parked=_PLACELESS), []
    if all(_has_expired(group, unit) for group, _ in pairs):
        return CapOutcome(note="It had expired before it arrived."), mine
    outcome, incidents = CapOutcome(), list[UUID]()
    if outdated:
        outcome.told.append(Announcement(note=message_order.OUTDATED))
    for index, (group, state) in enumerate(pairs):
        if _has_expired(group, unit):
            outcome.told.append(Announcement(note="A part of it had expired before it arrived."))
            continue
        # An info without a place beside good ones is drafted for a person; the good ones do not wait for it.
        author = _drafting(actor) if placeless[index] else actor
        incident, told = _announce_one(unit, author, checked, index, group, state, new)
        incidents.append(incident)
        outcome.told.append(Announcement(told.notice, _PLACELESS) if placeless[index] else told)
    outcome.incident = incidents[0]
    return outcome, list(dict.fromkeys([*incidents, *mine]))


def _drafting(actor: Actor) -> Actor:
    """Return the actor with a policy that issues nothing by itself."""
    policy = actor.policy
    if policy is None:
        return actor
    return replace(actor, policy=without_issue(policy))


def _has_expired(group: CapGroup, unit: UnitOfWork) -> bool:
    """True if a group came too late to be sent. An all-clear never does: its own times do not matter (RULES 13)."""
    return not group.all_clear and group.expires is not None and group.expires <= unit.now


def _announce_one(
    unit: UnitOfWork,
    actor: Actor,
    checked: CheckedCap,
    index: int,
    group: CapGroup,
    state: IncidentState | None,
    new: NewId,
) -> tuple[UUID, Announcement]:
    message = checked.message
    if state is not None and group.all_clear:
        if subject_notices.may_only_record(unit, actor, state.id):
            return state.id, Announcement(note=subject_notices.RECORDED)
        unit.append(INCIDENT, state.id, *domain.decide_resolve(state, "all clear"))
        reason = "The danger is over."
        words = plain_content(content(group))
        return state.id, subject_notices.end(unit, actor, state.id, "AllClear", words, reason, new)
    reference = ",".join((message.external_id, str(index)))
    facts = facts_of(group, state.facts.source_ref if state else reference, checked.categories)
    incident = state.id if state else derived_id("incident", actor.source, reference)
    unit.append(INCIDENT, incident, *domain.decide_report(state, facts, actor.source))
    plan = msgspec.structs.replace(
        plan_of_incident(facts, checked.categories),
        incident=incident,
        status=_status(message),
        cap=CapOrigin(sender=message.sender, identifier=message.identifier, sent=message.sent, event=dict(group.event)),
    )
    # Priority follows the status: a drill is no danger to life.
    plan = msgspec.structs.replace(plan, priority=default_priority(plan))
    return incident, subject_notices.announce(unit, actor, incident, plan, new)


def _status(message: CapMessage) -> Status:
    return "Exercise" if message.status == "Exercise" else "Test" if message.status == "Test" else "Actual"


def paired(groups: tuple[CapGroup, ...], incidents: list[IncidentState]) -> list[tuple[CapGroup, IncidentState | None]]:
    """Assign each group to the incident it continues, by similarity, then by order.

    A group that is left begins an incident of its own. An incident that is left gets the most similar group too: a
    message supersedes the earlier one as a whole, so no recipient of that one may be left with it.
    """
    left = list(groups)
    pairs: list[tuple[CapGroup, IncidentState | None]] = []
    for incident in incidents:
        best = max(left or groups, key=lambda group: _similarity(group, incident))
        if left:
            left.remove(best)
        pairs.append((best, incident))
    return pairs + [(group, None) for group in left]


def _similarity(group: CapGroup, incident: IncidentState) -> int:
    facts = incident.facts
    same_words = any(facts.headline.get(tag) == title for tag, title in _titles(group).items())
    return 4 * (group.area == facts.area) + 3 * same_words + 2 * (group.category == facts.category)


# --- words


def facts_of(group: CapGroup, reference: str | None, categories: dict[str, str]) -> IncidentFacts:
    """Map a group to an incident's facts."""
    words = content(group)
    return IncidentFacts(
        headline={tag: said.title for tag, said in words.items()},
        description={tag: said.body for tag, said in words.items() if said.body},
        instruction={tag: said.instruction for tag, said in words.items() if said.instruction},
        category=group.category,
        urgency=group.urgency,
        severity=group.severity,
        certainty=group.certainty,
        topic=categories.get(group.category),
        area=group.area,
        onset=group.onset or group.effective,
        expires=group.expires,
        source_ref=reference,
    )


def content(group: CapGroup) -> dict[str, Content]:
    """Return a group's plain texts. Too long ones are cut, not refused: a warning is not rejected for its length.

    A headline that had to be cut opens the body as a whole, so that the public page has every word of it.
    """
    said = group.content or {tag: CapWords(title=event) for tag, event in group.event.items()}
    return {
        tag: _content(words, group.event.get(tag) or group.category)
        for tag, words in (said or {"en": CapWords(title=group.category)}).items()
    }


def _content(words: CapWords, event: str) -> Content:
    title, body = fit(words.title or event, words.body)
    return Content(title=title, body=body, instruction=cut(words.instruction.strip(), validation.BODY))


def _titles(group: CapGroup) -> dict[str, str]:
    return {tag: said.title for tag, said in content(group).items()}
