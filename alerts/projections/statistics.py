"""Statistics: number of deliveries of each notice by outcome, channel, language and area."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from alerts.domain.events import DispatchChunkFinished, ReceiptReceived
from alerts.eventlog.read_model import ReadModel
from alerts.kernel.events import Recorded
from alerts.storage import named_queries
from alerts.storage.ports import Transaction

_SQL = named_queries.load("alerts.projections", "statistics.sql")


class Statistics(ReadModel):
    """Sums of outcomes (`alerts.eventlog.ports.Projection`).

    An outcome is counted when it is reported: a delivery that was deferred and then sent counts once under each, and
    one that a receipt confirmed is among the sent and among the delivered. Sums need no row for each delivery.
    """

    name = "statistics"
    topics: Collection[str] = frozenset((DispatchChunkFinished.topic(), ReceiptReceived.topic()))

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Add the outcomes of these chunks and receipts to the sums."""
        sums: Counter[tuple[int, str, str, str, str]] = Counter()
        for recorded in events:
            event = recorded.event
            if isinstance(event, DispatchChunkFinished):
                sums.update((event.number, o.channel, o.state, o.language, o.area) for o in event.outcomes)
            elif isinstance(event, ReceiptReceived) and event.state != event.was:
                sums[event.number, event.channel, event.state, event.language, event.area] += 1
        tx.executemany(_SQL["add_outcomes"], [(*key, count) for key, count in sums.items()])
