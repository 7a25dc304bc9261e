"""Queue snapshot: open dispatches, the next due time of each lane, claims of expired workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.delivery_queue.bounce_pause import NONE, PAUSED, BounceRate, bounces, is_guarded
from alerts.delivery_queue.row_format import CANCELLED, EXPIRED, FINAL, JOB_NOTICE, LANE, QUEUED, SENDING
from alerts.delivery_queue.worker_lease import workers
from alerts.kernel.ids import SHARDS
from alerts.kernel.times import from_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Row

_sql = load("alerts.delivery_queue", "queue.sql")


@dataclass(frozen=True, slots=True)
class OpenDispatch:
    """Dispatch that is not done."""

    notice: int
    kind: int
    lane: int
    pages: int
    next_page: int
    contacts: int
    expires: datetime
    ended: int | None
    ended_reason: str
    frontier: int
    """Shard of the last planned row; -1 if none is planned."""
    open_rows: int
    queued: int
    sending: int
    paused: int = 0
    """`jobs.paused`, see `bounce_pause`."""
    bounces: BounceRate = NONE
    """Bounce rate of a dispatch that may be paused."""

    @property
    def is_waiting(self) -> bool:
        """True if it is paused until a person decides."""
        return self.paused == PAUSED

    @property
    def planned(self) -> bool:
        """True if every row is written."""
        return self.next_page >= self.pages

    def end(self, now: datetime) -> tuple[int, str] | None:
        """Return the final state and reason for rows not handed over; None while the dispatch is live."""
        if self.ended is not None:
            return (CANCELLED if self.ended not in FINAL else self.ended), self.ended_reason
        if now >= self.expires:
            reason = "its time ran out before it could leave" if self.kind == JOB_NOTICE else "its day is over"
            return EXPIRED, reason
        return None


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The queue at one moment."""

    jobs: tuple[OpenDispatch, ...]
    due: dict[int, datetime]
    """Lane → due time of its next waiting row."""
    orphaned: tuple[tuple[int, int], ...]
    """(notice, worker) with rows claimed by an expired worker."""
    silent: tuple[int, ...] = ()
    """Workers whose lease has expired."""
    workers: int = 1
    """Number of sending processes, this one included."""


def read_snapshot(
    database: Database, worker: int, now: datetime, *, alone: bool, judging: bool = True
) -> QueueSnapshot:
    """Read the queue.

    `alone`: no other process can be running, whatever its row says. Without `judging`, expired leases are ignored.
    """
    with database.read() as tx:
        jobs = tx.execute(_sql.jobs_open)
        tallies = tx.execute(_sql.tallies_by_job)
        claimed = tx.execute(_sql.tallies_claimed)
        known = {} if alone else workers(tx, now)
        bounced = {
            row[0]: bounces(tx.execute(_sql.tallies_of, (row[0],)))
            for row in jobs
            if is_guarded(row[1], row[2], row[7], row[10])
        }
        due = {lane: tx.execute(_sql.next_due, (lane, 0, SHARDS - 1))[0][0] for lane in LANE.values()}
    silent = [w for w, alive in known.items() if judging and not alive and w != worker]
    alive = {w for w in known if w not in silent} | {worker}
    amounts = _amounts(tallies)
    return QueueSnapshot(
        jobs=tuple(_open_dispatch(row, amounts, bounced.get(row[0], NONE)) for row in jobs),
        due={lane: from_micros(at) for lane, at in due.items() if at is not None},
        orphaned=tuple((notice, w) for notice, w, _ in claimed if w not in alive),
        silent=tuple(silent),
        workers=len({w for w in alive if known.get(w, True)}),
    )


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Numbers of rows by notice."""

    open_rows: dict[int, int]
    queued: dict[int, int]
    sending: dict[int, int]


def _amounts(tallies: Iterable[Row]) -> _Amounts:
    """Sort the tallies (notice, state, amount) of all dispatches."""
    found = _Amounts({}, {}, {})
    for notice, state, amount in tallies:
        if state not in FINAL:
            found.open_rows[notice] = found.open_rows.get(notice, 0) + int(amount)
        if state == QUEUED:
            found.queued[notice] = int(amount)
        if state == SENDING:
            found.sending[notice] = int(amount)
    return found


def _open_dispatch(row: Row, amounts: _Amounts, bounced: BounceRate) -> OpenDispatch:
    """Build a dispatch from its row of `jobs_open`."""
    return OpenDispatch(
        notice=row[0],
        kind=row[1],
        lane=row[2],
        pages=row[3],
        next_page=row[4],
        contacts=row[5],
        expires=from_micros(row[6]),
        ended=row[7],
        ended_reason=row[8] or "",
        frontier=-1 if row[9] is None else row[9],
        open_rows=amounts.open_rows.get(row[0], 0),
        queued=amounts.queued.get(row[0], 0),
        sending=amounts.sending.get(row[0], 0),
        paused=row[10],
        bounces=bounced,
    )
