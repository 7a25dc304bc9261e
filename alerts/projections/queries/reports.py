"""Queries of residents' reports, and of feedback on notices. Personal fields are decrypted per call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from alerts.domain.feedback import FeedbackState
from alerts.domain.report import ReportState
from alerts.kernel.paging import Page, cursor_number
from alerts.kernel.times import from_micros, micros
from alerts.projections.document_kinds import FEEDBACK, REPORTS, DocumentKind
from alerts.projections.queries.base import BEYOND, PAGE, SQL, QueryBase
from alerts.storage.in_clauses import select_in
from alerts.storage.ports import Value
from subscribers.directory import ReportCard, card_of_report

S = TypeVar("S", bound=msgspec.Struct)


class FeedbackCount(msgspec.Struct, frozen=True, kw_only=True):
    """Readers who found a notice useful or not, and those who wrote something."""

    useful: int
    not_useful: int
    written: int


class ReportQueries(QueryBase):
    """Reports by number, state and time; feedback by notice."""

    def report(self, report: UUID) -> ReportState | None:
        """Return one report with what the resident wrote, unless erased."""
        return self._one(REPORTS, report)

    def report_by_receipt(self, receipt: str) -> ReportState | None:
        """Return the report with this receipt number, in its normal form."""
        with self._database.read() as tx:
            return self._first(REPORTS, tx.execute(SQL.report_by_receipt, (receipt,)))

    def reports(self, phase: str | None = None, cursor: str | None = None, limit: int = PAGE) -> Page[ReportState]:
        """List reports, newest first. Raises ValueError for a malformed cursor."""
        return self._sealed_page(REPORTS, SQL.reports, (phase, phase), cursor, limit)

    def reports_to_decide(self, limit: int = PAGE) -> list[ReportState]:
        """List the reports that wait for a person, the oldest first."""
        with self._database.read() as tx:
            return [self._full(REPORTS, row) for row in tx.execute(SQL.reports_to_decide, (limit,))]

    def waiting_reports(self) -> tuple[int, datetime | None]:
        """Number of reports that wait for a person, and when the oldest came."""
        with self._database.read() as tx:
            [(count,)] = tx.execute(SQL.waiting_reports)
            rows = tx.execute(SQL.oldest_waiting_report)
            oldest = self._first(REPORTS, rows)
        return int(count), oldest.received_at if oldest else None

    def usual_wait(self, now: datetime) -> timedelta | None:
        """Median time from receipt to decision over the last reports of a week; None if there is none."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.handled_reports, (micros(now - timedelta(days=7)),))
        waits = sorted(from_micros(row[0]) - self._decode(REPORTS, row[1]).received_at for row in rows)
        return waits[len(waits) // 2] if waits else None

    def report_cards(self, numbers: Iterable[int]) -> dict[int, ReportCard]:
        """Addresses of residents who reported, by contact point number, each with its report's answer."""
        with self._database.read() as tx:
            rows = select_in(tx, SQL.reports_by_contact, sorted(set(numbers)))
            states = [self._full(REPORTS, row) for row in rows]
        return {state.contact: card_of_report(state) for state in states if state.contact is not None}

    def feedback(self, notice: UUID) -> FeedbackCount:
        """Count the feedback on a thread, by its first notice."""
        with self._database.read() as tx:
            [(useful, not_useful, written)] = tx.execute(SQL.feedback_count, (notice.bytes,))
        return FeedbackCount(useful=int(useful or 0), not_useful=int(not_useful or 0), written=int(written or 0))

    def feedback_words(self, notice: UUID, cursor: str | None = None, limit: int = PAGE) -> Page[FeedbackState]:
        """List what readers wrote about a thread, newest first. Raises ValueError for a malformed cursor."""
        return self._sealed_page(FEEDBACK, SQL.feedback_words, (notice.bytes,), cursor, limit)

    def _sealed_page(
        self, kind: DocumentKind[S], statement: str, params: Sequence[Value], cursor: str | None, limit: int
    ) -> Page[S]:
        before = BEYOND if cursor is None else cursor_number(cursor)
        with self._database.read() as tx:
            rows = tx.execute(statement, (before, *params, limit + 1))
        items = tuple(self._full(kind, row[1:]) for row in rows[:limit])
        return Page(items, str(rows[limit - 1][0]) if len(rows) > limit > 0 else None)
