"""History queries: the timeline, and delivery counts by outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from alerts.domain.streams import rejections_id
from alerts.kernel.times import from_micros
from alerts.projections import document_kinds
from alerts.projections.queries.base import BEYOND, SQL, QueryBase
from alerts.projections.timeline import TimelineEntry
from alerts.storage.in_clauses import select_in
from alerts.storage.ports import Row, Transaction

_TITLED = {kind.table: (kind, kind.title) for kind in document_kinds.KINDS if kind.title is not None}


def _entry(row: Row, titles: Mapping[UUID, str]) -> TimelineEntry:
    position, happened, actor, topic, kind, about, detail = row
    subject = UUID(bytes=bytes(about))
    return TimelineEntry(
        position=position,
        at=from_micros(happened),
        by=actor,
        topic=topic,
        kind=kind,
        subject=subject,
        title=titles.get(subject, ""),
        detail=detail,
    )


class OutcomeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Number of a notice's deliveries in one state, by channel, language tag and area slug ("" if unknown)."""

    channel: str
    state: str
    language: str
    area: str
    deliveries: int


class HistoryQueries(QueryBase):
    """The timeline and the statistics."""

    def timeline(self, limit: int, before: int | None = None, subject: UUID | None = None) -> list[TimelineEntry]:
        """List timeline entries, the newest first: all, or of one subject (a notice includes its dispatch).

        `before` is the position below which to continue. Team members appear by id, without name or address.
        """
        upto = BEYOND if before is None else before
        with self._database.read() as tx:
            if subject is None:
                rows = tx.execute(SQL.timeline, (upto, limit))
            else:
                rows = tx.execute(SQL.timeline_of, (subject.bytes, upto, limit))
            titles = self._titles(tx, rows)
        return [_entry(row, titles) for row in rows]

    def rejections(self, source: str, days: Iterable[date]) -> list[TimelineEntry]:
        """List the refused webhooks of a source on these days, the newest first."""
        subjects = [rejections_id(source, day).bytes for day in days]
        with self._database.read() as tx:
            rows = list(select_in(tx, SQL.rejections, subjects))
        return [_entry(row, {}) for row in sorted(rows, key=lambda row: -int(row[0]))]

    def outcome_counts(self, number: int) -> list[OutcomeCount]:
        """Outcome counts of a notice's deliveries; see `Statistics` for their meaning."""
        with self._database.read() as tx:
            rows = tx.execute(SQL.outcome_counts, (number,))
        return [
            OutcomeCount(channel=channel, state=state, language=language, area=area, deliveries=deliveries)
            for channel, state, language, area, deliveries in rows
        ]

    def _titles(self, tx: Transaction, rows: Sequence[Row]) -> dict[UUID, str]:
        """Current titles of the subjects of these timeline rows."""
        wanted: dict[str, set[UUID]] = {}
        for row in rows:
            wanted.setdefault(row[4], set()).add(UUID(bytes=bytes(row[5])))
        titles: dict[UUID, str] = {}
        for table in wanted.keys() & _TITLED.keys():
            kind, title = _TITLED[table]
            titles.update({subject: title(state) for subject, state in self._many(tx, kind, wanted[table]).items()})
        return titles
