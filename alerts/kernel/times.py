"""Instants as the tables keep them: whole microseconds since 1970, UTC; and which members of a struct may hold any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time; a naive one is a TypeError."""
    return (at - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """The aware UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


@cache
def timed_members(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """The members of `kind` that are times or may hold some: (attribute, name outside). Raw JSON holds none."""
    return tuple((f.name, f.encode_name) for f in msgspec.structs.fields(kind) if _may_hold_times(f.type))


def _may_hold_times(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, datetime | msgspec.Struct):
        return True
    return any(map(_may_hold_times, get_args(kind)))
