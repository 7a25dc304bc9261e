"""Queries of the read models, for pages, the API and the console."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.projections.progress import ProjectionProgress
from alerts.projections.queries.access import AccessQueries
from alerts.projections.queries.history import HistoryQueries, OutcomeCount
from alerts.projections.queries.notices import NoticeQueries
from alerts.projections.queries.reference_data import ReferenceDataQueries
from alerts.projections.queries.reports import FeedbackCount, ReportQueries
from alerts.projections.queries.service_points import ServicePointQueries
from alerts.projections.timeline import TimelineEntry
from alerts.storage.ports import Database
from subscribers.directory import ContactCard, Directory
from subscribers.unsealing import Unsealer

__all__ = ["FeedbackCount", "OutcomeCount", "ReadModelQueries", "TimelineEntry"]


class ReadModelQueries(
    NoticeQueries, ServicePointQueries, ReferenceDataQueries, AccessQueries, HistoryQueries, ReportQueries
):
    """Typed, read-only queries of the read models, from any thread.

    Results are as of `position()`: a caller that must see a recent write waits for its position first.
    """

    def __init__(self, database: Database, runner: ProjectionProgress, vault: Unsealer) -> None:
        super().__init__(database, runner, vault)
        self.directory = Directory(database, vault)
        """People and contact points."""

    def position(self) -> int:
        """Log position that every read model has reached."""
        return self._runner.position()

    def wait_for(self, position: int, timeout: float = 2.0) -> bool:
        """Block until the read models reach `position`; False after `timeout` seconds."""
        return self._runner.wait_for(position, timeout)

    def cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]:
        """Contact points by number, of subscribers, team members and reports alike; unknown ones are left out."""
        wanted = set(numbers)
        found = self.directory.cards(wanted)
        for others in (self.team_cards, self.report_cards):
            if missing := wanted - found.keys():
                found = {**found, **others(missing)}
        return found
