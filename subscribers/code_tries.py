"""Count of wrong confirmation codes by contact point: three tries a day are the most."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("subscribers", "code_tries.sql")
_A_DAY = timedelta(hours=24)


def tries_of(unit: UnitOfWork, contact: int) -> int:
    """Return the number of wrong codes of the last 24 hours."""
    rows = unit.read(_sql.tries, (contact, micros(unit.now - _A_DAY)))
    return int(rows[0][0]) if rows else 0


def count_try(unit: UnitOfWork, contact: int) -> int:
    """Count a wrong code; return the number of the last 24 hours."""
    tries = tries_of(unit, contact) + 1
    unit.write(_sql.count, (contact, tries, micros(unit.now)))
    return tries


def forget_tries(unit: UnitOfWork, now: datetime) -> None:
    """Delete the counts of more than 24 hours ago."""
    unit.write(_sql.forget, (micros(now - _A_DAY),))
