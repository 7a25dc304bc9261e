"""Validation of times from outside: an offset is required, and the year must be plausible.

A time without an offset could mean another hour elsewhere. The last hours of year 9999 west of Greenwich are beyond
`datetime`; code behind the interfaces never sees such a time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from alerts.kernel.errors import FieldError, Invalid
from alerts.kernel.times import timed_members

YEARS = (1900, 2999)
OFFSET_NEEDED = "Give the time with an offset, such as 2026-05-01T09:00:00+01:00."


def fault_of(at: datetime) -> str | None:
    """Reason why a time is not accepted, in words; None if it is valid."""
    if at.tzinfo is None:
        return OFFSET_NEEDED
    if not YEARS[0] <= at.year <= YEARS[1]:
        return f"expected a year from {YEARS[0]} to {YEARS[1]}"
    return None


def check_time(at: datetime, field: str) -> datetime:
    """Return the time if it is valid. Raises Invalid at `field`."""
    fault = fault_of(at)
    if fault is not None:
        raise Invalid.field(field, fault)
    return at


def parse_time(text: str, field: str) -> datetime:
    """Parse an RFC 3339 time. Raises Invalid at `field`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid.field(field, OFFSET_NEEDED) from error
    return check_time(at, field)


def time_faults(value: Any, path: str = "") -> list[FieldError]:
    """Errors of the times within a body. Raw JSON (AREA, RULE) contains none; its times are validated elsewhere."""
    if isinstance(value, datetime):
        words = fault_of(value)
        return [FieldError(path, words)] if words else []
    if hasattr(value, "__struct_fields__"):  # a struct; isinstance() takes ten times as long
        found: list[FieldError] = []
        kind: type[msgspec.Struct] = type(value)
        for name, shown in timed_members(kind):
            member = getattr(value, name)
            if member is not None:
                found += time_faults(member, f"{path}.{shown}" if path else shown)
        return found
    if isinstance(value, tuple | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [f for name, item in items for f in time_faults(item, f"{path}.{name}" if path else str(name))]
    return []
