"""Claiming of queue rows, each in one transaction of the log's writer: a claim commits before the first byte.

Rows planned for the first time are found by walking the primary key, shard by shard, from the end of the last claim;
rows that wait for a time (held, deferred, requeued, added) are found by their time.
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
    """Result of a claim.

    `next_shard`: continuation of the walk. `worker`: the claiming worker's number. `kinds`: kind of each dispatch of
    the transactional lane.
    """

    rows: list[Claimed]
    next_shard: int = 0
    worker: int = 0
    kinds: Mapping[int, int] = field(default_factory=dict)


def claim_planned(unit: UnitOfWork, worker: int, notice: int, rows: int, shard: int, limit: int) -> Claim:
    """Claim up to `limit` planned rows of a live dispatch, from `shard` on. Raises LeaseLost."""
    _alive(unit, worker)
    if not unit.read(_sql.job_live, (notice,)):
        return Claim([], SHARDS)
    claimed: list[Claimed] = []
    while shard < SHARDS and len(claimed) < limit:
        shards = _next_shards(shard, rows, limit - len(claimed))
        found = [Claimed.of(row) for row in _walk(unit, _sql.waiting, shards, notice, limit - len(claimed))]
        claimed += found
        shard = found[-1].shard if len(claimed) >= limit and found else shards[-1] + 1
    _claim(unit, worker, claimed)
    return Claim(claimed, shard, worker)


def claim_due(unit: UnitOfWork, worker: int, lane: int, now: datetime, limit: int) -> Claim:
    """Claim up to `limit` rows of a lane that are due. Raises LeaseLost."""
    _alive(unit, worker)
    claimed = [Claimed.of(row) for row in _due(unit, lane, now, limit)]
    here = {(row.notice, row.contact) for row in claimed}
    for shard, contact in {(row.shard, row.contact) for row in claimed if row.flags & DeliveryFlag.DIGEST}:
        for found in unit.read(_sql.digest_rest, (shard, contact, micros(now))):
            row = Claimed.of(found)
            if (row.notice, row.contact) not in here:
                claimed.append(row)
    asked = {row.notice for row in claimed} if lane == LANE["transactional"] else set()
    kinds = {notice: int(unit.read(_sql.job_head, (notice,))[0][1]) for notice in asked}
    _claim(unit, worker, claimed)
    return Claim(claimed, worker=worker, kinds=kinds)


def cancel_leftover(
    unit: UnitOfWork, worker: int, notice: int, state: int, reason: str, shard: int, limit: int
) -> Claim:
    """Settle up to `limit` rows of an ended dispatch that were not handed over. Raises LeaseLost.

    Rows held for a digest are left out when the notice expires: the digest lists it as past.
    """
    spared = int(DeliveryFlag.DIGEST) if state == EXPIRED else 0
    claimed: list[Claimed] = []
    while shard < SHARDS and len(claimed) < limit:
        shards = range(shard, min(shard + 64, SHARDS))
        rows = unit.read(_filled(_sql.leftover, shards), (*shards, notice, spared, limit - len(claimed)))
        claimed += [Claimed.of(row) for row in rows]
        shard = claimed[-1].shard if len(claimed) >= limit else shards[-1] + 1
    ends = [DeliveryOutcome(row, state, _why(row, state, reason)) for row in claimed]
    settle(unit, worker, ends, before=QUEUED)
    return Claim(claimed, shard)


def requeue_orphaned(unit: UnitOfWork, worker: int, expired_worker: int, notice: int, shard: int, limit: int) -> Claim:
    """Requeue up to `limit` rows claimed by an expired worker, at once and under the same identity."""
    claimed: list[Claimed] = []
    while shard < SHARDS and len(claimed) < limit:
        shards = range(shard, min(shard + 64, SHARDS))
        rows = unit.read(_filled(_sql.claimed_by, shards), (*shards, notice, expired_worker, limit - len(claimed)))
        claimed += [Claimed.of(row) for row in rows]
        shard = claimed[-1].shard if len(claimed) >= limit and claimed else shards[-1] + 1
    reason = f"{IN_DOUBT}: the process ended between hand-over and record"
    settle(unit, worker, [_once_more(unit, row, reason) for row in claimed], owner=expired_worker)
    return Claim(claimed, shard)


def requeue_lost(unit: UnitOfWork, worker: int, notice: int, in_hand: Callable[[Claimed], bool]) -> int:
    """Requeue rows that this worker has claimed but no longer serves; return their number.

    The claim's answer was lost with the connection, or its sender failed.
    """
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
    """Return quiet hours as the reason for a row that was held over the notice's whole life (RULES 6)."""
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
    """Shards that should hold the wanted rows; a power of two, so that few statements are prepared."""
    each = max(rows / SHARDS, 0.1)
    count = 1 << max(0, math.ceil(math.log2(max(1.0, wanted / each))))
    return range(shard, min(shard + count, SHARDS))


def _walk(unit: UnitOfWork, statement: str, shards: Iterable[int], notice: int, limit: int) -> list[tuple[int, ...]]:
    shards = tuple(shards)
    return unit.read(_filled(statement, shards), (*shards, notice, limit))


def _filled(statement: str, shards: Iterable[int]) -> str:
    return statement.replace("?*", ",".join("?" for _ in shards))
