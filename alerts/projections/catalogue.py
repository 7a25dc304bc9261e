"""Catalogue of the read models, in the order in which `GET /api/v1/status` lists them."""

from __future__ import annotations

from alerts.eventlog.ports import Projection
from alerts.projections import document_kinds
from alerts.projections.documents import Documents
from alerts.projections.statistics import Statistics
from alerts.projections.timeline import Timeline
from subscribers.directory import DirectoryProjection


def projections() -> tuple[Projection, ...]:
    """Create all projections: those that the runner feeds, and that `alerts rebuild` computes again."""
    return (
        Documents("notices", document_kinds.NOTICES, document_kinds.DISPATCHES),
        Documents("incidents", document_kinds.INCIDENTS),
        Documents("board", document_kinds.POINTS, document_kinds.CHANGES),
        Documents(
            "registers",
            document_kinds.PLACES,
            document_kinds.TOPICS,
            document_kinds.SEGMENTS,
            document_kinds.ORGANISATIONS,
            document_kinds.NEWSLETTERS,
            document_kinds.TEMPLATES,
        ),
        Documents(
            "access", document_kinds.SOURCES, document_kinds.KEYS, document_kinds.MEMBERS, document_kinds.TRIGGERS
        ),
        Documents("reports", document_kinds.REPORTS, document_kinds.FEEDBACK),
        Timeline(),
        Statistics(),
        DirectoryProjection(),
    )
