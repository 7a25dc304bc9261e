"""Persistence module of the `eventsourcing` library: its infrastructure factory over our databases.

Named by PERSISTENCE_MODULE in the application's environment (`alerts.eventlog.application`).
"""

from __future__ import annotations

from eventsourcing.persistence import InfrastructureFactory, TrackingRecorder

from alerts.eventlog.recorder import Recorder
from alerts.storage.base import BaseDatabase


class Factory(InfrastructureFactory[TrackingRecorder]):
    """Creates recorders for a database that was opened elsewhere: its connections outlive the application."""

    database: BaseDatabase

    def aggregate_recorder(self, purpose: str = "events") -> Recorder:
        """Create the recorder. Raises ValueError for `snapshots`: streams are short."""
        if purpose != "events":
            raise ValueError(f"no recorder of {purpose}: this log keeps no snapshots of streams")
        return Recorder(self.database)

    def application_recorder(self) -> Recorder:
        """Create the recorder of events and positions."""
        return Recorder(self.database)

    def process_recorder(self) -> Recorder:
        """Create the recorder of events and positions."""
        return Recorder(self.database)

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        """Create the recorder: positions of reactors are in the log's own database."""
        return Recorder(self.database)

    def close(self) -> None:
        """Leave the database open: its owner closes it."""
