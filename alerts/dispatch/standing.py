"""How providers stand, told by processes that hand messages over to those that only answer questions (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.channels.message import Provider
from alerts.channels.providers.pool import Watched
from alerts.domain.words.terms import Channel
from alerts.eventlog.ports import Database, Unit
from alerts.eventlog.sql import load
from alerts.times import micros

_sql = load("alerts.dispatch", "standing.sql")
_BELIEVED = timedelta(seconds=60)


def states(providers: Mapping[Channel, Provider]) -> dict[str, bytes]:
    """What there is to tell, as JSON by channel. May read the database."""
    watched = {channel: one for channel, one in providers.items() if isinstance(one, Watched)}
    return {channel: msgspec.json.encode(one.health()) for channel, one in watched.items()}


def keep(unit: Unit, worker: int, told: Mapping[str, bytes]) -> None:
    """Keep what a worker tells, and forget what nobody believes any more."""
    at = micros(unit.now)
    unit.write_many(_sql.keep, [(worker, channel, at, health) for channel, health in told.items()])
    unit.write(_sql.forget, (micros(unit.now - _BELIEVED),))


def told(database: Database, now: datetime) -> dict[str, dict[str, Any]]:
    """The latest that any worker told of each channel within the last minute."""
    with database.read() as tx:
        rows = tx.execute(_sql.told, (micros(now - _BELIEVED),))
    return {channel: msgspec.json.decode(bytes(health), type=dict[str, Any]) for channel, health in rows}
