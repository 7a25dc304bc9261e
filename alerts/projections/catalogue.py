"""Every read model there is, in the order in which `alerts status` lists them."""

from __future__ import annotations

from alerts.eventlog.ports import Projection
from alerts.projections import kinds
from alerts.projections.documents import Documents
from alerts.projections.statistics import Statistics
from alerts.projections.timeline import Timeline
from subscribers.directory import DirectoryProjection


def projections() -> tuple[Projection, ...]:
    """All projections, fresh: what the runner feeds, and what `alerts rebuild` computes again."""
    return (
        Documents("notices", kinds.NOTICES, kinds.DISPATCHES),
        Documents("incidents", kinds.INCIDENTS),
        Documents("board", kinds.POINTS, kinds.CHANGES),
        Documents("registers", kinds.PLACES, kinds.TOPICS, kinds.SEGMENTS, kinds.NEWSLETTERS),
        Documents("access", kinds.SOURCES, kinds.KEYS, kinds.MEMBERS, kinds.TRIGGERS),
        Timeline(),
        Statistics(),
        DirectoryProjection(),
    )
