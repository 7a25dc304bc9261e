"""Read queries of the queue: progress, deliveries, queue state. They block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.delivery_queue.bounce_pause import PAUSED, bounces, describe
from alerts.delivery_queue.receipts import REPORTS
from alerts.delivery_queue.requeue import FailedDispatch, failed
from alerts.delivery_queue.row_format import (
    DELIVERED,
    FAILED_TECHNICAL,
    FINAL,
    LANE,
    QUEUED,
    SENDING,
    SENT,
    STATE,
    DeliveryFlag,
    seconds_of,
)
from alerts.delivery_queue.settle import Claimed
from alerts.delivery_queue.worker_lease import workers
from alerts.eventlog.recorder import Recorder
from alerts.kernel.ids import SHARDS, contact_shard
from alerts.kernel.paging import Page, cursor_number
from alerts.kernel.terms import CHANNELS, DELIVERY_STATES, LANES, Channel, DeliveryState
from alerts.kernel.times import from_micros, micros, optional_from_micros
from alerts.storage.base import BaseDatabase
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Row, Transaction

_sql = load("alerts.delivery_queue", "queue.sql")
_BY_ATTEMPT = frozenset({SENT, DELIVERED, STATE["failed-permanent"], FAILED_TECHNICAL})
"""States in which an attempt ends, so that the row itself describes the last one."""
_LAST = 2**62


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """CONTRACT's `GET …/dispatch`. Seconds are since the issue, None until there is one."""

    position: int
    """Log position of the NoticeIssued at which the audience was computed."""
    people: int | None
    """None, like the next two, where the reader may not know a number below `below`."""
    unreachable: int | None
    late: int | None
    deliveries: int
    """Contact points, later additions included."""
    by_channel: dict[str, dict[str, int]]
    planned: bool
    complete: bool
    first_attempt_s: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    parked: str = ""
    """Reason why the audience could not be computed, "" if it could."""
    paused: str = ""
    """Question to a person while nothing more is sent, "" while it runs."""
    below: int | msgspec.UnsetType = msgspec.UNSET


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Attempt of a delivery, or a later report.

    The attempt's end and outcome (`sent`, `deferred`, `in-doubt`, `failed-permanent`, …); or what was reported since
    (`delivered`, `failed`, `bounced`, `complained`).
    """

    at: datetime
    outcome: str
    reason: str = ""


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery by its two numbers, as the queue knows it."""

    notice: int
    contact: int
    channel: Channel
    state: DeliveryState
    reason: str = ""
    tries: int = 0
    due_at: datetime | None = None
    """Time of the next try or release: held, deferred."""
    first_at: datetime | None = None
    """Start of the first attempt."""
    last_at: datetime | None = None
    """End of the last attempt."""
    attempts: tuple[Attempt, ...] = ()


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """Open rows of a lane."""

    queued: int = 0
    held: int = 0
    in_flight: int = 0
    deferred: int = 0
    planning: int = 0


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatch's part of `GET /status`. `planning`: pages to be written; `oldest_queued_s`: since the issue of the
    oldest notice with messages queued or deferred."""

    planning: int
    queued: int
    held: int
    in_flight: int
    in_doubt: int
    deferred: int
    oldest_queued_s: float
    lanes: dict[str, LaneState]
    reacted: int = 0
    """Log position up to which every event has had its effect on the queue; skips events without one."""


class ParkedDispatch(msgspec.Struct, frozen=True, kw_only=True):
    """Notice that waits for a person: its audience could not be computed, or it is paused."""

    id: UUID
    notice: int
    reason: str


class DispatchQueries:
    """Queries of the queue's tables, each in one snapshot."""

    def __init__(self, database: BaseDatabase) -> None:
        self._database, self._recorder = database, Recorder(database)

    def progress(self, number: int) -> Progress | None:
        """Return the progress of a notice's dispatch; None until the fan-out has frozen its audience."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.job_progress, (number,))
            if not rows:
                return None
            tallies = tx.execute(_sql.tallies_of, (number,))
            latencies = tx.execute(_sql.latencies_of, (number,))
        position, issued_at, pages, next_page, people, unreachable, contacts, late, ended, why, first_at, paused = rows[
            0
        ]
        by_channel: dict[str, dict[str, int]] = {}
        open_rows = 0
        for channel, state, amount in tallies:
            by_channel.setdefault(CHANNELS[channel], {})[DELIVERY_STATES[state]] = int(amount)
            open_rows += int(amount) if state not in FINAL else 0
        planned = next_page >= pages
        half, most, nearly_all = _quantiles(latencies, (0.50, 0.95, 0.99))
        return Progress(
            position=position,
            people=people,
            unreachable=unreachable,
            late=late,
            deliveries=contacts,
            by_channel=by_channel,
            planned=planned,
            complete=planned and open_rows == 0,
            first_attempt_s=None if first_at is None else round((first_at - issued_at) / 1e6, 3),
            p50_s=half,
            p95_s=most,
            p99_s=nearly_all,
            parked=why if ended == STATE["failed-technical"] else "",
            paused=describe(bounces(tallies)) if paused == PAUSED and ended is None else "",
        )

    def delivery(self, number: int, contact: int) -> DeliveryRow | None:
        """Return a delivery with its attempts; None if there is none (not due, or not planned yet)."""
        shard = contact_shard(contact)
        with self._database.read() as tx:
            rows = tx.execute(_sql.delivery, (shard, number, contact))
            return _delivery(tx, number, contact, rows[0]) if rows else None

    def deliveries(
        self,
        notice: int | None = None,
        contacts: Sequence[int] | None = None,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[DeliveryRow]:
        """List deliveries: all, or of a notice, of a person's contact points, or both; optionally in one state.

        `cursor` is an earlier page's `next`. Raises ValueError for a bad one.
        """
        with self._database.read() as tx:
            if contacts is not None:
                return _of_contacts(tx, contacts, notice, state, cursor, limit)
            if notice is None:
                return _of_all(tx, state, cursor, limit)
            return _of_notice(tx, notice, state, cursor, limit)

    def status(self, now: datetime) -> QueueState:
        """Return the state of the whole queue."""
        with self._database.read() as tx, self._recorder.joined(tx):
            tallies = tx.execute(_sql.tallies_open)
            claimed = tx.execute(_sql.tallies_claimed)
            alive = {worker for worker, alive in workers(tx, now).items() if alive}
            planning = tx.execute(_sql.planning)
            oldest = tx.execute(_sql.oldest_unsent)[0][0]
            reacted = self._recorder.max_tracking_id("fan-out") or 0
        counts = {(lane, state): int(amount) for lane, state, amount in tallies}
        pages = {lane: sum(int(p) for of, _, p in planning if of == lane) for lane in LANE.values()}

        def total(state: int) -> int:
            return sum(amount for (_, of), amount in counts.items() if of == state)

        return QueueState(
            planning=sum(pages.values()),
            queued=total(QUEUED),
            held=total(STATE["held"]),
            in_flight=total(SENDING),
            in_doubt=sum(int(amount) for _, worker, amount in claimed if worker not in alive),
            deferred=total(STATE["deferred"]),
            oldest_queued_s=0.0 if oldest is None else round(max(0.0, (micros(now) - oldest) / 1e6), 1),
            lanes={
                name: LaneState(
                    queued=counts.get((lane, QUEUED), 0),
                    held=counts.get((lane, STATE["held"]), 0),
                    in_flight=counts.get((lane, SENDING), 0),
                    deferred=counts.get((lane, STATE["deferred"]), 0),
                    planning=pages[lane],
                )
                for lane, name in enumerate(LANES)
            },
            reacted=reacted,
        )

    def failed(self, now: datetime) -> list[FailedDispatch]:
        """List dispatches with technically failed deliveries that may be queued again."""
        return failed(self._database, now)

    def paused(self, now: datetime) -> list[ParkedDispatch]:
        """List bulletins that wait for a person to resume or stop them."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.jobs_paused, (micros(now),))
            found = [(notice, id, bounces(tx.execute(_sql.tallies_of, (notice,)))) for notice, id, _ in rows]
        return [ParkedDispatch(id=UUID(bytes=bytes(id)), notice=notice, reason=describe(b)) for notice, id, b in found]

    def parked(self) -> list[ParkedDispatch]:
        """List notices whose audience could not be computed."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.parked)
        return [ParkedDispatch(id=UUID(bytes=bytes(id)), notice=notice, reason=why or "") for notice, id, why in rows]


def first_attempt(database: Database, row: Claimed) -> datetime | None:
    """Time of a delivery's first attempt, None if there was none."""
    with database.read() as tx:
        found = tx.execute(_sql.delivery_attempts, (row.shard, row.notice, row.contact))
    return from_micros(int(found[0][1])) if found else None


def _of_notice(
    tx: Transaction, notice: int, state: DeliveryState | None, cursor: str | None, limit: int
) -> Page[DeliveryRow]:
    """List in primary key order (shard, contact), so that a page is a short walk."""
    shard, after = _parse(cursor) if cursor else (0, -1)
    wanted = -1 if state is None else STATE[state]
    found: list[DeliveryRow] = []
    while shard < SHARDS and len(found) <= limit:
        rows = tx.execute(_sql.deliveries_of_shard, (shard, notice, after, wanted, wanted, limit + 1 - len(found)))
        found += [_delivery(tx, notice, row[0], row[1:]) for row in rows]
        shard, after = shard + 1, -1
    return _page(found, limit, lambda row: f"{contact_shard(row.contact)}.{row.contact}")


def _of_all(tx: Transaction, state: DeliveryState | None, cursor: str | None, limit: int) -> Page[DeliveryRow]:
    """List in primary key order (shard, notice, contact)."""
    shard, notice, after = 0, -1, -1
    if cursor:
        notice, after = _parse(cursor)
        shard = contact_shard(after)
    wanted = -1 if state is None else STATE[state]
    found: list[DeliveryRow] = []
    while shard < SHARDS and len(found) <= limit:
        rows = tx.execute(_sql.deliveries_from, (shard, notice, notice, after, wanted, wanted, limit + 1 - len(found)))
        found += [_delivery(tx, row[0], row[1], row[2:]) for row in rows]
        shard, notice, after = shard + 1, -1, -1
    return _page(found, limit, lambda row: f"{row.notice}.{row.contact}")


def _of_contacts(
    tx: Transaction,
    contacts: Sequence[int],
    notice: int | None,
    state: DeliveryState | None,
    cursor: str | None,
    limit: int,
) -> Page[DeliveryRow]:
    """List the newest notice first, then by contact point number."""
    before, after = _parse(cursor) if cursor else (_LAST, -1)
    found: list[DeliveryRow] = []
    for contact in contacts:
        bounds = (notice, notice) if notice is not None else (0, before)
        rows = tx.execute(_sql.deliveries_of_contact, (contact_shard(contact), contact, *bounds, 2 * limit + 2))
        found += [_delivery(tx, row[0], contact, row[1:]) for row in rows if (-row[0], contact) > (-before, after)]
    if state is not None:
        found = [row for row in found if row.state == state]
    found.sort(key=lambda row: (-row.notice, row.contact))
    return _page(found, limit, lambda row: f"{row.notice}.{row.contact}")


def _page(found: list[DeliveryRow], limit: int, cursor: Callable[[DeliveryRow], str]) -> Page[DeliveryRow]:
    more = len(found) > limit > 0
    return Page(tuple(found[:limit]), cursor(found[limit - 1]) if more else None)


def _parse(cursor: str) -> tuple[int, int]:
    one, _, two = cursor.partition(".")
    return cursor_number(one), cursor_number(two)


def _delivery(tx: Transaction, notice: int, contact: int, row: Row) -> DeliveryRow:
    state, channel, flags, tries, due_at, first_at, last_at, reason = row
    attempts: list[Attempt] = []
    reports: list[Attempt] = []
    if tries > 1 or (tries and state not in _BY_ATTEMPT) or flags & DeliveryFlag.HAS_RECEIPT:
        stored = tx.execute(_sql.delivery_attempts, (contact_shard(contact), notice, contact))
        for number, at, outcome, why in stored:
            made = Attempt(at=from_micros(at), outcome=outcome, reason=why)
            (reports if number > REPORTS else attempts).append(made)
    if len(attempts) < tries and last_at is not None:
        attempts.append(Attempt(at=from_micros(last_at), outcome=DELIVERY_STATES[state], reason=reason or ""))
    attempts += reports
    return DeliveryRow(
        notice=notice,
        contact=contact,
        channel=CHANNELS[channel],
        state=DELIVERY_STATES[state],
        reason=reason or "",
        tries=tries,
        due_at=optional_from_micros(due_at),
        first_at=optional_from_micros(first_at),
        last_at=optional_from_micros(last_at),
        attempts=tuple(attempts),
    )


def _quantiles(latencies: Sequence[Row], shares: Sequence[float]) -> list[float | None]:
    """Middle of the bucket in which each share of the messages was sent; None without messages."""
    total = sum(int(amount) for _, amount in latencies)
    found: list[float | None] = []
    for share in shares:
        seen, at = 0, None
        for bucket, amount in latencies:
            seen += int(amount)
            if seen >= share * total > 0:
                at = seconds_of(bucket)
                break
        found.append(at)
    return found
