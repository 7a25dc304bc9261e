"""Settling of claimed rows, with the event in one transaction: states, counts, attempts, chunk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from alerts.delivery_queue import promptness
from alerts.delivery_queue.row_format import (
    CHUNK,
    DEFERRED,
    HELD,
    IN_DOUBT,
    JOB_NOTICE,
    LANE,
    QUEUED,
    SENDING,
    SENT,
    DeliveryFlag,
    bucket_of,
)
from alerts.domain.events import DispatchChunkFinished, Outcome
from alerts.domain.streams import CHUNK as CHUNK_STREAM
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import new_id
from alerts.kernel.terms import BY_HAND, CHANNELS, DELIVERY_STATES
from alerts.kernel.times import micros, optional_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Row
from subscribers.suppression import suppress

_sql = load("alerts.delivery_queue", "queue.sql")


class Claimed(NamedTuple):
    """Delivery row as it was when it was claimed."""

    shard: int
    notice: int
    contact: int
    state: int
    """State before the claim."""
    channel: int
    flags: int
    tries: int
    reason: str | None

    @classmethod
    def of(cls, row: Row) -> Claimed:
        """Build from a row of the statements `waiting`, `due`, `leftover`, `claimed_by`."""
        return cls(*row)


class DeliveryOutcome(NamedTuple):
    """New state of a row. `started` is set if an attempt was made, `due` if it is claimed again at that time."""

    row: Claimed
    state: int
    reason: str = ""
    flags: int | None = None
    due: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    language: str = ""
    reference: str = ""
    suppress_reason: str = ""
    """Reason to suppress the contact point, "" if there is none."""

    @property
    def attempted(self) -> bool:
        """True if this ends an attempt."""
        return self.started is not None

    @property
    def is_logged(self) -> bool:
        """True if the log records it: every attempt, and every final state."""
        return self.attempted or self.state not in (QUEUED, HELD, DEFERRED)


class LeaseLost(Exception):
    """The worker's lease expired and its claims were reassigned. Outcomes since then are uncertain."""


def settle(
    unit: UnitOfWork,
    worker: int,
    settled: Sequence[DeliveryOutcome],
    *,
    before: int = SENDING,
    owner: int | None = None,
) -> None:
    """Write the outcomes of rows in state `before`, claimed by `owner` (default: this worker).

    Raises LeaseLost if this worker's claims were reassigned.
    """
    if not unit.read(_sql.worker, (worker,)):
        raise LeaseLost
    owner = worker if owner is None else owner
    as_claimed, overtaken = _split_overtaken(unit, settled, before)
    unit.write_many(_sql.settle, [_row(s) for s in as_claimed])
    _tally(unit, worker, owner, as_claimed, before)
    unit.write_many(_sql.attempt_insert, [_attempt(s) for s in as_claimed if _is_passing(s)])
    _keep_receipt(unit, overtaken)
    for one in settled:
        if one.suppress_reason:
            suppress(unit, one.row.contact, one.suppress_reason)
    by_notice: dict[int, list[DeliveryOutcome]] = defaultdict(list)
    for one in [s for s in as_claimed if s.is_logged] + [s for s in overtaken if s.attempted]:
        by_notice[one.row.notice].append(one)
    for notice, of_notice in by_notice.items():
        _append_chunk(unit, worker, notice, of_notice)


def still_claimed(unit: UnitOfWork, worker: int, settled: Sequence[DeliveryOutcome]) -> list[DeliveryOutcome]:
    """Filter out outcomes that a commit has written although its answer was lost."""
    keys = ((s, (s.row.shard, s.row.notice, s.row.contact, worker)) for s in settled)
    return [one for one, key in keys if unit.read(_sql.claimed_still, key)]


def _split_overtaken(
    unit: UnitOfWork, settled: Sequence[DeliveryOutcome], before: int
) -> tuple[Sequence[DeliveryOutcome], list[DeliveryOutcome]]:
    """Split into rows as they were claimed, and rows that a receipt has settled while they were in flight."""
    if before != SENDING:
        return settled, []
    overtaken_keys = {
        (notice, contact)
        for notice in {one.row.notice for one in settled}
        for (contact,) in unit.read(_sql.overtaken_of, (notice,))
    }
    if not overtaken_keys:
        return settled, []
    as_claimed = [one for one in settled if (one.row.notice, one.row.contact) not in overtaken_keys]
    return as_claimed, [one for one in settled if (one.row.notice, one.row.contact) in overtaken_keys]


def _keep_receipt(unit: UnitOfWork, overtaken: Sequence[DeliveryOutcome]) -> None:
    """Keep the receipt's state and tallies; store the attempt with it."""
    for one in overtaken:
        row = one.row
        key = (row.shard, row.notice, row.contact)
        unit.write(_sql.overtaken_done, (row.notice, row.contact))
        if one.attempted:
            unit.write(_sql.settle_overtaken, (row.tries + 1, *_row(one)[4:6], *key))
            unit.write(_sql.attempt_insert, _attempt(one))


def _row(settled: DeliveryOutcome) -> tuple[int | str | None, ...]:
    row = settled.row
    return (
        settled.state,
        row.flags if settled.flags is None else settled.flags,
        row.tries + (1 if settled.attempted else 0),
        optional_micros(settled.due),
        optional_micros(settled.started),
        optional_micros(settled.finished),
        settled.reason or None,
        row.shard,
        row.notice,
        row.contact,
    )


def _is_passing(settled: DeliveryOutcome) -> bool:
    """True for an attempt that did not settle its delivery: the row will not keep it."""
    return settled.attempted and settled.due is not None


def _attempt(settled: DeliveryOutcome) -> tuple[int | str, ...]:
    row, started = settled.row, settled.started
    assert started is not None
    outcome = "in-doubt" if settled.reason.startswith(IN_DOUBT) else DELIVERY_STATES[settled.state]
    return (row.shard, row.notice, row.contact, row.tries + 1, micros(started), outcome, settled.reason)


def _tally(unit: UnitOfWork, worker: int, owner: int, settled: Sequence[DeliveryOutcome], before: int) -> None:
    """Move tallies from one state to another; a claim's count is taken back from the worker that made it."""
    gone: Counter[tuple[int, int, int]] = Counter()
    come: Counter[tuple[int, int, int]] = Counter()
    for one in settled:
        was = one.row.state if before != SENDING else SENDING
        if was == one.state:
            continue
        gone[one.row.notice, one.row.channel, was] += 1
        come[one.row.notice, one.row.channel, one.state] += 1
    for (notice, channel, state), amount in gone.items():
        unit.write(_sql.tally, (notice, channel, state, owner if state == SENDING else worker, -amount))
    for (notice, channel, state), amount in come.items():
        unit.write(_sql.tally, (notice, channel, state, worker, amount))


def _append_chunk(unit: UnitOfWork, worker: int, notice: int, settled: Sequence[DeliveryOutcome]) -> None:
    """Append the chunk events; record the time of the first attempt and the latencies."""
    [(notice_id, kind, issued_at, first_at, lane)] = unit.read(_sql.job_head, (notice,))
    for start in range(0, len(settled), CHUNK):
        event = DispatchChunkFinished(
            notice=_uuid(notice_id),
            number=notice,
            outcomes=tuple(_event_of(s) for s in settled[start : start + CHUNK]),
        )
        unit.append(CHUNK_STREAM, new_id(), event)
    if kind != JOB_NOTICE:
        return
    attempts = [micros(s.started) for s in settled if s.started is not None]
    if attempts and first_at is None:
        unit.write(_sql.job_first, (min(attempts), notice))
    took = Counter(
        bucket_of((micros(s.finished) - issued_at) / 1000)
        for s in settled
        if s.state == SENT and s.finished is not None and s.row.channel not in BY_HAND
    )
    for bucket, amount in took.items():
        unit.write(_sql.latency, (notice, bucket, worker, amount))
    if lane == LANE["emergency"]:
        promptness.count(unit, worker, issued_at, filter(None, map(_left, settled)))


def _left(settled: DeliveryOutcome) -> tuple[int, datetime] | None:
    """Channel and time of a hand-over that counts for promptness; None for what was held or added later."""
    row = settled.row
    if settled.state != SENT or settled.finished is None or row.state == HELD or row.flags & DeliveryFlag.LATE_JOINER:
        return None
    return row.channel, settled.finished


def _event_of(settled: DeliveryOutcome) -> Outcome:
    row = settled.row
    return Outcome(
        contact=row.contact,
        state=DELIVERY_STATES[settled.state],
        channel=CHANNELS[row.channel],
        attempt=row.tries + (1 if settled.attempted else 0),
        started=settled.started,
        finished=settled.finished,
        reason=settled.reason,
        language=settled.language,
        reference=settled.reference,
    )


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=bytes(raw))
