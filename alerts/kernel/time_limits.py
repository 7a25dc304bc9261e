"""Validation of times from outside: an offset is required, and the year must be plausible.

The last hours of year 9999 west of Greenwich are beyond `datetime`; code behind the interfaces never sees such a time.
"""

from __future__ import annotations

from datetime import datetime

YEARS = (1900, 2999)


def fault_of(at: datetime) -> str | None:
    """Reason why a time is not accepted, in words; None if it is valid."""
    if at.tzinfo is None:
        return "say the offset too, as in 2026-03-12T09:30:00+00:00"
    if not YEARS[0] <= at.year <= YEARS[1]:
        return f"expected a year from {YEARS[0]} to {YEARS[1]}"
    return None
