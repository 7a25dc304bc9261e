"""Taking rows of the queue, each in one transaction of the log's writer: what is taken is committed before any byte.

Rows planned for the first time are found by walking the primary key, shard by shard, from where the last claim ended;
what waited for a time (held, deferred, to be taken again, added) is found by its time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.delivery_queue.row_format import EXPIRED, HELD, IN_DOUBT, LANE, QUEUED, SENDING, DeliveryFlag
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome, LeaseLost, settle
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import SHARDS
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Row

_sql = load("alerts.delivery_queue", "queue.sql")
_ALL = 1 << 31


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought. `next_shard`: where the walk goes on. `worker`: under whose number it was made. `kinds`:
    what kind of job each dispatch of the transactional lane is."""

    rows: list[Claimed]
    next_shard: int = 0
    worker: int = 0
    kinds: Mapping[int, int] = field(default_factory=dict)


def claim_planned(unit: UnitOfWork, worker: int, notice: int, rows: int, shard: int, limit: int) -> Claim:
    """Claim up to `limit` planned rows of a live dispatch, from `shard` on. Raises Lapsed."""
    _alive(unit, worker)
    if not unit.read(_sql.job_live, (notice,)):
        return Claim([], SHARDS)
    taken: list[Claimed] = []
    while shard < SHARDS and len(taken) < limit:
        shards = _next_shards(shard, rows, limit - len(taken))
        found = [Claimed.of(row) for row in _walk(unit, _sql.waiting, shards, notice, limit - len(taken))]
        taken += found
        shard = found[-1].shard if len(taken) >= limit and found else shards[-1] + 1
    _claim(unit, worker, taken)
    return Claim(taken, shard, worker)


def claim_due(unit: UnitOfWork, worker: int, lane: int, now: datetime, limit: int) -> Claim:
    """Claim up to `limit` rows of a lane whose time has come. Raises Lapsed."""
    _alive(unit, worker)
    taken = [Claimed.of(row) for row in _due(unit, lane, now, limit)]
    here = {(row.notice, row.contact) for row in taken}
    for shard, contact in {(row.shard, row.contact) for row in taken if row.flags & DeliveryFlag.DIGEST}:
        for found in unit.read(_sql.digest_rest, (shard, contact, micros(now))):
            row = Claimed.of(found)
            if (row.notice, row.contact) not in here:
                taken.append(row)
    asked = {row.notice for row in taken} if lane == LANE["transactional"] else set()
    kinds = {notice: int(unit.read(_sql.job_head, (notice,))[0][1]) for notice in asked}
    _claim(unit, worker, taken)
    return Claim(taken, worker=worker, kinds=kinds)


def cancel_leftover(
    unit: UnitOfWork, worker: int, notice: int, state: int, reason: str, shard: int, limit: int
) -> Claim:
    """Settle up to `limit` rows that have not left of a dispatch that has ended; none of them is handed over.

    What a digest was to carry stays for it when it expires: the digest lists it as past.
    """
    spared = int(DeliveryFlag.DIGEST) if state == EXPIRED else 0
    taken: list[Claimed] = []
    while shard < SHARDS and len(taken) < limit:
        shards = range(shard, min(shard + 64, SHARDS))
        rows = unit.read(_filled(_sql.leftover, shards), (*shards, notice, spared, limit - len(taken)))
        taken += [Claimed.of(row) for row in rows]
        shard = taken[-1].shard if len(taken) >= limit else shards[-1] + 1
    ends = [DeliveryOutcome(row, state, _why(row, state, reason)) for row in taken]
    settle(unit, worker, ends, before=QUEUED)
    return Claim(taken, shard)


def requeue_orphaned(unit: UnitOfWork, worker: int, dead: int, notice: int, shard: int, limit: int) -> Claim:
    """Queue up to `limit` rows that a dead worker had claimed again, at once and under the same identity."""
    taken: list[Claimed] = []
    while shard < SHARDS and len(taken) < limit:
        shards = range(shard, min(shard + 64, SHARDS))
        rows = unit.read(_filled(_sql.claimed_by, shards), (*shards, notice, dead, limit - len(taken)))
        taken += [Claimed.of(row) for row in rows]
        shard = taken[-1].shard if len(taken) >= limit and taken else shards[-1] + 1
    reason = f"{IN_DOUBT}: the process ended between hand-over and record"
    settle(unit, worker, [_once_more(unit, row, reason) for row in taken], owner=dead)
    return Claim(taken, shard)


def requeue_lost(unit: UnitOfWork, worker: int, notice: int, in_hand: Callable[[Claimed], bool]) -> int:
    """The same for rows that this worker has claimed and serves no more: the claim's answer was lost with the
    connection, or its sender failed. How many there were."""
    lost: list[Claimed] = []
    for shard in range(0, SHARDS, 64):
        shards = range(shard, shard + 64)
        rows = unit.read(_filled(_sql.claimed_by, shards), (*shards, notice, worker, _ALL))
        lost += [row for row in map(Claimed.of, rows) if not in_hand(row)]
    settle(unit, worker, [_once_more(unit, row, f"{IN_DOUBT}: its claim was lost") for row in lost])
    return len(lost)


def _due(unit: UnitOfWork, lane: int, now: datetime, limit: int) -> list[Row]:
    paused = unit.read(_sql.paused) if lane == LANE["bulletin"] else []
    if not paused:
        return unit.read(_sql.due, (lane, micros(now), 0, SHARDS - 1, limit))
    numbers = [int(row[0]) for row in paused]
    return unit.read(_filled(_sql.due_beside, numbers), (lane, micros(now), 0, SHARDS - 1, *numbers, limit))


def _once_more(unit: UnitOfWork, row: Claimed, reason: str) -> DeliveryOutcome:
    now = unit.now
    flags = row.flags | DeliveryFlag.IN_DOUBT
    return DeliveryOutcome(row, QUEUED, reason, flags=flags, due=now, started=now, finished=now)


def _why(row: Claimed, state: int, reason: str) -> str:
    """Whoever slept through a notice's whole life is told that it was the quiet hours (RULES 6)."""
    return row.reason if state == EXPIRED and row.state == HELD and row.reason else reason


def _alive(unit: UnitOfWork, worker: int) -> None:
    if not unit.read(_sql.worker, (worker,)):
        raise LeaseLost


def _claim(unit: UnitOfWork, worker: int, rows: Sequence[Claimed]) -> None:
    unit.write_many(_sql.claim, [(worker, row.shard, row.notice, row.contact) for row in rows])
    moved = Counter((row.notice, row.channel, row.state) for row in rows)
    for (notice, channel, state), amount in moved.items():
        unit.write(_sql.tally, (notice, channel, state, worker, -amount))
        unit.write(_sql.tally, (notice, channel, SENDING, worker, amount))


def _next_shards(shard: int, rows: int, wanted: int) -> range:
    """So many shards as should hold the rows wanted, by powers of two so that few statements are prepared."""
    each = max(rows / SHARDS, 0.1)
    count = 1 << max(0, math.ceil(math.log2(max(1.0, wanted / each))))
    return range(shard, min(shard + count, SHARDS))


def _walk(unit: UnitOfWork, statement: str, shards: Iterable[int], notice: int, limit: int) -> list[tuple[int, ...]]:
    shards = tuple(shards)
    return unit.read(_filled(statement, shards), (*shards, notice, limit))


def _filled(statement: str, shards: Iterable[int]) -> str:
    return statement.replace("?*", ",".join("?" for _ in shards))
