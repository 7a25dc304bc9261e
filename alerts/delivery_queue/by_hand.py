"""Rows for a person to carry out after every way of a notice has failed: a call, or a letter.

A failed text becomes a call: the same delivery with another carrier, so that it keeps its identity and its attempts,
and what follows in the thread goes to that number by a call too. A contact point without a row gets one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alerts.delivery_queue.enqueue import NewDelivery, enqueue
from alerts.delivery_queue.row_format import FAILED_TECHNICAL, QUEUED, STATE, DeliveryFlag
from alerts.delivery_queue.unreached import RowState
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_shard
from alerts.kernel.terms import CHANNEL_CODE, DELIVERY_STATES, Channel
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("alerts.delivery_queue", "unreached.sql")
_PLANNER = 0
_OWN = DeliveryFlag.LATE_JOINER | DeliveryFlag.IMMEDIATE
"""It came after the audience was frozen, and waits for no digest: the digest did not arrive either."""
_WAKES = DeliveryFlag.MAY_WAKE | DeliveryFlag.DID_WAKE
_FAILED = STATE["failed-permanent"]


class ByHand(NamedTuple):
    """Row to be made or taken over. `row`: None if there is none yet; `wakes`: flags of the person's rows."""

    contact: int
    channel: Channel
    row: RowState | None
    wakes: int


def carry(unit: UnitOfWork, notice: int, lane: int, wanted: Iterable[ByHand]) -> None:
    """Queue the rows, due at once."""
    for one in wanted:
        flags = _OWN | (one.wakes & _WAKES)
        if one.row is None:
            added = NewDelivery(one.contact, CHANNEL_CODE[one.channel], flags)
            enqueue(unit, _PLANNER, notice, lane, [added])
        else:
            _take_over(unit, notice, one, one.row, flags)
    unit.write(_sql.open, (notice,))


def _take_over(unit: UnitOfWork, notice: int, one: ByHand, row: RowState, flags: int) -> None:
    shard, channel = contact_shard(one.contact), CHANNEL_CODE[one.channel]
    if row.tries and row.last_at is not None:  # the row's own words on its last attempt are overwritten
        attempt = (shard, notice, one.contact, row.tries, row.last_at, DELIVERY_STATES[row.state], row.reason)
        unit.write(_sql.attempt, attempt)
    kept = (row.flags | flags) & ~int(DeliveryFlag.DIGEST | DeliveryFlag.OUTAGE)
    unit.write(_sql.into_call, (channel, kept, micros(unit.now), shard, notice, one.contact, row.state))
    unit.write(_sql.tally, (notice, row.channel, row.state, -1))
    unit.write(_sql.tally, (notice, channel, QUEUED, 1))


def close_retries(unit: UnitOfWork, notice: int, contacts: Iterable[int], reason: str) -> None:
    """End what waits for its channel to work again: the person was reached by hand, and is not told twice."""
    for contact in contacts:
        shard = contact_shard(contact)
        for _, state, channel, *_ in unit.read(_sql.row, (shard, notice, contact)):
            if state == FAILED_TECHNICAL:
                unit.write(_sql.close_retries, (reason, shard, notice, contact))
                unit.write(_sql.tally, (notice, channel, FAILED_TECHNICAL, -1))
                unit.write(_sql.tally, (notice, channel, _FAILED, 1))
