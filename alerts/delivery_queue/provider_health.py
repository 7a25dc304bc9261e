"""How providers stand, told by processes that hand messages over to those that only answer questions (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.channels.message import Provider
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.terms import Channel
from alerts.kernel.times import micros
from alerts.providers.failover import Health, ReportsHealth
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.delivery_queue", "provider_health.sql")
_BELIEVED, _FRESH = timedelta(seconds=60), timedelta(seconds=12)


def local(providers: Mapping[Channel, Provider]) -> dict[str, bytes]:
    """What there is to tell, as JSON by channel. May read the database."""
    watched = {channel: one for channel, one in providers.items() if isinstance(one, ReportsHealth)}
    return {channel: msgspec.json.encode(one.health()) for channel, one in watched.items()}


def save(unit: UnitOfWork, worker: int, told: Mapping[str, bytes]) -> None:
    """Keep what a worker tells, and forget what nobody believes any more."""
    at = micros(unit.now)
    unit.write_many(_sql.keep, [(worker, channel, at, health) for channel, health in told.items()])
    unit.write(_sql.forget, (micros(unit.now - _BELIEVED),))


def unhealthy_elsewhere(database: Database, now: datetime, *, but: int) -> dict[str, dict[str, str]]:
    """Channel → member → why it rests, by the word of other workers than `but` within the last seconds."""
    with database.read() as tx:
        rows = tx.execute(_sql.told_by_others, (micros(now - _FRESH), but))
    found: dict[str, dict[str, str]] = {}
    for channel, health in rows:
        for member in msgspec.json.decode(bytes(health), type=Health).members:
            if member.state == "resting":
                found.setdefault(channel, {})[member.name] = member.why
    return found


def latest(database: Database, now: datetime) -> dict[str, dict[str, Any]]:
    """The latest that any worker told of each channel within the last minute."""
    with database.read() as tx:
        rows = tx.execute(_sql.told, (micros(now - _BELIEVED),))
    return {channel: msgspec.json.decode(bytes(health), type=dict[str, Any]) for channel, health in rows}
