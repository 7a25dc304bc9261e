"""References of CAP messages: the incidents that a message is about, in whatever order messages arrive (RULES 13).

A message may be named by a later one before it arrives itself. The later one is then stored as its *early reference*:
an update's with its incidents, that of a parked Cancel or all-clear without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from alerts.contract.cap_message import CapMessage, CapReference, cap_message_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")

_NO_INCIDENT = b""


@dataclass(slots=True)
class References:
    """References of one message, resolved."""

    incidents: list[UUID] = field(default_factory=list)
    """Incidents of the referenced messages."""
    strangers: bool = False
    """True if a referenced message belongs to another source."""
    unknown: list[UUID] = field(default_factory=list)
    """Ids of referenced messages that have not arrived."""
    successors: list[UUID] = field(default_factory=list)
    """Incidents of later messages that named this one before it arrived."""
    endings: list[UUID] = field(default_factory=list)
    """Triggers of the parked endings that named this message, or one that it refers to, before that one arrived."""
    ended_at: int = 0
    """`sent` of the latest of them, in microseconds since 1970."""


def sent_at(message: CapMessage) -> datetime:
    """Return the time of a message."""
    return datetime.fromisoformat(message.sent)


def named_times(message: CapMessage) -> list[datetime]:
    """Return the times of the messages that a message refers to."""
    return [datetime.fromisoformat(sent) for _, _, sent in message.references]


def resolve(unit: UnitOfWork, message: CapMessage, source: str) -> References:
    """Resolve the references of a message."""
    found = References()
    incidents: dict[UUID, None] = {}
    for reference in dict.fromkeys(cap_message_id(reference) for reference in message.references):
        rows = unit.read(_sql.cap_incidents, (reference.bytes,))
        found.strangers = found.strangers or any(owner != source for owner, _ in rows)
        incidents.update((UUID(bytes=bytes(incident)), None) for owner, incident in rows if owner == source)
        early, endings = _early(unit, message, source, reference)
        if message.msg_type == "Cancel":
            early = []  # what a Cancel takes back must have arrived: until then a person decides
        incidents.update((incident, None) for incident in early)
        later = micros(sent_at(message))
        _add_endings(found, [(trigger, sent) for trigger, sent in endings if sent >= later])
        if not rows and not early:
            found.unknown.append(reference)
    found.incidents = list(incidents)
    found.successors, endings = _early(unit, message, source, cap_message_id(_own(message)))
    _add_endings(found, endings)
    return found


def _add_endings(found: References, endings: list[tuple[UUID, int]]) -> None:
    found.endings += [trigger for trigger, _ in endings]
    found.ended_at = max([found.ended_at, *(sent for _, sent in endings)])


def remember(unit: UnitOfWork, message: CapMessage, source: str, incidents: Iterable[UUID]) -> None:
    """Store the message's incidents, for later messages that refer to it."""
    own = cap_message_id(_own(message)).bytes
    rows = [(own, ordinal, source, incident.bytes) for ordinal, incident in enumerate(dict.fromkeys(incidents))]
    unit.write_many(_sql.keep_cap, rows)


def expect(
    unit: UnitOfWork, message: CapMessage, source: str, trigger: UUID, unknown: list[UUID], incidents: Iterable[UUID]
) -> None:
    """Store a message as the early reference of messages that have not arrived; without incidents, as their end."""
    own = [incident.bytes for incident in dict.fromkeys(incidents)] or [_NO_INCIDENT]
    sent = micros(sent_at(message))
    rows = [
        (source, reference.bytes, incident, trigger.bytes, message.status, sent)
        for reference in unknown
        for incident in own
    ]
    unit.write_many(_sql.expect_cap, rows)


def forget_ending(unit: UnitOfWork, trigger: UUID) -> None:
    """Delete the early references of a parked ending that a person dropped."""
    unit.write(_sql.forget_cap_ending, (trigger.bytes, _NO_INCIDENT))


def _own(message: CapMessage) -> CapReference:
    return message.sender, message.identifier, message.sent


def _early(
    unit: UnitOfWork, message: CapMessage, source: str, reference: UUID
) -> tuple[list[UUID], list[tuple[UUID, int]]]:
    """Return the early references of a message: incidents, and (trigger, sent) of endings. A drill's are for drills."""
    rows = [
        (bytes(incident), UUID(bytes=bytes(trigger)), sent)
        for incident, trigger, status, sent in unit.read(_sql.early_cap, (source, reference.bytes))
        if status in ("Actual", message.status)
    ]
    incidents = dict.fromkeys(UUID(bytes=incident) for incident, _, _ in rows if incident != _NO_INCIDENT)
    return list(incidents), [(trigger, sent) for incident, trigger, sent in rows if incident == _NO_INCIDENT]
