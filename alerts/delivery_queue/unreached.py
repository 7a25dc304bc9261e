"""Unreached people of a notice: whom every way has failed, and the way by which a person may still reach them.

`judge` is the rule, for one person; `suspects` lists the people to ask it about. Blocking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from alerts.delivery_queue.row_format import (
    CANCELLED,
    EXPIRED,
    FINAL,
    STATE,
    SUPERSEDED,
)
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_shard
from alerts.kernel.terms import CHANNEL_CODE, CHANNEL_TERMS, CHANNELS
from alerts.kernel.times import micros
from alerts.storage.in_clauses import padded_chunks
from alerts.storage.named_queries import load
from alerts.storage.ports import Row, Value
from subscribers.addresses import Reader
from subscribers.domain.subscriber import NO_LEAVING, ContactState, SubscriberState

_sql = load("alerts.delivery_queue", "unreached.sql")
_SUPPRESSED = STATE["suppressed"]
_HANDED = (STATE["sent"], STATE["delivered"])
_CHOSEN = ("quiet hours", "digest")
"""Reasons of an expiry that the person's own wishes caused (`dispatch.send_policy`)."""
_SMS = CHANNEL_CODE["sms"]
MOST_UNREACHABLE = 10_000
"""People without a contact point of whom a notice's ids are stored; the others are counted alone."""
DEAD_NUMBER = "hard-bounce"
"""Suppression of a number that takes no texts. It may be a landline, so it is called."""

Verdict = Literal["reached", "underway", "withheld", "call", "write", "no way"]
"""underway: something may still leave, or a person is to call. withheld: rightly not sent (left, paused, quiet hours).
call, write: no way has reached them, and a number or a postal address is left. no way: nothing is left."""


class RowState(NamedTuple):
    """Delivery row of a contact point: numbers of `row_format`."""

    state: int
    channel: int
    flags: int
    tries: int
    last_at: int | None
    reason: str


class Judged(NamedTuple):
    """Verdict on one person. `contact`: the contact point to call or write to, None if there is none."""

    verdict: Verdict
    contact: ContactState | None = None
    row: RowState | None = None
    """The row of that contact point, which failed as a text; None if it has none."""
    why: str = ""
    """Why the last way failed: `email: 550 no such mailbox`."""


def judge(person: SubscriberState, rows: dict[int, RowState], now: datetime, *, danger_to_life: bool) -> Judged:
    """Decide about one person, by the rows of their contact points for the notice. Pure.

    Of several ways left a number for calls comes first, then a number for texts, then a postal address.
    """
    if any(row.state in _HANDED for row in rows.values()):
        return Judged("reached")
    if any(row.state not in FINAL for row in rows.values()):
        return Judged("underway")
    if _is_withheld(person, rows, now, danger_to_life=danger_to_life):
        return Judged("withheld")
    why = _reason(person, rows)
    for contact in _in_order(person):
        row = rows.get(contact.number)
        if _may_carry(person, contact, row, danger_to_life=danger_to_life):
            return Judged("write" if contact.channel == "letter" else "call", contact, row, why)
    return Judged("no way", why=why)


def _is_withheld(person: SubscriberState, rows: dict[int, RowState], now: datetime, *, danger_to_life: bool) -> bool:
    """True if something was rightly not sent, or the person has left."""
    preferences = person.preferences
    if person.phase != "confirmed" or preferences is None:
        return True
    endangered = danger_to_life and preferences.danger_to_life
    if person.paused_until is not None and person.paused_until > now and not endangered:
        return True
    if not rows:  # had nothing to send to at the issue: who left all ways wants no call
        left = [contact for contact in person.current if (contact.suppressed or "changed") not in NO_LEAVING]
        return bool(left) and not any(contact.usable for contact in person.current)
    return any(_is_chosen(row) for row in rows.values())


def _is_chosen(row: RowState) -> bool:
    if row.state == _SUPPRESSED:
        return row.reason.removeprefix("suppressed: ") not in NO_LEAVING
    return row.state in (SUPERSEDED, CANCELLED) or (row.state == EXPIRED and row.reason in _CHOSEN)


def _in_order(person: SubscriberState) -> list[ContactState]:
    order = ("phone", "sms", "letter")
    by_hand = [contact for contact in person.current if contact.channel in order]
    return sorted(by_hand, key=lambda contact: (order.index(contact.channel), contact.number))


def _may_carry(person: SubscriberState, contact: ContactState, row: RowState | None, *, danger_to_life: bool) -> bool:
    """True if a person may still call this number or write to this address."""
    preferences = person.preferences
    wanted = preferences is not None and (
        contact.channel in preferences.channels or (danger_to_life and preferences.danger_to_life)
    )
    if not wanted or contact.state != "verified":
        return False
    if contact.channel == "sms":
        return contact.suppressed in (None, DEAD_NUMBER) and (row is None or row.channel == _SMS)
    return contact.suppressed is None and row is None


def _reason(person: SubscriberState, rows: dict[int, RowState]) -> str:
    """Why the last way failed; for who had none, what became of their contact points."""
    if rows:
        last = max(rows.values(), key=lambda row: row.last_at or 0)
        return f"{CHANNEL_TERMS[CHANNELS[last.channel]].noun}: {last.reason or 'could not leave'}"
    told = {f"{CHANNEL_TERMS[c.channel].noun}: {c.suppressed}" for c in person.current if c.suppressed}
    return ", ".join(sorted(told)) or "no address of a way that the notice went by"


def rows_of(read: Reader, notice: int, people: Iterable[SubscriberState]) -> dict[int, RowState]:
    """Rows of people's contact points for a notice, by number."""
    numbers = [contact.number for person in people for contact in person.contacts]
    found: dict[int, RowState] = {}
    for contact, state, channel, flags, tries, last_at, reason in _of_contacts(read, _sql.rows, notice, numbers):
        found[contact] = RowState(state, channel, flags, tries, last_at, reason or "")
    return found


def _of_contacts(read: Reader, statement: str, notice: int, numbers: Sequence[int]) -> Iterator[Row]:
    for chunk in padded_chunks(numbers):
        keys = [value for number in chunk for value in (contact_shard(number), number)]
        yield from read(statement.replace("?**", ",".join(["(?,?)"] * len(chunk))), (*keys, notice))


def _among(read: Reader, statement: str, keys: Sequence[Value]) -> Iterator[Row]:
    for chunk in padded_chunks(keys):
        yield from read(statement.replace("?*", ",".join("?" * len(chunk))), chunk)


class Suspects(NamedTuple):
    """People of a notice to be judged. `examined`: failed rows that were looked at to find them."""

    people: list[UUID]
    examined: int


def suspects(read: Reader, notice: int, shards: range) -> Suspects:
    """List the people of some shards with a failed delivery whom no other way has reached, in a fixed order."""
    statement = _sql.failed.replace("?*", ",".join("?" * len(shards)))
    failed = [int(contact) for (contact,) in read(statement, (notice, *shards))]
    owners = {int(contact): bytes(owner) for contact, owner in _among(read, _sql.owners, failed)}
    people = list(dict.fromkeys(owners[contact] for contact in failed if contact in owners))
    contacts = {int(contact): bytes(owner) for contact, owner in _among(read, _sql.contacts_of, people)}
    others = [contact for contact in contacts if contact not in owners]
    reached = {contacts[int(contact)] for (contact,) in _of_contacts(read, _sql.left_or_may, notice, others)}
    return Suspects([UUID(bytes=person) for person in people if person not in reached], len(failed))


def without_way(read: Reader, notice: int) -> list[UUID]:
    """List the people who were due for a notice without a contact point for it, at most `MOST_UNREACHABLE`."""
    raws = [bytes(packed) for (packed,) in read(_sql.unreachable, (notice,))]
    return [UUID(bytes=raw[at : at + 16]) for raw in raws for at in range(0, len(raw), 16)]


def keep_unreachable(unit: UnitOfWork, notice: int, expires: datetime, people: Sequence[UUID]) -> None:
    """Store who was due for a notice without a contact point for it."""
    packed = b"".join(person.bytes for person in people)
    unit.write(_sql.keep_unreachable, (notice, micros(expires), packed))
