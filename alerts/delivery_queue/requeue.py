"""Requeue of technically failed deliveries, by a person who fixed the cause (RULES, "States of a delivery").

They keep their identity, their attempts and their place in the retry schedule.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.delivery_queue.row_format import FAILED_TECHNICAL, JOB_NOTICE, QUEUED
from alerts.domain.events import DispatchRetried
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.ids import SHARDS
from alerts.kernel.terms import DELIVERY_STATES
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "requeue.sql")
_SHARDS_PER_BATCH = 64
_LIMIT = 2000


class FailedDispatch(msgspec.Struct, frozen=True, kw_only=True):
    """Dispatch with technically failed deliveries.

    `notice` is None for confirmations, answers to HELP and messages to the team.
    """

    id: UUID
    notice: int | None
    amount: int
    issued_at: datetime


def failed(database: Database, now: datetime) -> list[FailedDispatch]:
    """List the failed dispatches that may still be sent."""
    with database.read() as tx:
        rows = tx.execute(_sql.failed, (FAILED_TECHNICAL, micros(now)))
    return [
        FailedDispatch(
            id=UUID(bytes=bytes(identity)),
            notice=number if kind == JOB_NOTICE else None,
            amount=int(amount),
            issued_at=from_micros(issued_at),
        )
        for number, identity, kind, amount, issued_at in rows
    ]


async def requeue_failed(writer: Writer, dispatch: UUID, *, by: str) -> int:
    """Requeue a dispatch's failed deliveries, some thousand per transaction; return their number.

    `dispatch`: the id that `failed` returns (a notice's own). Raises NotFound for an unknown id, Conflict if the
    dispatch has ended or expired.
    """
    total = shard = 0
    while shard < SHARDS:

        def work(unit: UnitOfWork, shard: int = shard) -> tuple[int, int]:
            return _batch(unit, dispatch, shard)

        amount, shard = (await writer.run(work, by=by)).result
        total += amount
    return total


def _batch(unit: UnitOfWork, dispatch: UUID, shard: int) -> tuple[int, int]:
    """Requeue a batch of shards; return (rows requeued, next shard)."""
    notice, kind = _open(unit, dispatch)
    shards = range(shard, min(shard + _SHARDS_PER_BATCH, SHARDS))
    marks = ",".join("?" for _ in shards)
    rows = unit.read(_sql.rows.replace("?*", marks), (*shards, notice, FAILED_TECHNICAL, _LIMIT))
    if rows:
        _queue(unit, notice, rows)
        if kind == JOB_NOTICE:
            stream = dispatch_id(dispatch)
            unit.get(DISPATCH, stream)
            unit.append(DISPATCH, stream, DispatchRetried(notice=dispatch, number=notice, amount=len(rows)))
    # A full page may have more behind it in the same shards.
    return len(rows), shard if len(rows) == _LIMIT else shards[-1] + 1


def _open(unit: UnitOfWork, dispatch: UUID) -> tuple[int, int]:
    rows = unit.read(_sql.job, (dispatch.bytes,))
    if not rows:
        raise NotFound(f"nothing was dispatched under {dispatch}; `alerts parked list` names what waits")
    notice, kind, ended, why, expires = rows[0]
    if ended is not None:
        raise Conflict(f"nothing more of it may leave: {why or DELIVERY_STATES[ended]}")
    if from_micros(expires) <= unit.now:
        raise Conflict("its time has run out: nothing more of it may leave")
    return int(notice), int(kind)


def _queue(unit: UnitOfWork, notice: int, rows: list[tuple[int, int, int, int, int | None, str | None]]) -> None:
    now = micros(unit.now)
    attempts = [
        (shard, notice, contact, tries, last_at, DELIVERY_STATES[FAILED_TECHNICAL], reason or "")
        for shard, contact, _, tries, last_at, reason in rows
        if tries and last_at is not None  # requeueing overwrites the last attempt
    ]
    unit.write_many(_sql.attempt, attempts)
    unit.write_many(_sql.queue, [(QUEUED, now, row[0], notice, row[1], FAILED_TECHNICAL) for row in rows])
    for channel, amount in Counter(row[2] for row in rows).items():
        unit.write(_sql.tally, (notice, channel, FAILED_TECHNICAL, -amount))
        unit.write(_sql.tally, (notice, channel, QUEUED, amount))
    unit.write(_sql.open, (notice,))
