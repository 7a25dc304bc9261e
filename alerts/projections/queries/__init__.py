"""Every read of the views in one place: what pages, the API and the console ask."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.projections.queries.access import AccessQueries
from alerts.projections.queries.base import Runner
from alerts.projections.queries.history import HistoryQueries, OutcomeCount
from alerts.projections.queries.notices import NoticeQueries
from alerts.projections.queries.reference_data import ReferenceDataQueries
from alerts.projections.queries.service_points import ServicePointQueries
from alerts.projections.timeline import TimelineEntry
from alerts.storage.ports import Database
from subscribers.directory import ContactCard, Directory
from subscribers.unsealing import Vault

__all__ = ["OutcomeCount", "ReadModels", "TimelineEntry"]


class ReadModels(NoticeQueries, ServicePointQueries, ReferenceDataQueries, AccessQueries, HistoryQueries):
    """Typed reads of the read models, from any thread. Nothing here decides or writes.

    Answers are as of `position()`: whoever must see what was just written waits for that position first.
    """

    def __init__(self, database: Database, runner: Runner, vault: Vault) -> None:
        super().__init__(database, runner, vault)
        self.directory = Directory(database, vault)
        """People and contact points."""

    def position(self) -> int:
        """The log position that every read model has reached."""
        return self._runner.position()

    def wait_for(self, position: int, timeout: float = 2.0) -> bool:
        """Block until the read models have reached `position` or the time (seconds) is up; whether they have."""
        return self._runner.wait_for(position, timeout)

    def cards(self, numbers: Iterable[int]) -> dict[int, ContactCard]:
        """Contact points by number, of subscribers and of members of the team alike; unknown ones are left out."""
        wanted = set(numbers)
        found = self.directory.cards(wanted)
        missing = wanted - found.keys()
        return {**found, **self.team_cards(missing)} if missing else found
