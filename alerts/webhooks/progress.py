"""Progress of webhooks: cursors, status and leases in the rows of `webhooks`."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from alerts.domain.streams import WEBHOOK
from alerts.domain.webhook import WebhookState
from alerts.eventlog.ports import Log, UnitOfWork, Writer
from alerts.kernel.paging import Page, cursor_number
from alerts.kernel.times import duration_micros, optional_from_micros, optional_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Row
from alerts.storage.server_clock import shared_now

_sql = load("alerts.webhooks", "webhooks.sql")
LIFE = timedelta(seconds=10)
"""Lease duration: other processes take over a row that was not renewed for so long."""
_RENEW = LIFE / 2
_BEYOND = 2**62


class Cursor(msgspec.Struct, kw_only=True):
    """Cursor of one webhook in its holder's memory. `tries` and `failing_since` are of the current event."""

    id: UUID
    turn: int
    position: int
    """Everything up to here was accepted, or not wanted."""
    tries: int = 0
    failing_since: datetime | None = None
    due_at: datetime | None = None
    recorded: int = 0
    """Position stored in the database."""
    taken_at: datetime | None = None
    """Time of the last accepted event that is not stored yet."""
    posting: bool = False


class WebhookStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook and its progress."""

    webhook: WebhookState
    created: int
    position: int
    tries: int
    failing_since: datetime | None
    due_at: datetime | None
    reason: str
    taken_at: datetime | None


class WebhookQueries:
    """Queries for the API and the status. Blocking."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def page(self, cursor: str | None, limit: int, owner: UUID | None = None) -> Page[WebhookStatus]:
        """List the webhooks of a key (None: of all keys), the newest first. Raises ValueError for a malformed cursor.

        There are few of them per instance, so all are read.
        """
        with self._database.read() as tx:
            rows = tx.execute(_sql.listed, (_BEYOND if cursor is None else cursor_number(cursor),))
        found = [status for row in rows if (status := self._status(row)) is not None and _is_of(owner, status)]
        return Page(tuple(found[:limit]), str(found[limit - 1].created) if len(found) > limit > 0 else None)

    def one(self, webhook: UUID, owner: UUID | None = None) -> WebhookStatus | None:
        """Return a webhook of a key (None: of any key); None if unknown, removed or another's."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.one, (webhook.bytes,))
        status = self._status(rows[0]) if rows else None
        return status if status is not None and _is_of(owner, status) else None

    def behind(self) -> int:
        """Number of positions between the slowest webhook and the log's end; 0 without webhooks."""
        with self._database.read() as tx:
            [(slowest,)] = tx.execute(_sql.behind)
        return 0 if slowest is None else max(0, self._log.position() - int(slowest))

    def _status(self, row: Row) -> WebhookStatus | None:
        created, raw, position, _, tries, failing_since, due_at, reason, taken_at = row
        webhook = self._log.state(WEBHOOK, UUID(bytes=bytes(raw)))
        if webhook is None or webhook.phase == "removed":
            return None  # removed between the two reads
        return WebhookStatus(
            webhook=webhook,
            created=int(created),
            position=int(position),
            tries=int(tries),
            failing_since=optional_from_micros(failing_since),
            due_at=optional_from_micros(due_at),
            reason=str(reason or ""),
            taken_at=optional_from_micros(taken_at),
        )


class WebhookLease:
    """Rows leased by this process. `name` is unique among all processes that ever were."""

    def __init__(self, database: Database, writer: Writer, name: str) -> None:
        self._database, self._writer, self.name = database, writer, name
        self._dialect = database.dialect
        self._alone = self._dialect == "sqlite"

    def wants_claim(self, now: datetime) -> bool:
        """True if there is a free row, or a lease to renew. Blocking; writes nothing."""
        with self._database.read() as tx:
            shared = shared_now(tx.execute, self._dialect, now)
            return any(self._is_to_hold(row, shared) for row in tx.execute(_sql.active))

    async def claim(self) -> None:
        """Acquire free rows, and renew our leases."""

        def work(unit: UnitOfWork) -> None:
            now = shared_now(unit.read, self._dialect, unit.now)
            until = now + duration_micros(LIFE)
            rows = unit.read(_sql.active)
            wanted = [row for row in rows if row[6] == self.name or self._is_to_hold(row, now)]
            unit.write_many(_sql.hold, [(self.name, until, row[0]) for row in wanted])

        await self._writer.run(work, by="system")

    def cursors(self, now: datetime) -> list[Cursor]:
        """Cursors of the rows that we hold. Blocking."""
        with self._database.read() as tx:
            rows, shared = tx.execute(_sql.active), shared_now(tx.execute, self._dialect, now)
        return [_cursor(row) for row in rows if row[6] == self.name and (self._alone or row[7] > shared)]

    async def taken(self, cursor: Cursor) -> None:
        """Store a cursor's progress."""
        position, at = cursor.position, cursor.taken_at

        def work(unit: UnitOfWork) -> None:
            moved = optional_micros(at)
            unit.write(_sql.taken, (position, moved, cursor.id.bytes, self.name, cursor.turn))

        await self._writer.run(work, by="system")
        cursor.recorded, cursor.taken_at = position, None

    async def failed(self, cursor: Cursor, reason: str) -> None:
        """Store the failure of the event after `cursor.position`, its begin, and the time of the next try."""
        since, due = optional_micros(cursor.failing_since), optional_micros(cursor.due_at)
        key = (cursor.id.bytes, self.name, cursor.turn)

        def work(unit: UnitOfWork) -> None:
            unit.write(_sql.failed, (cursor.position, cursor.tries, since, due, reason, *key))

        await self._writer.run(work, by="system")
        cursor.recorded = cursor.position

    async def release(self) -> None:
        """Release the leases for another process."""

        def work(unit: UnitOfWork) -> None:
            unit.write(_sql.release, (self.name,))

        await self._writer.run(work, by="system")

    def _is_to_hold(self, row: Row, now: int) -> bool:
        """True if a row has to be acquired or renewed; `now` by the database's clock.

        Alone in its database, a process acquires everything once; with others, it renews in time.
        """
        ours, until = row[6] == self.name, int(row[7])
        if self._alone:
            return not ours
        return until < now + duration_micros(_RENEW) if ours else until < now


def _is_of(owner: UUID | None, status: WebhookStatus) -> bool:
    return owner is None or status.webhook.key == owner


def _cursor(row: Row) -> Cursor:
    raw, position, turn, tries, failing_since, due_at, *_ = row
    return Cursor(
        id=UUID(bytes=bytes(raw)),
        position=int(position),
        recorded=int(position),
        turn=int(turn),
        tries=int(tries),
        failing_since=optional_from_micros(failing_since),
        due_at=optional_from_micros(due_at),
    )
