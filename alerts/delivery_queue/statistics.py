"""Sums over every dispatch there ever was: deliveries by channel and state, how long messages took by lane."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.delivery_queue.row_format import seconds_of
from alerts.kernel.terms import CHANNELS, DELIVERY_STATES, LANES
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "statistics.sql")


@dataclass(frozen=True, slots=True)
class Totals:
    """`deliveries`: (channel, state) → how many stand there now. `latencies`: lane → (seconds from the issue to the
    hand-over, how many) in rising order, 5 % apart."""

    deliveries: dict[tuple[str, ...], int] = field(default_factory=dict)
    latencies: dict[str, list[tuple[float, int]]] = field(default_factory=dict)


def totals(database: Database) -> Totals:
    """Read them in one snapshot. Blocks; a row for each notice, channel and state is looked at."""
    with database.read() as tx:
        deliveries = tx.execute(_sql.deliveries)
        latencies = tx.execute(_sql.latencies)
    by_lane: dict[str, list[tuple[float, int]]] = {}
    for lane, bucket, amount in latencies:
        by_lane.setdefault(LANES[lane], []).append((seconds_of(bucket), int(amount)))
    return Totals(
        deliveries={(CHANNELS[c], DELIVERY_STATES[s]): int(amount) for c, s, amount in deliveries}, latencies=by_lane
    )
