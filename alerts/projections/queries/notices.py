"""Notice queries: notices, their threads and dispatches, and the incidents behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec.structs import replace

from alerts.domain.dispatch import DispatchState
from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.kernel.paging import Page
from alerts.kernel.terms import SEVERITY_RANK, NoticeKind, NoticePhase
from alerts.kernel.times import from_micros, micros, optional_micros
from alerts.projections.document_kinds import DISPATCHES, INCIDENTS, NOTICES
from alerts.projections.queries.base import PAGE, SQL, QueryBase
from alerts.storage.in_clauses import select_in
from alerts.storage.ports import Transaction


class NoticeQueries(QueryBase):
    """Notices and incidents."""

    def notice(self, notice: UUID) -> NoticeState | None:
        """Return a notice."""
        return self._one(NOTICES, notice)

    def notice_by_number(self, number: int) -> NoticeState | None:
        """Return a notice by the number that deliveries carry."""
        with self._database.read() as tx:
            return self._first(NOTICES, tx.execute(SQL.notice_by_number, (number,)))

    def notices(
        self,
        state: NoticePhase | None = None,
        kind: NoticeKind | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[NoticeState]:
        """List all notices, drafts too, the newest first. Raises ValueError for a malformed cursor."""
        return self._page(NOTICES, SQL.notices, (state, state, kind, kind), cursor, limit)

    def thread(self, notice: UUID, *, issued: bool = False) -> list[NoticeState]:
        """Return the whole thread of any of its members, oldest first; [] for an unknown notice.

        With `issued` only the issued ones, which the public may see.
        """
        with self._database.read() as tx:
            rows = tx.execute(SQL.thread, (notice.bytes,))
        thread = [self._decode(NOTICES, row[0]) for row in rows]
        return [member for member in thread if member.issued] if issued else thread

    def live(self, now: datetime) -> list[NoticeState]:
        """List live notices that have not expired, worst first.

        Order: danger to life, then emergencies, then by severity, then the latest. Drills, cancels and all-clears are
        included (`plan.status`, `msg_type`).
        """
        with self._database.read() as tx:
            rows = tx.execute(SQL.live, (micros(now),))
        return sorted((self._decode(NOTICES, row[0]) for row in rows), key=_worst_first)

    def to_be_planned(self, since: datetime, now: datetime) -> list[tuple[int, datetime]]:
        """Return number and issue time of notices in force, issued since a time, that are to have a dispatch."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.to_be_planned, (micros(since), micros(now)))
        return [(int(number), from_micros(issued_at)) for number, issued_at in rows]

    def recent(self, since: datetime, now: datetime) -> list[NoticeState]:
        """List notices issued since a time, whatever became of them, and live ones; the latest first."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.recent, (micros(since), micros(now)))
        found = [self._decode(NOTICES, row[0]) for row in rows]
        return sorted(found, key=lambda notice: (optional_micros(notice.issued_at) or 0, notice.number), reverse=True)

    def issued_between(self, since: datetime, until: datetime, most: int) -> list[NoticeState]:
        """List actual notices issued in a time, whatever became of them; at most so many, the latest first."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.issued_between, (micros(since), micros(until), most))
        return [self._decode(NOTICES, row[0]) for row in rows]

    def waiting(self, limit: int = PAGE) -> list[NoticeState]:
        """List notices that wait for a person or a time: drafts, pending, returned, approved, scheduled."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.waiting, (limit,))
        return [self._decode(NOTICES, row[0]) for row in rows]

    def dispatch(self, notice: UUID) -> DispatchState | None:
        """Return a notice's dispatch; None while nothing is planned."""
        with self._database.read() as tx:
            return self._first(DISPATCHES, tx.execute(SQL.dispatch, (notice.bytes,)))

    def incident(self, incident: UUID) -> IncidentState | None:
        """Return an incident, with the first notice of its first thread."""
        with self._database.read() as tx:
            found = self._many(tx, INCIDENTS, (incident,))
            return next(iter(self._with_notices(tx, list(found.values()))), None)

    def incidents(
        self,
        status: Literal["open", "resolved", "dismissed"] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[IncidentState]:
        """List incidents, the newest first. Raises ValueError for a malformed cursor."""
        page = self._page(INCIDENTS, SQL.incidents, (status, status), cursor, limit)
        with self._database.read() as tx:
            return Page(tuple(self._with_notices(tx, page.items)), page.next)

    def incident_notice(self, incident: UUID) -> NoticeState | None:
        """Return the first notice of an incident's first thread."""
        return self._first_notice(SQL.first_notices_of_incidents, incident)

    def change_notice(self, change: UUID) -> NoticeState | None:
        """Return the first notice of a service change's thread."""
        return self._first_notice(SQL.first_notices_of_changes, change)

    def _first_notice(self, statement: str, about: UUID) -> NoticeState | None:
        with self._database.read() as tx:
            first = first_notices(tx, statement, (about,)).get(about)
            return self._many(tx, NOTICES, (first,)).get(first) if first else None

    def _with_notices(self, tx: Transaction, incidents: Sequence[IncidentState]) -> list[IncidentState]:
        first = first_notices(tx, SQL.first_notices_of_incidents, [i.id for i in incidents])
        return [replace(incident, notice=first.get(incident.id)) for incident in incidents]


def first_notices(tx: Transaction, statement: str, about: Sequence[UUID]) -> dict[UUID, UUID]:
    """By incident or change, the first notice of its first thread (rows come newest first: the oldest stays)."""
    rows = select_in(tx, statement, [thing.bytes for thing in about])
    return {UUID(bytes=bytes(thing)): UUID(bytes=bytes(notice)) for thing, notice in rows}


def _worst_first(notice: NoticeState) -> tuple[bool, bool, int, int]:
    issued = micros(notice.issued_at) if notice.issued_at else 0
    emergency = notice.priority == "emergency"
    return (not notice.danger_to_life, not emergency, -SEVERITY_RANK[notice.plan.severity], -issued)
