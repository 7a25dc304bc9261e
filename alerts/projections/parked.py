"""Parked events: events that a projection could not apply, stored until a person decides."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from alerts.kernel.errors import NotFound
from alerts.storage.base import BaseDatabase, BaseTransaction

_PARK = """
INSERT INTO parked (projection, position, topic, error, parked_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (projection, position) DO UPDATE SET error = excluded.error, parked_at = excluded.parked_at
"""
_ALL = "SELECT projection, position, topic, error, parked_at FROM parked ORDER BY position, projection"
_TAKE = "DELETE FROM parked WHERE projection = ? AND position = ? RETURNING position"


class Parked(NamedTuple):
    """Event that a projection could not apply; it waits for a person."""

    projection: str
    position: int
    topic: str
    error: str
    at: int
    """Microseconds since 1970."""

    @property
    def id(self) -> str:
        """Name by which a person refers to it."""
        return f"{self.projection}@{self.position}"


def park(tx: BaseTransaction, projection: str, position: int, topic: str, error: str, now: datetime) -> None:
    """Park an event."""
    tx.execute(_PARK, (projection, position, topic, error, int(now.timestamp() * 1_000_000)))


def listed(database: BaseDatabase) -> list[Parked]:
    """List all parked events, oldest first."""
    with database.read() as tx:
        return [Parked(*row) for row in tx.execute(_ALL)]


def take(tx: BaseTransaction, parked_id: str) -> None:
    """Remove one from the list. Raises `NotFound`."""
    if not tx.execute(_TAKE, named(parked_id)):
        raise NotFound(f"Nothing is parked as {parked_id}: take the id that `alerts parked list` shows.")


def named(parked_id: str) -> tuple[str, int]:
    """Parse an id into (projection, position). Raises `NotFound` for a malformed one."""
    name, _, position = parked_id.rpartition("@")
    if not name or not position.isdecimal() or len(position) > 18:
        raise NotFound(f"Nothing is parked as {parked_id}: take the id that `alerts parked list` shows.")
    return name, int(position)
