"""Health gossip: sending processes publish provider health to those that only answer requests (PostgreSQL)."""

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
_MAX_AGE, _FRESH = timedelta(seconds=60), timedelta(seconds=12)


def local(providers: Mapping[Channel, Provider]) -> dict[str, bytes]:
    """Return this process's provider health as JSON by channel. May read the database."""
    watched = {channel: one for channel, one in providers.items() if isinstance(one, ReportsHealth)}
    return {channel: msgspec.json.encode(one.health()) for channel, one in watched.items()}


def save(unit: UnitOfWork, worker: int, health_by_channel: Mapping[str, bytes]) -> None:
    """Store a worker's health reports, and delete those too old to be believed."""
    at = micros(unit.now)
    unit.write_many(_sql.keep, [(worker, channel, at, health) for channel, health in health_by_channel.items()])
    unit.write(_sql.forget, (micros(unit.now - _MAX_AGE),))


def unhealthy_elsewhere(database: Database, now: datetime, *, but: int) -> dict[str, dict[str, str]]:
    """Return channel → member → why it rests, as reported by workers other than `but` in the last seconds."""
    with database.read() as tx:
        rows = tx.execute(_sql.told_by_others, (micros(now - _FRESH), but))
    found: dict[str, dict[str, str]] = {}
    for channel, health in rows:
        for member in msgspec.json.decode(bytes(health), type=Health).members:
            if member.state == "resting":
                found.setdefault(channel, {})[member.name] = member.why
    return found


def latest(database: Database, now: datetime) -> dict[str, dict[str, Any]]:
    """Return the latest report of each channel by any worker within the last minute."""
    with database.read() as tx:
        rows = tx.execute(_sql.told, (micros(now - _MAX_AGE),))
    return {channel: msgspec.json.decode(bytes(health), type=dict[str, Any]) for channel, health in rows}
