"""How far each webhook has come, and who posts for it: the rows of `webhooks`, read and moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from alerts.domain.streams import WEBHOOK
from alerts.domain.webhook import WebhookState
from alerts.eventlog.ports import Log, UnitOfWork, Writer
from alerts.kernel.paging import Page
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Row
from alerts.storage.server_clock import shared_now

_sql = load("alerts.webhooks", "webhooks.sql")
LIFE = timedelta(seconds=10)
"""How long others wait for a holder that says nothing."""
_RENEW = LIFE / 2
_BEYOND = 2**62


class Cursor(msgspec.Struct, kw_only=True):
    """Where one webhook stands in the hands of its holder. `tries` and `failing_since` are of the event in hand."""

    id: UUID
    turn: int
    position: int
    """Everything up to here is taken, or was not wanted."""
    tries: int = 0
    failing_since: datetime | None = None
    due_at: datetime | None = None
    recorded: int = 0
    """The position that is on disk."""
    taken_at: datetime | None = None
    """When the target last took something that is not on disk yet."""
    posting: bool = False


class WebhookStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook and how it does, for those who ask."""

    webhook: WebhookState
    created: int
    position: int
    tries: int
    failing_since: datetime | None
    due_at: datetime | None
    reason: str
    taken_at: datetime | None


class WebhookQueries:
    """Reads for the API and the status. Blocking."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def page(self, cursor: str | None, limit: int) -> Page[WebhookStatus]:
        """The newest first. ValueError for a cursor that is none of ours."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.listed, (_BEYOND if cursor is None else int(cursor), limit + 1))
        items = tuple(found for row in rows[:limit] if (found := self._standing(row)) is not None)
        return Page(items, str(rows[limit - 1][0]) if len(rows) > limit > 0 else None)

    def one(self, webhook: UUID) -> WebhookStatus | None:
        """One webhook; None if there is none, or it was removed."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.one, (webhook.bytes,))
        return self._standing(rows[0]) if rows else None

    def behind(self) -> int:
        """How many positions the slowest stands behind the log; 0 without webhooks."""
        with self._database.read() as tx:
            [(slowest,)] = tx.execute(_sql.behind)
            [(end,)] = tx.execute(_sql.log_end)
        return 0 if slowest is None else max(0, int(end) - int(slowest))

    def _standing(self, row: Row) -> WebhookStatus | None:
        created, raw, position, _, tries, failing_since, due_at, reason, taken_at = row
        webhook = self._log.state(WEBHOOK, UUID(bytes=bytes(raw)))
        if webhook is None or webhook.phase == "removed":
            return None  # removed between the two reads
        return WebhookStatus(
            webhook=webhook,
            created=int(created),
            position=int(position),
            tries=int(tries),
            failing_since=_time(failing_since),
            due_at=_time(due_at),
            reason=str(reason or ""),
            taken_at=_time(taken_at),
        )


class WebhookLease:
    """The rows that this process posts for. `name` tells it from all others that ever were."""

    def __init__(self, database: Database, writer: Writer, name: str) -> None:
        self._database, self._writer, self.name = database, writer, name
        self._dialect = database.dialect
        self._alone = self._dialect == "sqlite"

    def wants_claim(self, now: datetime) -> bool:
        """Whether there is a row to take, or one whose hold runs out. Blocking; writes nothing."""
        with self._database.read() as tx:
            shared = shared_now(tx.execute, self._dialect, now)
            return any(self._is_to_hold(row, shared) for row in tx.execute(_sql.active))

    async def claim(self) -> None:
        """Take what nobody holds, and hold on to what is ours."""

        def work(unit: UnitOfWork) -> None:
            now = shared_now(unit.read, self._dialect, unit.now)
            until = now + LIFE // timedelta(microseconds=1)
            rows = unit.read(_sql.active)
            wanted = [row for row in rows if row[6] == self.name or self._is_to_hold(row, now)]
            unit.write_many(_sql.hold, [(self.name, until, row[0]) for row in wanted])

        await self._writer.run(work, by="system")

    def courses(self, now: datetime) -> list[Cursor]:
        """Where the rows that we hold stand. Blocking."""
        with self._database.read() as tx:
            rows, shared = tx.execute(_sql.active), shared_now(tx.execute, self._dialect, now)
        return [_course(row) for row in rows if row[6] == self.name and (self._alone or row[7] > shared)]

    async def taken(self, course: Cursor) -> None:
        """Put on disk how far it has come."""
        position, at = course.position, course.taken_at

        def work(unit: UnitOfWork) -> None:
            moved = None if at is None else micros(at)
            unit.write(_sql.taken, (position, moved, course.id.bytes, self.name, course.turn))

        await self._writer.run(work, by="system")
        course.recorded, course.taken_at = position, None

    async def failed(self, course: Cursor, reason: str) -> None:
        """Put on disk that the event behind `course.position` failed, since when, and when it is tried again."""
        since, due = _micros(course.failing_since), _micros(course.due_at)
        key = (course.id.bytes, self.name, course.turn)

        def work(unit: UnitOfWork) -> None:
            unit.write(_sql.failed, (course.position, course.tries, since, due, reason, *key))

        await self._writer.run(work, by="system")
        course.recorded = course.position

    async def release(self) -> None:
        """Let another process take over at once."""

        def work(unit: UnitOfWork) -> None:
            unit.write(_sql.release, (self.name,))

        await self._writer.run(work, by="system")

    def _is_to_hold(self, row: Row, now: int) -> bool:
        """Alone in its database, a process takes everything once; with others, it renews in time. `now` by the
        database's clock."""
        ours, until = row[6] == self.name, int(row[7])
        if self._alone:
            return not ours
        return until < now + _RENEW // timedelta(microseconds=1) if ours else until < now


def _course(row: Row) -> Cursor:
    raw, position, turn, tries, failing_since, due_at, *_ = row
    return Cursor(
        id=UUID(bytes=bytes(raw)),
        position=int(position),
        recorded=int(position),
        turn=int(turn),
        tries=int(tries),
        failing_since=_time(failing_since),
        due_at=_time(due_at),
    )


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_micros(int(value))


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)
