"""Enqueueing of single rows: late joiners, follow-ups of late outcomes, confirmations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from alerts.delivery_queue.frozen_audience import contains
from alerts.delivery_queue.row_format import JOB_FRESH, JOB_TESTS, QUEUED
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_shard, derived_id
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("alerts.delivery_queue", "queue.sql")
_A_DAY = timedelta(days=1)
_PERIODS = {JOB_FRESH: timedelta(hours=6), JOB_TESTS: timedelta(minutes=10)}
"""Parts of a day in which a contact point gets one message of a kind; of the other kinds it gets one a day."""
_TESTS_LIVE = timedelta(hours=1)
NOTICES = "notice"
"""Number sequence of notices (`alerts.commands`); dispatches without a notice take theirs from it too."""


class NewDelivery(NamedTuple):
    """Row to enqueue: contact point number, index in CHANNELS, flags."""

    contact: int
    channel: int
    flags: int


def enqueue(
    unit: UnitOfWork,
    worker: int,
    notice: int,
    lane: int,
    additions: Sequence[NewDelivery],
    *,
    people: int = 0,
    late: int = 0,
) -> int:
    """Queue rows, due at once, except those already there or in the frozen audience; return the number added.

    `people` and `late` are added to the dispatch's counts if any row is new.
    """
    new = {a.contact: a for a in additions if not is_enqueued(unit, notice, a.contact)}
    if not new:
        return 0
    now = micros(unit.now)
    unit.write_many(
        _sql.delivery_insert,
        [(contact_shard(a.contact), notice, a.contact, lane, QUEUED, a.channel, a.flags, now) for a in new.values()],
    )
    for channel, amount in Counter(a.channel for a in new.values()).items():
        unit.write(_sql.tally, (notice, channel, QUEUED, worker, amount))
    unit.write(_sql.job_more, (people, late, len(new), notice))
    return len(new)


def is_enqueued(unit: UnitOfWork, notice: int, contact: int) -> bool:
    """True if a dispatch has a row for a contact point, or its frozen audience will give it one."""
    shard = contact_shard(contact)
    if unit.read(_sql.delivery, (shard, notice, contact)):
        return True
    return any(
        contains(bytes(packed), contact) for (packed,) in unit.read(_sql.audience_of_shard, (notice, shard, shard))
    )


def daily_dispatch(unit: UnitOfWork, kind: int, at: datetime, lane: int, position: int) -> int:
    """Find or create the dispatch of this (UTC) day's messages of a kind; return its number.

    The number makes each message's identity, so a contact point gets at most one a day; of fresh links one in each
    quarter of it, since each is good for an hour; of tests one in ten minutes. It expires a day after the day's end, a
    test after an hour.
    """
    day = at.date()
    midnight = datetime.combine(day, time(), tzinfo=at.tzinfo)
    length = _PERIODS.get(kind, _A_DAY)
    part = (at - midnight) // length
    period = day.toordinal() * (_A_DAY // length) + part
    rows = unit.read(_sql.job_of_day, (kind, period))
    if rows:
        return int(rows[0][0])
    number = unit.number(NOTICES)
    dispatch = derived_id("day", str(kind), day.isoformat(), *([str(part)] if length < _A_DAY else []))
    begins = midnight + part * length if kind == JOB_TESTS else midnight
    expires = at + _TESTS_LIVE if kind == JOB_TESTS else midnight + timedelta(days=2)
    unit.write(
        _sql.job_insert,
        (
            number,
            dispatch.bytes,
            dispatch.bytes,
            kind,
            period,
            lane,
            position,
            micros(begins),
            micros(expires),
            0,
            0,
            0,
            0,
            None,
            None,
        ),
    )
    return number
