"""Recipients of a dispatch: due by the notice's own rules, followers and earlier recipients, the team for a drill.

Reads the audience columns; called while they are locked (the projector's thread waits).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.delivery_queue.frozen_audience import FrozenAudience, freeze
from alerts.delivery_queue.row_format import DeliveryFlag
from alerts.domain.reference_data import MemberState
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import SHARDS
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, SIGN_IN_CHANNEL, Channel
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.schema import CONFIRMED, DANGER, UNREADABLE
from subscribers.audience.index.topic_sets import thread_member
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.matching import Audience
from subscribers.audience.reference_data import ReferenceData

_sql = load("alerts.delivery_queue", "queue.sql")
ALL_SHARDS = tuple(range(SHARDS))
_WOKEN = DeliveryFlag.MAY_WAKE | DeliveryFlag.DID_WAKE
_HANDED = _sql.handed.replace("?*", ",".join("?" * SHARDS))


@dataclass(frozen=True, slots=True)
class RecipientCounts:
    """Number of people behind the contact points of a dispatch. `by_channel` counts contact points."""

    people: int
    by_channel: dict[str, int]
    by_language: dict[str, int]


def due(
    columns: AudienceColumns, issued: IssuedNotice, due: Audience | None, team: Iterable[MemberState]
) -> FrozenAudience:
    """Recipients by the notice's own rules; for an exercise or a test, the team too (RULES 15)."""
    if due is None:
        return _frozen([])
    contacts = np.asarray(due.contacts, dtype=np.int64)
    channels = np.asarray(due.channels, dtype=np.uint8)
    flags = np.zeros(len(contacts), dtype=np.uint8)
    if issued.priority == "emergency" and len(contacts):
        flags[_wakes(columns, columns.contact_rows(contacts), issued)] |= int(DeliveryFlag.MAY_WAKE)
    drill = issued.plan.status in ("Exercise", "Test") and SIGN_IN_CHANNEL in issued.plan.channels
    members = (
        [(member.contact, CHANNEL_CODE[SIGN_IN_CHANNEL], int(DeliveryFlag.TEAM)) for member in team] if drill else []
    )
    return merged(FrozenAudience(contacts, channels, flags), _frozen(members))


def followers(columns: AudienceColumns, issued: IssuedNotice) -> FrozenAudience:
    """Contact points of those who follow the thread, whatever their places, topics and frequency (RULES 14)."""
    if issued.msg_type == "Alert" or issued.plan.status != "Actual":
        return _frozen([])
    people, member = columns.people, thread_member(issued.thread)
    following = np.array([member in topics for topics in columns.topic_sets.values], dtype=np.bool_)
    if not following.any():
        return _frozen([])
    rows = np.flatnonzero(following[people.topics[: people.size]])
    able = people.flags[rows] & np.uint8(CONFIRMED | UNREADABLE) == np.uint8(CONFIRMED)
    rows = rows[able & (people.paused_until[rows] <= micros(issued.issued_at))]
    notice = sum(1 << CHANNEL_CODE[channel] for channel in issued.plan.channels)
    found = []
    for row in rows.tolist():
        wanted, contact = int(people.wanted[row]) & notice, int(people.first_contact[row])
        while contact >= 0:
            channel = int(columns.contacts.channel[contact])
            if columns.contacts.usable[contact] and wanted >> channel & 1:
                found.append((int(columns.contacts.number[contact]), channel, int(DeliveryFlag.IMMEDIATE)))
            contact = int(columns.contacts.next[contact])
    frozen = _frozen(found)
    if issued.priority == "emergency" and len(frozen):
        flags = frozen.flags.copy()
        flags[_wakes(columns, columns.contact_rows(frozen.contacts), issued)] |= int(DeliveryFlag.MAY_WAKE)
        frozen = FrozenAudience(frozen.contacts, frozen.channels, flags)
    return frozen


def already_told(
    unit: UnitOfWork, columns: AudienceColumns, reference_data: ReferenceData, issued: IssuedNotice
) -> FrozenAudience:
    """Contact points that the thread was sent to or is in doubt for, without ended and suppressed ones.

    Claims and this run one after the other in the log's writer, and older members end here: rows queued now are never
    sent later. Rows in flight may still be refused; their outcome adds the follow-up.
    """
    if issued.msg_type == "Alert":
        return _frozen([])
    found: list[tuple[int, int, int]] = []
    for (number,) in unit.read(_sql.job_numbers_of_thread, (issued.thread.bytes, issued.number)):
        old = reference_data.issued(number)
        if old is None:
            continue
        found += [
            (contact, channel, inherited_flags(flags, old))
            for contact, channel, flags in unit.read(_HANDED, (*ALL_SHARDS, number))
            if still_reachable(columns, reference_data, contact, CHANNELS[channel])
        ]
    return _frozen(found)


def inherited_flags(flags: int, old: IssuedNotice) -> int:
    """Flags of a follow-up, from those of the row it follows (RULES 14)."""
    woken = _WOKEN if flags & _WOKEN else 0
    prompt = DeliveryFlag.IMMEDIATE if old.priority == "emergency" or flags & DeliveryFlag.IMMEDIATE else 0
    return DeliveryFlag.FOLLOW_UP | woken | prompt | (flags & DeliveryFlag.TEAM)


def merged(one: FrozenAudience, two: FrozenAudience) -> FrozenAudience:
    """Union of two audiences."""
    return freeze(
        np.concatenate((one.contacts, two.contacts)),
        np.concatenate((one.channels, two.channels)),
        np.concatenate((one.flags, two.flags)),
    )


def still_reachable(columns: AudienceColumns, reference_data: ReferenceData, contact: int, channel: Channel) -> bool:
    """True if neither ending, suppression nor erasure excludes this contact point from a channel."""
    row = columns.contact_row(contact)
    if row < 0:
        return reference_data.member_of(contact) is not None
    facts = columns.facts(contact)
    return facts is not None and facts.takes(channel)


def contacts_of(columns: AudienceColumns, contact: int) -> list[int]:
    """All contact points of the person who owns this one, itself included."""
    row = columns.contact_row(contact)
    if row < 0:
        return [contact]
    found = []
    other = int(columns.people.first_contact[columns.contacts.person[row]])
    while other >= 0:
        found.append(int(columns.contacts.number[other]))
        other = int(columns.contacts.next[other])
    return found


def may_wake(columns: AudienceColumns, contact: int, issued: IssuedNotice) -> bool:
    """True if a notice overrides the quiet hours of a contact point's person by its own rules (RULES 4)."""
    rows = np.array([columns.contact_row(contact)], dtype=np.int64)
    return bool(_wakes(columns, rows, issued)[0])


def counted(columns: AudienceColumns, frozen: FrozenAudience) -> RecipientCounts:
    """Count the people behind the contact points; a team member is one person."""
    channels = Counter(CHANNELS[code] for code in frozen.channels.tolist())
    rows = columns.contact_rows(frozen.contacts)
    known = rows >= 0
    persons = np.unique(columns.contacts.person[rows[known]])
    codes, counts = np.unique(columns.people.language[persons], return_counts=True)
    names = columns.languages.values
    languages = {names[code]: amount for code, amount in zip(codes.tolist(), counts.tolist(), strict=True)}
    team = int((~known).sum())
    return RecipientCounts(people=len(persons) + team, by_channel=dict(channels), by_language=languages)


def _wakes(columns: AudienceColumns, rows: NDArray[np.int64], issued: IssuedNotice) -> NDArray[np.bool_]:
    """By contact row, True for danger to life if wanted, and for an emergency if agreed to."""
    people = columns.people
    persons = columns.contacts.person[rows]
    over: NDArray[np.bool_] = np.zeros(len(rows), dtype=np.bool_)
    if issued.danger_to_life:
        over |= (people.flags[persons] & DANGER) != 0
    elif issued.priority == "emergency":
        agreed = np.array([quiet is not None and quiet[2] == "emergency" for quiet in columns.quiets.values])
        over |= agreed[people.quiet[persons]]
    return over & (rows >= 0)


def _frozen(rows: list[tuple[int, int, int]]) -> FrozenAudience:
    contacts, channels, flags = zip(*rows, strict=True) if rows else ((), (), ())
    return freeze(
        np.array(contacts, dtype=np.int64), np.array(channels, dtype=np.uint8), np.array(flags, dtype=np.uint8)
    )
