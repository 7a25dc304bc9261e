"""Promptness: how many messages of emergencies left within ten seconds of their issue, by channel.

What was held (quiet hours) or added later is not counted: it left when it was to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.terms import CHANNELS
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "promptness.sql")
PROMPT_S = 10
_HOUR = 3_600_000_000
RECENT, LONG = timedelta(hours=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Share:
    """Messages that left, and those of them that left in time."""

    prompt: int = 0
    amount: int = 0

    @property
    def percent(self) -> float | None:
        """Share in time, in percent; None if nothing left."""
        return 100 * self.prompt / self.amount if self.amount else None


@dataclass(frozen=True, slots=True)
class Promptness:
    """Shares by channel, of the current and the last hour, and of the last 30 days."""

    recent: dict[str, Share] = field(default_factory=dict)
    long: dict[str, Share] = field(default_factory=dict)


def count(unit: UnitOfWork, worker: int, issued_at: int, sent: Iterable[tuple[int, datetime]]) -> None:
    """Count messages (channel, time of the hand-over) of a notice issued at a time (microseconds)."""
    prompt: Counter[tuple[int, int]] = Counter()
    amount: Counter[tuple[int, int]] = Counter()
    for channel, at in sent:
        key = micros(at) // _HOUR, channel
        amount[key] += 1
        prompt[key] += micros(at) - issued_at <= PROMPT_S * 1_000_000
    for (hour, channel), number in amount.items():
        unit.write(_sql.count, (hour, channel, worker, prompt[hour, channel], number))


def promptness(database: Database, now: datetime) -> Promptness:
    """Read the shares. Blocks."""
    with database.read() as tx:
        recent = tx.execute(_sql.since, (micros(now - RECENT) // _HOUR,))
        long = tx.execute(_sql.since, (micros(now - LONG) // _HOUR,))
    return Promptness(_shares(recent), _shares(long))


def _shares(rows: Iterable[tuple[int, int, int]]) -> dict[str, Share]:
    return {CHANNELS[channel]: Share(int(prompt), int(amount)) for channel, prompt, amount in rows}
