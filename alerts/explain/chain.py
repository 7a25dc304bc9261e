"""Causal chain of a message, from the log: what happened, the decisions on it with their authors, and the outcome.

It names organisations and roles, never staff, and shows no address and no resident. Residents read it: the reasons that
staff wrote for one another stand in the log alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.domain import events as e
from alerts.domain.notice import NoticeState
from alerts.domain.streams import KEY, ORGANISATION, dispatch_id, organisation_id
from alerts.eventlog.ports import Log
from alerts.kernel.events import Event, Recorded
from alerts.kernel.people_words import people_words

_AFTER_DRAFT = 5_000
"""Maximum positions between the first event that a trigger made and the trigger itself, written in one transaction."""


class ChainLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step from the triggering event to the outcome. `by` names an organisation or a role; never a resident."""

    at: datetime
    what: str
    """Type of the event, or `Delivery`."""
    detail: str
    by: str = ""
    position: int = 0
    stream: UUID | None = None


def chain_of(log: Log, notice: NoticeState) -> list[ChainLink]:
    """Events that led to a notice and that followed from it, oldest first; the caller adds the deliveries."""
    events = {recorded.position: recorded for recorded in _events(log, notice)}
    links = [_link(log, recorded) for recorded in sorted(events.values(), key=_order(events.values()))]
    return [link for link in links if link is not None]


def _order(events: Collection[Recorded]) -> Callable[[Recorded], tuple[int, int]]:
    """Sort key: by position, but a trigger before the events that it made, although it is written after them."""
    first = {recorded.at: recorded.position for recorded in sorted(events, key=lambda r: r.position, reverse=True)}

    def key(recorded: Recorded) -> tuple[int, int]:
        if isinstance(recorded.event, e.TriggerReceived):
            return first[recorded.at], 0
        return recorded.position, 1

    return key


def _events(log: Log, notice: NoticeState) -> Iterable[Recorded]:
    own = log.stream(notice.id)
    until = notice.issued_position or own[-1].position
    yield from own
    subject = notice.plan.incident or notice.plan.service_change
    before = log.stream(subject, up_to=until) if subject else []
    yield from before
    yield from log.stream(dispatch_id(notice.id))
    for first in (own[:1], before[-1:]):
        trigger = _trigger(log, first[0], notice) if first else None
        if trigger is not None:
            yield trigger


def _trigger(log: Log, made: Recorded, notice: NoticeState) -> Recorded | None:
    """Find the trigger that made an event: it is written shortly after it, in the same transaction."""
    for recorded in log.read(made.position, 20, (e.TriggerReceived.topic(),)):
        event = recorded.event
        if recorded.position > made.position + _AFTER_DRAFT or not isinstance(event, e.TriggerReceived):
            return None
        about = {event.incident, event.service_change, *event.notices} - {None}
        if recorded.at == made.at and about & {made.originator_id, notice.id}:
            return recorded
    return None


def _link(log: Log, recorded: Recorded) -> ChainLink | None:
    detail = _detail(recorded.event)
    if detail is None:
        return None
    if isinstance(recorded.event, e.NoticeIssued) and (slug := recorded.event.plan.organisation) is not None:
        issuer = log.state(ORGANISATION, organisation_id(slug), recorded.position)
        detail = f"{detail}, in the name of {issuer.sender_name if issuer else slug}"
    return ChainLink(
        at=recorded.at,
        what=recorded.event.topic(),
        detail=detail,
        by=_actor_name(log, recorded),
        position=recorded.position,
        stream=recorded.originator_id,
    )


def _detail(event: Event) -> str | None:
    """Describe an event in words; None if it is not relevant to a reader."""
    match event:
        case e.TriggerReceived(kind=kind, source=source):
            return f"a message of type {kind} came from {source}"
        case e.IncidentReported(facts=facts):
            return f"“{_first(facts.headline)}” was reported"
        case e.IncidentConfirmed():
            return "the incident was confirmed"
        case e.IncidentSeverityRevised() | e.IncidentAreaRevised():
            return "the incident was revised"
        case e.IncidentResolved():
            return "the incident was over"
        case e.IncidentDismissed():
            return "the incident was dismissed"
        case e.ServiceChangeAnnounced(facts=facts):
            return f"“{_first(facts.headline)}” was announced"
        case e.ServiceChangeRevised():
            return "the service change was revised"
        case e.DispatchPlanned(people=people, contacts=contacts):
            return (
                f"{people:,} {'person was' if people == 1 else 'people were'} due, by {contacts:,} {_points(contacts)}"
            )
        case e.DispatchRetried(amount=amount):
            return f"{amount:,} {'delivery that had' if amount == 1 else 'deliveries that had'} failed were tried again"
        case e.UnreachedListed(calls=calls, letters=letters):
            people = calls + letters
            return f"{people:,} whom no way had reached {'was' if people == 1 else 'were'} to be called or written to"
        case e.DispatchPaused(bounced=bounced, outcomes=outcomes):
            return f"it was paused, since {bounced:,} of {outcomes:,} addresses had refused it"
        case e.DispatchResumed():
            return "it was resumed"
        case e.DispatchStopped():
            return "what had not left was stopped"
        case _:
            return _notice_detail(event)


def _notice_detail(event: Event) -> str | None:
    match event:
        case e.NoticeDrafted():
            return "the notice was drafted"
        case e.NoticeRevised():
            return "the notice was edited"
        case e.NoticeSubmitted():
            return "it was given to an approver"
        case e.NoticeReturned():
            return "it was returned to its author"
        case e.NoticeRejected():
            return "it was rejected"
        case e.ApprovalVoided():
            return "its approval was voided"
        case e.NoticeApproved(people=people):
            return "it was approved" if people is None else f"it was approved for {people_words(people)}"
        case e.NoticeScheduled(send_at=send_at):
            return f"it was scheduled for {send_at.isoformat(timespec='seconds')}"
        case e.NoticeIssued():
            return "it was issued, and its audience computed at this moment"
        case e.NoticeSuperseded():
            return "an update took its place"
        case e.NoticeCancelled():
            return "it was cancelled"
        case e.NoticeCleared():
            return "the danger was over"
        case e.NoticeExpired():
            return "its time ran out"
        case _:
            return None


def _points(count: int) -> str:
    return "contact point" if count == 1 else "contact points"


def _actor_name(log: Log, recorded: Recorded) -> str:
    """Name of the actor: an organisation or a role."""
    by = recorded.event.approver if isinstance(recorded.event, e.NoticeApproved) else recorded.by
    kind, _, rest = by.partition(":")
    if kind == "source":
        return rest
    if kind == "policy":
        name, _, version = rest.rpartition("@")
        return f"the policy of {name}, version {version}"
    if kind == "key":
        key = log.state(KEY, UUID(rest))
        return key.name if key else "a program"
    names = {"person": "a member of the team", "operator": "the operator", "resident": "a resident"}
    return names.get(kind, "")


def _first(words: dict[str, str]) -> str:
    return next(iter(words.values()), "")
