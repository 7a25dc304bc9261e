"""Which times we take from outside: with an offset, and of a century in which a community could mean them.

The last hours of year 9999 west of Greenwich lie beyond what a computer's calendar knows: nothing behind the doors has
to reckon with such a time.
"""

from __future__ import annotations

from datetime import datetime

YEARS = (1900, 2999)


def fault_of(at: datetime) -> str | None:
    """What is wrong with a time, in words; None if nothing is."""
    if at.tzinfo is None:
        return "say the offset too, as in 2026-03-12T09:30:00+00:00"
    if not YEARS[0] <= at.year <= YEARS[1]:
        return f"expected a year from {YEARS[0]} to {YEARS[1]}"
    return None
