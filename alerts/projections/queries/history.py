"""History queries: the timeline, and delivery counts by outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from alerts.domain.incident import IncidentState
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import PlaceState, TopicState, TriggerState
from alerts.domain.service_change import ChangeState
from alerts.domain.service_point import PointState
from alerts.kernel.times import from_micros
from alerts.projections import document_kinds
from alerts.projections.queries.base import BEYOND, SQL, QueryBase
from alerts.projections.timeline import TimelineEntry
from alerts.storage.ports import Row, Transaction

_TITLED: dict[str, document_kinds.DocumentKind[Any]] = {
    kind.table: kind
    for kind in (
        document_kinds.NOTICES,
        document_kinds.INCIDENTS,
        document_kinds.POINTS,
        document_kinds.CHANGES,
        document_kinds.PLACES,
        document_kinds.TOPICS,
        document_kinds.SEGMENTS,
        document_kinds.NEWSLETTERS,
        document_kinds.SOURCES,
        document_kinds.KEYS,
        document_kinds.TRIGGERS,
    )
}


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
        return [
            TimelineEntry(
                position=position,
                at=from_micros(happened),
                by=actor,
                topic=topic,
                kind=kind,
                subject=UUID(bytes=bytes(about)),
                title=titles.get(UUID(bytes=bytes(about)), ""),
                detail=detail,
            )
            for position, happened, actor, topic, kind, about, detail in rows
        ]

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
        return {
            subject: _title(state)
            for table, subjects in wanted.items()
            if table in _TITLED
            for subject, state in self._many(tx, _TITLED[table], subjects).items()
        }


def _title(state: Any) -> str:
    """Title of a thing: its headline, title or name, in its first language."""
    match state:
        case NoticeState():
            return next((content.title for content in state.plan.content.values()), "")
        case IncidentState() | ChangeState():
            return next(iter(state.facts.headline.values()), "")
        case PointState():
            return state.facts.name
        case PlaceState() | TopicState():
            return next(iter(state.name.values()), state.slug)
        case TriggerState():
            return f"{state.source}: {state.kind}"
        case _:
            return str(state.name)
