"""Statistics over every dispatch: deliveries by channel and state, latencies by lane."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.delivery_queue.row_format import seconds_of
from alerts.kernel.terms import CHANNELS, DELIVERY_STATES, LANES
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "statistics.sql")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the beginning.

    `deliveries`: (channel, state) → number in that state now. `latencies`: lane → (seconds from the issue to the
    hand-over, number) in rising order, 5 % apart.
    """

    deliveries: dict[tuple[str, ...], int] = field(default_factory=dict)
    latencies: dict[str, list[tuple[float, int]]] = field(default_factory=dict)


def totals(database: Database) -> Totals:
    """Read the sums in one snapshot. Blocks; reads a row for each notice, channel and state."""
    with database.read() as tx:
        deliveries = tx.execute(_sql.deliveries)
        latencies = tx.execute(_sql.latencies)
    by_lane: dict[str, list[tuple[float, int]]] = {}
    for lane, bucket, amount in latencies:
        by_lane.setdefault(LANES[lane], []).append((seconds_of(bucket), int(amount)))
    return Totals(
        deliveries={(CHANNELS[c], DELIVERY_STATES[s]): int(amount) for c, s, amount in deliveries}, latencies=by_lane
    )
