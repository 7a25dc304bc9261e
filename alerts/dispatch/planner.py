"""Planner: turns pages of a frozen audience into delivery rows, at most 20,000 per transaction with its cursor."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.delivery_queue.frozen_audience import FrozenAudience, unpack
from alerts.delivery_queue.row_format import HELD, LANE, QUEUED, DeliveryFlag
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_shard
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.quiet_hours import REASONS, deferrals

_sql = load("alerts.delivery_queue", "queue.sql")
_DIGEST = REASONS.index("digest")
_AT_ONCE = DeliveryFlag.DID_WAKE | DeliveryFlag.TEAM


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """Page ready to be written: immediate rows by a statement with its parameters, and held rows."""

    notice: int
    number: int
    plain: tuple[str, list[tuple[int | str, ...]]]
    held: list[tuple[int | str, ...]]
    tally: Counter[tuple[int, int]]
    """(channel, state) → rows."""


def next_page(database: Database) -> tuple[int, int] | None:
    """(notice number, page) to plan next: the most urgent lane first, then the oldest."""
    with database.read() as tx:
        rows = tx.execute(_sql.page_next)
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def prepare(
    database: Database, projector: AudienceProjector, issued: IssuedNotice, number: int, now: datetime
) -> PlannedPage:
    """Load a page and decide which rows are held: quiet hours and digests (checked again at hand-over)."""
    with database.read() as tx:
        [packed] = tx.execute(_sql.audience_page, (issued.number, number))
    page = unpack(*(bytes(part) for part in packed))
    until, reason = _holds(projector, issued, page, now)
    lane, at_once = LANE[issued.lane], reason < 0
    part = FrozenAudience(page.contacts[at_once], page.channels[at_once], page.flags[at_once])
    plain = _packed(issued.number, lane, part) if database.dialect == "sqlite" else _rows(issued.number, lane, part)
    held: list[tuple[int | str, ...]] = []
    for index in np.flatnonzero(~at_once).tolist():
        digest = reason[index] == _DIGEST
        contact, channel = int(page.contacts[index]), int(page.channels[index])
        flags = int(page.flags[index]) | (DeliveryFlag.DIGEST if digest else 0)
        due = int(until[index]) if digest else min(int(until[index]), micros(issued.expires))
        why = REASONS[reason[index]]
        held.append((contact_shard(contact), issued.number, contact, lane, HELD, channel, flags, due, why))
    tally = Counter({(channel, QUEUED): n for channel, n in Counter(part.channels.tolist()).items()})
    tally.update((int(row[5]), HELD) for row in held)
    return PlannedPage(issued.number, number, plain, held, tally)


def write(unit: UnitOfWork, worker: int, page: PlannedPage) -> bool:
    """Write a page, unless another process has; True if it was written."""
    [(planned,)] = unit.read(_sql.job_next_page, (page.notice,))
    if planned != page.number:
        return False
    unit.write_many(*page.plain)
    unit.write_many(_sql.delivery_insert_held, page.held)
    for (channel, state), amount in page.tally.items():
        unit.write(_sql.tally, (page.notice, channel, state, worker, amount))
    unit.write(_sql.job_page, (page.number + 1, page.notice))
    return True


def _rows(notice: int, lane: int, part: FrozenAudience) -> tuple[str, list[tuple[int | str, ...]]]:
    """Tuple for each delivery: PostgreSQL loads them by COPY."""
    count = len(part)
    same = (repeat(notice, count), part.contacts.tolist(), repeat(lane, count), repeat(QUEUED, count))
    return _sql.delivery_plan, list(
        zip(part.shards.tolist(), *same, part.channels.tolist(), part.flags.tolist(), strict=True)
    )


def _packed(notice: int, lane: int, part: FrozenAudience) -> tuple[str, list[tuple[int | str, ...]]]:
    """Tuples for each combination of channel and flags, with the contact points as JSON.

    SQLite unpacks them three times as fast as it takes parameters.
    """
    kinds = part.channels.astype(np.int64) << 8 | part.flags
    found: list[tuple[int | str, ...]] = []
    for kind in np.unique(kinds).tolist():
        contacts = part.contacts[kinds == kind].tolist()
        found.append((notice, lane, kind >> 8, kind & 255, msgspec.json.encode(contacts).decode()))
    return _sql.delivery_plan_packed, found


def _holds(
    projector: AudienceProjector, issued: IssuedNotice, page: FrozenAudience, now: datetime
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Deferral of each row: until (microseconds) and reason (index into REASONS, -1: at once)."""
    until = np.zeros(len(page), dtype=np.int64)
    reason = np.full(len(page), -1, dtype=np.int8)
    with projector.locked_at_position():
        known = projector.columns.contact_rows(page.contacts) >= 0  # team members have no preferences
        if known.any():
            found = deferrals(
                projector.columns,
                page.contacts[known],
                priority=issued.priority,
                danger=issued.danger_to_life,
                kind=issued.plan.kind,
                now=now,
            )
            until[known], reason[known] = found.until, found.reason
    # What the thread overrode before stays overridden (RULES 14); if in doubt, the hand-over decides.
    immediate = page.flags & int(DeliveryFlag.IMMEDIATE) != 0
    at_once = (page.flags & _AT_ONCE != 0) | (immediate & (reason == _DIGEST))
    return until, np.where(at_once, np.int8(-1), reason)
