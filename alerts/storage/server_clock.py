"""Shared clock: the database's, by which all processes of an instance judge leases."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from alerts.kernel.times import micros
from alerts.storage.ports import Dialect, Row

_NOW = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


def shared_now(read: Callable[[str], Sequence[Row]], dialect: Dialect, own: datetime) -> int:
    """Microseconds since 1970 by the database's clock; `read` runs a statement there.

    On SQLite the only process has the same clock, which is given as `own`.
    """
    return micros(own) if dialect == "sqlite" else int(read(_NOW)[0][0])


def steady() -> float:
    """Monotonic seconds that include the machine's sleep: a lease expires meanwhile."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
