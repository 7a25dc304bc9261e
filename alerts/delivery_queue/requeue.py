"""Requeue of technically failed deliveries: by a person who fixed the cause, or once their channel works (RULES 23).

They keep their identity, their attempts and their place in the retry schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec

from alerts.delivery_queue.row_format import FAILED_TECHNICAL, JOB_NOTICE, LANE, QUEUED
from alerts.domain.events import DispatchRetried
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.ids import SHARDS
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, DELIVERY_STATES, Channel
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "requeue.sql")
_SHARDS_PER_BATCH = 64
_LIMIT = 2000

_FailedRow = tuple[int, int, int, int, int | None, str | None]
"""shard, contact, channel, tries, time of the last one, its reason."""
_Find = Callable[[UnitOfWork, int, range, int], list[_FailedRow]]
"""Finds rows of a dispatch in some shards, up to a limit."""


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


def failed_channels(database: Database, now: datetime) -> list[Channel]:
    """Channels with failed deliveries that may still be sent."""
    with database.read() as tx:
        found = tx.execute(_sql.failed_channels, (FAILED_TECHNICAL, micros(now)))
    return sorted(CHANNELS[channel] for (channel,) in found)


async def requeue_failed(writer: Writer, dispatch: UUID, *, by: str) -> int:
    """Requeue a dispatch's failed deliveries, some thousand per transaction; return their number.

    `dispatch`: the id that `failed` returns (a notice's own). Raises NotFound for an unknown id, Conflict if the
    dispatch has ended or expired.
    """
    return await _requeue(writer, dispatch, _failed_rows, by=by)


def failed_in_channel(database: Database, channel: Channel, now: datetime) -> list[UUID]:
    """Dispatches with failed deliveries of a channel that may still be sent."""
    with database.read() as tx:
        found = tx.execute(_sql.failed_in_channel, (FAILED_TECHNICAL, CHANNEL_CODE[channel], micros(now)))
    return [UUID(bytes=bytes(dispatch)) for (dispatch,) in found]


class ParkedDelivery(NamedTuple):
    """Failed delivery of a dispatch; `last_at` is the time of its last try, in microseconds since 1970."""

    last_at: int
    dispatch: UUID
    shard: int
    contact: int


def longest_parked(database: Database, channel: Channel, now: datetime) -> ParkedDelivery | None:
    """Failed delivery of a channel whose last try is the oldest; None if there is none."""
    found: list[ParkedDelivery] = []
    for dispatch in failed_in_channel(database, channel, now):
        with database.read() as tx:
            [(notice, *_)] = tx.execute(_sql.job, (dispatch.bytes,))
            parameters = (*range(SHARDS), notice, FAILED_TECHNICAL, CHANNEL_CODE[channel], micros(now))
            rows = tx.execute(_of_shards(_sql.longest_parked, range(SHARDS)), parameters)
        found += [ParkedDelivery(int(last_at), dispatch, int(shard), int(contact)) for shard, contact, last_at in rows]
    return min(found, default=None)


async def requeue_tried(writer: Writer, dispatches: Iterable[UUID], channel: Channel, before: datetime) -> int:
    """Requeue the failed deliveries of a channel whose last try was before that time; return their number.

    What ends meanwhile stays as it is.
    """
    total = 0
    for dispatch in dispatches:
        try:
            rows = partial(_tried_rows, channel=channel, before=before)
            total += await _requeue(writer, dispatch, rows, by="system")
        except Conflict:
            continue
    return total


async def requeue_one(writer: Writer, parked: ParkedDelivery) -> int:
    """Requeue one failed delivery; return 1, or 0 if it may no longer be sent."""

    def find(unit: UnitOfWork, notice: int, shards: range, limit: int) -> list[_FailedRow]:
        key = (parked.shard, notice, FAILED_TECHNICAL, parked.contact)
        return unit.read(_sql.tried_row, key) if parked.shard in shards else []

    try:
        return await _requeue(writer, parked.dispatch, find, by="system")
    except Conflict:
        return 0


async def release_waiting(writer: Writer, channel: Channel) -> None:
    """Make due at once what waits for its channel's provider, some shards per transaction."""
    for first in range(0, SHARDS, _SHARDS_PER_BATCH):

        def work(unit: UnitOfWork, first: int = first) -> None:
            now = micros(unit.now)
            unit.write(_sql.release_waiting, (now, first, first + _SHARDS_PER_BATCH - 1, now, CHANNEL_CODE[channel]))

        await writer.run(work, by="system")


async def release_probe(writer: Writer, channel: Channel) -> bool:
    """Make due at once the next delivery that the channel's outage has deferred; False if there is none."""

    def work(unit: UnitOfWork) -> bool:
        now = micros(unit.now)
        for lane in LANE.values():
            rows = unit.read(_sql.deferred_by_outage, (0, SHARDS - 1, lane, now, CHANNEL_CODE[channel]))
            for key in rows:
                unit.write(_sql.release_one, (now, *key, now))
                return True
        return False

    return (await writer.run(work, by="system")).result


async def _requeue(writer: Writer, dispatch: UUID, find: _Find, *, by: str) -> int:
    total = shard = 0
    while shard < SHARDS:

        def work(unit: UnitOfWork, shard: int = shard) -> tuple[int, int]:
            return _batch(unit, dispatch, find, shard)

        amount, shard = (await writer.run(work, by=by)).result
        total += amount
    return total


def _failed_rows(unit: UnitOfWork, notice: int, shards: range, limit: int) -> list[_FailedRow]:
    return unit.read(_of_shards(_sql.rows, shards), (*shards, notice, FAILED_TECHNICAL, limit))


def _tried_rows(
    unit: UnitOfWork, notice: int, shards: range, limit: int, *, channel: Channel, before: datetime
) -> list[_FailedRow]:
    parameters = (*shards, notice, FAILED_TECHNICAL, CHANNEL_CODE[channel], micros(before), limit)
    return unit.read(_of_shards(_sql.tried_rows, shards), parameters)


def _of_shards(statement: str, shards: range) -> str:
    return statement.replace("?*", ",".join("?" for _ in shards))


def _batch(unit: UnitOfWork, dispatch: UUID, find: _Find, shard: int) -> tuple[int, int]:
    """Requeue a batch of shards; return (rows requeued, next shard)."""
    notice, kind = open_dispatch(unit, dispatch)
    shards = range(shard, min(shard + _SHARDS_PER_BATCH, SHARDS))
    rows = find(unit, notice, shards, _LIMIT)
    if rows:
        _queue(unit, notice, rows)
        if kind == JOB_NOTICE:
            stream = dispatch_id(dispatch)
            unit.get(DISPATCH, stream)
            unit.append(DISPATCH, stream, DispatchRetried(notice=dispatch, number=notice, amount=len(rows)))
    # A full page may have more behind it in the same shards.
    return len(rows), shard if len(rows) == _LIMIT else shards[-1] + 1


def open_dispatch(unit: UnitOfWork, dispatch: UUID) -> tuple[int, int]:
    """Number and kind of a dispatch that may still send. Raises NotFound, or Conflict if it has ended or expired."""
    rows = unit.read(_sql.job, (dispatch.bytes,))
    if not rows:
        raise NotFound(f"nothing was dispatched under {dispatch}; `alerts parked list` names what waits")
    notice, kind, ended, why, expires = rows[0]
    if ended is not None:
        raise Conflict(f"nothing more of it may leave: {why or DELIVERY_STATES[ended]}")
    if from_micros(expires) <= unit.now:
        raise Conflict("its time has run out: nothing more of it may leave")
    return int(notice), int(kind)


def _queue(unit: UnitOfWork, notice: int, rows: list[_FailedRow]) -> None:
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
