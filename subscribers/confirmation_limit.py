"""Limit of confirmations: at most one a day to an address, whoever asks and whatever was erased in between (PROMISES).

Only a keyed hash of the address is stored, for 24 hours, apart from the person's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.times import micros
from alerts.storage.in_clauses import CHUNK
from alerts.storage.named_queries import load
from subscribers.addresses import Reader

_sql = load("subscribers", "confirmation_limit.sql")
A_DAY = timedelta(hours=24)
_UNASKED_FOR = timedelta(days=8)
"""Longer than a request lives: a fan-out that is late still finds what it must not send."""


def ask_once(unit: UnitOfWork, asked: Iterable[tuple[bytes, int]]) -> None:
    """Record that contact points are asked for a confirmation: (keyed hash of the address, contact point).

    One whose address was asked through another contact point in the last 24 hours is left unasked.
    """
    now, since = micros(unit.now), micros(unit.now - A_DAY)
    for keyed_hash, contact in asked:
        rows = unit.read(_sql.asked, (keyed_hash,))
        if rows and int(rows[0][1]) > since and int(rows[0][0]) != contact:
            unit.write(_sql.leave_unasked, (contact, now))
        else:
            unit.write(_sql.ask, (keyed_hash, contact, now))
            unit.write(_sql.is_asked, (contact,))


def was_asked(unit: UnitOfWork, keyed_hash: bytes, contact: int) -> bool:
    """True if the confirmation of the last 24 hours to this address was that of this contact point."""
    rows = unit.read(_sql.asked, (keyed_hash,))
    return bool(rows) and int(rows[0][0]) == contact and int(rows[0][1]) > micros(unit.now - A_DAY)


def unasked(read: Reader, contacts: Sequence[int]) -> set[int]:
    """Filter the contact points whose confirmation is not sent."""
    found: set[int] = set()
    for start in range(0, len(contacts), CHUNK):
        chunk = contacts[start : start + CHUNK]
        found.update(int(row[0]) for row in read(_sql.unasked.replace("?*", ",".join("?" * len(chunk))), chunk))
    return found


def forget_asked(unit: UnitOfWork, now: datetime) -> None:
    """Delete the hashes of addresses that were asked more than 24 hours ago."""
    unit.write(_sql.forget, (micros(now - A_DAY),))
    unit.write(_sql.forget_unasked, (micros(now - _UNASKED_FOR),))
