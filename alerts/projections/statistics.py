"""Statistics: how many deliveries of each notice reported which outcome, by channel, language and area."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from alerts.domain.events import DispatchChunkFinished
from alerts.domain.words.events import Recorded
from alerts.eventlog import sql
from alerts.eventlog.ports import Transaction

_SQL = sql.load("alerts.projections", "statistics.sql")


class Statistics:
    """Sums of outcomes (`alerts.eventlog.ports.Projection`).

    An outcome is counted when it is reported: a delivery that was deferred and then sent counts once under each, and
    one that a receipt confirmed is among the sent and among the delivered. Sums need no row for each delivery.
    """

    name = "statistics"
    topics: Collection[str] = frozenset((DispatchChunkFinished.topic(),))

    def apply(self, tx: Transaction, events: Sequence[Recorded]) -> None:
        """Add these chunks' outcomes to the sums."""
        sums: Counter[tuple[int, str, str, str, str]] = Counter()
        for recorded in events:
            chunk = recorded.event
            if isinstance(chunk, DispatchChunkFinished):
                sums.update((chunk.number, o.channel, o.state, o.language, o.area) for o in chunk.outcomes)
        tx.executemany(_SQL["add_outcomes"], [(*key, count) for key, count in sums.items()])
