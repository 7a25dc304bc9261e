"""Timeline: actor, event and subject, for the console's log.

Of subscribers only what staff and programs did to them is in it, without a name or an address.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from alerts.domain import events as e
from alerts.domain.streams import COMMENTS, DISPATCH, EXPORT, IMPORT, PRINT_BATCH, READ_MODEL, REJECTIONS
from alerts.eventlog.read_model import ReadModel
from alerts.kernel.events import Event, Recorded
from alerts.kernel.people_words import people_words
from alerts.kernel.times import micros
from alerts.projections import document_kinds
from alerts.storage import named_queries
from alerts.storage.ports import Transaction
from subscribers.domain import events as s

_SQL = named_queries.load("alerts.projections", "timeline.sql")

_KINDS: dict[type[Event], str] = {
    **{event: kind.table for kind in document_kinds.KINDS if kind.in_timeline for event in kind.events},
    **dict.fromkeys((*DISPATCH.events, *COMMENTS.events), document_kinds.NOTICES.table),  # shown under their notice
    **dict.fromkeys(REJECTIONS.events, "rejections"),
    **dict.fromkeys(IMPORT.events, "imports"),
    **dict.fromkeys(EXPORT.events, "exports"),
    **dict.fromkeys(PRINT_BATCH.events, "print_batches"),
    **dict.fromkeys(READ_MODEL.events, "read_models"),
    **dict.fromkeys(
        (
            s.SubscriberErased,
            s.SubscriberLookedUp,
            s.ActedOnBehalf,
            s.ContactPointSuppressed,
            s.SuppressionLifted,
            s.SubscriptionEnded,
        ),
        "subscribers",
    ),
}
_BY_STAFF = ("person:", "key:", "operator:")
"""Beginnings of the actors whose acts on a subscriber are listed; an erasure always is."""


def _notice_of(event: Event) -> UUID | None:
    """The notice of a dispatch's event, or of a comment."""
    return cast(e.DispatchPlanned, event).notice if isinstance(event, DISPATCH.events + COMMENTS.events) else None


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Timeline entry in words."""

    position: int
    at: datetime
    by: str
    """The actor, as `Recorded.by`."""
    topic: str
    kind: str
    """Kind of `subject`: the name of its table (`notices`, `incidents`, …), `rejections`, `imports`, `exports`,
    `print_batches`, `read_models` or `subscribers`."""
    subject: UUID
    title: str
    """The subject's current title, in its first language; "" if it has none."""
    detail: str
    """The reason given, or details of the event."""


def _is_listed(recorded: Recorded) -> bool:
    """True for all but what subscribers do themselves, and what follows from it."""
    if not isinstance(recorded.event, s.ContactPointSuppressed | s.SuppressionLifted | s.SubscriptionEnded):
        return True
    return recorded.by.startswith(_BY_STAFF)


def _detail(event: Event) -> str:
    """Details of an event beside its name. Reasons are staff's or programs' words, never a subscriber's."""
    match event:
        case e.NoticeApproved():
            return event.approver
        case e.DispatchPlanned():
            return f"{people_words(event.people)}, {event.contacts} contact points, {event.unreachable} unreachable"
        case e.DispatchCompleted():
            return ", ".join(f"{state} {count}" for state, count in sorted(event.by_state.items()))
        case e.DispatchRetried():
            return f"{event.amount} deliveries"
        case e.UnreachedListed():
            return f"{event.calls} to call, {event.letters} to write to"
        case e.DispatchPaused():
            return f"{event.bounced} of {event.outcomes} addresses bounced"
        case e.TriggerReceived():
            return f"{event.state}: {event.reason}" if event.reason else event.state
        case e.TriggerRejected():
            return f"{event.source}: {event.status} {event.reason}"
        case e.ParkedEventDecided():
            about = f"{event.projection}@{event.position} {event.decision}"
            return f"{about}: {event.reason}" if event.reason else about
        case e.RoleGranted():
            return event.role
        case e.ExportFinished():
            return people_words(event.people)
        case s.SubscriberLookedUp() | s.ActedOnBehalf() | e.LookUpFoundNobody():
            return ""  # the reason is the person's: sealed under their key
        case s.ContactPointSuppressed() | s.SuppressionLifted():
            return f"contact point {event.number}: {event.reason}"
        case e.PrintBatchMade():
            return f"{event.pages} pages"
        case e.PrintPagesMarked():
            return f"{event.pages} {event.outcome}" + (f": {event.reason}" if event.reason else "")
        case e.ImportStarted():
            return f"{event.rows} rows"
        case e.ImportFinished():
            return f"{event.taken} taken, {event.refused} refused"
        case _:
            return str(getattr(event, "reason", ""))


def _actor(recorded: Recorded) -> str:
    """Return who acted: of a webhook that was decided again, whoever asked for it."""
    event = recorded.event
    return (event.asked_by if isinstance(event, e.TriggerReceived) else "") or recorded.by


class Timeline(ReadModel):
    """The log in words (`alerts.eventlog.ports.Projection`)."""

    name = "timeline"
    topics: Collection[str] = frozenset(event.topic() for event in _KINDS)

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Add a row for each event of interest to staff."""
        rows = []
        for recorded in events:
            event = recorded.event
            kind = _KINDS.get(type(event))
            if kind is None or not _is_listed(recorded):
                continue
            subject = _notice_of(event) or recorded.originator_id
            rows.append(
                (
                    recorded.position,
                    micros(recorded.at),
                    _actor(recorded),
                    event.topic(),
                    kind,
                    subject.bytes,
                    _detail(event),
                )
            )
        tx.executemany(_SQL["add"], rows)
