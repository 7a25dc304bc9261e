"""Instants as stored in the tables: whole microseconds since 1970, UTC.

Also finds the struct members that hold times.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Convert an aware time to microseconds since 1970. Raises TypeError for a naive one."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Convert microseconds since 1970 to an aware UTC time."""
    return _EPOCH + timedelta(microseconds=value)


def duration_micros(duration: timedelta) -> int:
    """Convert a duration to microseconds."""
    return duration // _MICROSECOND


def optional_micros(at: datetime | None) -> int | None:
    """Convert an aware time to microseconds since 1970, for a column that may be NULL."""
    return None if at is None else micros(at)


def optional_from_micros(value: int | None) -> datetime | None:
    """Convert the value of a column that may be NULL to an aware UTC time."""
    return None if value is None else from_micros(value)


@cache
def timed_members(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Members of `kind` that are or may contain times: (attribute, encoded name). Raw JSON contains none."""
    return tuple((f.name, f.encode_name) for f in msgspec.structs.fields(kind) if _may_hold_times(f.type))


def _may_hold_times(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, datetime | msgspec.Struct):
        return True
    return any(map(_may_hold_times, get_args(kind)))


_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; UTC for a name this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def instant(day: date, at: time, tz: str) -> datetime:
    """The UTC instant of a local time: the first one if it occurs twice, the end of the gap if it does not exist."""
    where = zone(tz)
    first = datetime.combine(day, at.replace(fold=0), tzinfo=where)
    utc = first.astimezone(UTC)
    if utc.astimezone(where).replace(tzinfo=None) == first.replace(tzinfo=None):
        return utc
    # in a gap, fold 0 reads the time by the clock before it (an instant after the change), fold 1 by the one after
    low, high = first.replace(fold=1).astimezone(UTC), utc
    offset = high.astimezone(where).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        if middle.astimezone(where).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def utc_now() -> datetime:
    """Clock of a running product: the current time, aware, in UTC."""
    return datetime.now(UTC)
