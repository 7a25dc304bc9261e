"""Pages of a frozen audience become delivery rows: at most 20,000 in a transaction, the cursor in the same one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from alerts.dispatch.follower import Follower
from alerts.dispatch.frozen import Frozen, unpack
from alerts.dispatch.issued import Issued
from alerts.dispatch.rows import DIGEST, HELD, LANE, PROMPT, QUEUED, TEAM, WOKEN
from alerts.eventlog.ports import Database, Unit
from alerts.eventlog.sql import load
from alerts.times import micros
from subscribers.timing import REASONS, holds

_sql = load("alerts.dispatch", "dispatch.sql")
_DIGEST = REASONS.index("digest")


@dataclass(frozen=True, slots=True)
class Page:
    """One page, ready to be written: rows for at once, rows that wait."""

    notice: int
    number: int
    rows: list[tuple[int, ...]]
    held: list[tuple[int | str, ...]]
    tally: Counter[tuple[int, int]]
    """(channel, state) → rows."""


def next_page(database: Database) -> tuple[int, int] | None:
    """(notice number, page) of what is to be planned next: the most urgent lane first, then the oldest."""
    with database.read() as tx:
        rows = tx.execute(_sql.page_next)
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def prepare(database: Database, follower: Follower, issued: Issued, number: int, now: datetime) -> Page:
    """Read a page and decide who waits already: quiet hours and digests (asked again at hand-over)."""
    with database.read() as tx:
        [packed] = tx.execute(_sql.audience_page, (issued.number, number))
    page = unpack(*(bytes(part) for part in packed))
    until, reason = _holds(follower, issued, page, now)
    lane = LANE[issued.lane]
    rows: list[tuple[int, ...]] = []
    held: list[tuple[int | str, ...]] = []
    columns = (page.shards.tolist(), page.contacts.tolist(), page.channels.tolist(), page.flags.tolist())
    for shard, contact, channel, flags, due, why in zip(*columns, until, reason, strict=True):
        if why < 0:
            rows.append((shard, issued.number, contact, lane, QUEUED, channel, flags))
            continue
        digest = why == _DIGEST
        flags |= DIGEST if digest else 0
        due = due if digest else min(due, micros(issued.expires))
        held.append((shard, issued.number, contact, lane, HELD, channel, flags, due, REASONS[why]))
    tally = Counter((row[5], QUEUED) for row in rows)
    tally.update((int(row[5]), HELD) for row in held)
    return Page(issued.number, number, rows, held, tally)


def write(unit: Unit, worker: int, page: Page) -> bool:
    """Write a page, unless another process has; whether it was written."""
    [(planned,)] = unit.read(_sql.job_next_page, (page.notice,))
    if planned != page.number:
        return False
    unit.write_many(_sql.delivery_plan, page.rows)
    unit.write_many(_sql.delivery_insert_held, page.held)
    for (channel, state), amount in page.tally.items():
        unit.write(_sql.tally, (page.notice, channel, state, worker, amount))
    unit.write(_sql.job_page, (page.number + 1, page.notice))
    return True


def _holds(follower: Follower, issued: Issued, page: Frozen, now: datetime) -> tuple[list[int], list[int]]:
    """Until when (microseconds) and why (index into REASONS, -1: at once) each row waits."""
    with follower.at_rest():
        found = holds(
            follower.columns,
            page.contacts,
            priority=issued.priority,
            danger=issued.danger_to_life,
            kind=issued.plan.kind,
            now=now,
        )
    # What the thread did before goes on (RULES 14); with a doubt left, the hand-over decides.
    at_once = (page.flags & (WOKEN | TEAM) != 0) | ((page.flags & PROMPT != 0) & (found.reason == _DIGEST))
    reason = np.where(at_once, -1, found.reason)
    return found.until.tolist(), reason.tolist()
