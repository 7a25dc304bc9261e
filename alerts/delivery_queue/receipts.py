"""Delivery receipts: effect of a provider's receipt, bounce or complaint on a row, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from alerts.delivery_queue.row_format import SENDING, STATE, DeliveryFlag
from alerts.domain.delivery_receipt import ReceiptStatus, state_after
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.ids import contact_shard
from alerts.kernel.terms import BY_HAND, CHANNELS, DELIVERY_STATES, Channel, DeliveryState
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("alerts.delivery_queue", "queue.sql")
_HAS_RECEIPT = int(DeliveryFlag.HAS_RECEIPT)
PLANNER = 0
"""Worker number of tallies that belong to no process."""
REPORTS = 10_000
"""Reports are stored among a delivery's attempts, numbered from here on."""


class AppliedReceipt(NamedTuple):
    """Delivery state before and after a report."""

    channel: Channel
    was: DeliveryState
    state: DeliveryState


def apply_receipt(
    unit: UnitOfWork,
    number: int,
    contact: int,
    status: ReceiptStatus | None,
    *,
    nth: int,
    outcome: str,
    reason: str,
    at: datetime,
) -> AppliedReceipt | None:
    """Record a report with its row; None if there is no such delivery.

    `status` None changes no state (a soft bounce, a complaint). `nth` counts this delivery's reports from 1; `outcome`
    is its name among the attempts.
    """
    shard = contact_shard(contact)
    rows = unit.read(_sql.delivery_in_hand, (shard, number, contact))
    if not rows:
        return None
    state, channel, flags, tries, worker, last_at, old_reason = rows[0]
    was = DELIVERY_STATES[state]
    # A row that a report settled before its first attempt was recorded has been tried too.
    tried = tries > 0 or state == SENDING or bool(flags & _HAS_RECEIPT)
    if not tried:
        return AppliedReceipt(CHANNELS[channel], was, was)
    # No provider carries a call: what it says has failed is the text that the call replaced.
    replaced = status == "failed" and channel in BY_HAND
    now = was if status is None or replaced else state_after(was, status)
    unit.write(_sql.attempt_insert, (shard, number, contact, REPORTS + nth, micros(at), outcome, reason))
    if now == was:
        unit.write(_sql.delivery_reported, (_HAS_RECEIPT, shard, number, contact))
        return AppliedReceipt(CHANNELS[channel], was, was)
    stored_reason = reason if now != "delivered" else None
    unit.write(_sql.delivery_settled_by_report, (STATE[now], _HAS_RECEIPT, stored_reason, shard, number, contact))
    owner = PLANNER
    if state == SENDING:
        owner = worker
        unit.write(_sql.overtake, (number, contact, worker))
    elif last_at is not None:
        # The update below overwrites the last attempt's outcome (one that did not settle the row is stored already).
        unit.write(_sql.attempt_insert, (shard, number, contact, tries, last_at, was, old_reason or ""))
    unit.write(_sql.tally, (number, channel, state, owner, -1))
    unit.write(_sql.tally, (number, channel, STATE[now], PLANNER, 1))
    return AppliedReceipt(CHANNELS[channel], was, now)
