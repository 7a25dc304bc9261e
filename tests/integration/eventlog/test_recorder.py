"""The library's own recorder and tracking cases, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent
from eventsourcing.tests import persistence as shipped

from alerts.eventlog.recorder import Recorder
from alerts.kernel.ids import new_id
from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate


class OnSQLite:
    """A fresh file for each case."""

    database: BaseDatabase

    @pytest.fixture(autouse=True)
    def _sqlite(self, tmp_path: Path) -> Iterator[None]:
        self.database = connect(f"sqlite:///{tmp_path}/alerts.db", "main")
        migrate(self.database, find("migrations", "sqlite"))
        yield
        self.database.close()

    def create_recorder(self) -> Recorder:
        return Recorder(self.database)


class OnPostgreSQL:
    """A fresh database for each case."""

    database: BaseDatabase

    @pytest.fixture(autouse=True)
    def _postgresql(self, new_postgres: Callable[[], str]) -> Iterator[None]:
        self.database = connect(new_postgres(), "main")
        migrate(self.database, find("migrations", "postgresql"))
        yield
        self.database.close()

    def create_recorder(self) -> Recorder:
        return Recorder(self.database)


class WithoutPositions(AggregateRecorder):
    """The library expects None from a recorder that keeps streams only; ours knows positions, which is more."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        self._recorder.insert_events(stored_events, **kwargs)

    def select_events(self, originator_id: UUID | str, **kwargs: Any) -> Sequence[StoredEvent]:
        return self._recorder.select_events(originator_id, **kwargs)


class TestApplicationOnSQLite(OnSQLite, shipped.ApplicationRecorderTestCase[Recorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationOnPostgreSQL(OnPostgreSQL, shipped.ApplicationRecorderTestCase[Recorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingOnSQLite(OnSQLite, shipped.TrackingRecorderTestCase):
    pass


class TestTrackingOnPostgreSQL(OnPostgreSQL, shipped.TrackingRecorderTestCase):
    pass


class TestProcessOnSQLite(OnSQLite, shipped.ProcessRecorderTestCase):
    pass


class TestProcessOnPostgreSQL(OnPostgreSQL, shipped.ProcessRecorderTestCase):
    pass


class TestNonInterleavingOnSQLite(OnSQLite, shipped.NonInterleavingNotificationIDsBaseCase):
    pass


class TestNonInterleavingOnPostgreSQL(OnPostgreSQL, shipped.NonInterleavingNotificationIDsBaseCase):
    pass


class TestAggregateOnSQLite(OnSQLite, shipped.AggregateRecorderTestCase):
    def create_recorder(self) -> WithoutPositions:  # type: ignore[override]
        return WithoutPositions(Recorder(self.database))


class TestAggregateOnPostgreSQL(OnPostgreSQL, shipped.AggregateRecorderTestCase):
    def create_recorder(self) -> WithoutPositions:  # type: ignore[override]
        return WithoutPositions(Recorder(self.database))


def test_a_position_is_never_given_twice(database: BaseDatabase) -> None:
    recorder = Recorder(database)
    recorder.insert_events([StoredEvent(new_id(), 1, "a", b""), StoredEvent(new_id(), 1, "a", b"")])
    with database.write() as tx:
        tx.execute("DELETE FROM events WHERE position = 2")
    assert recorder.insert_events([StoredEvent(new_id(), 1, "a", b"")]) == [3]


def test_a_failed_append_leaves_no_event_and_no_tracking(database: BaseDatabase) -> None:
    recorder = Recorder(database)
    taken = StoredEvent(new_id(), 1, "a", b"")
    recorder.insert_events([taken])
    many = [StoredEvent(new_id(), 1, "b", b"") for _ in range(30)]  # by COPY on PostgreSQL
    with pytest.raises(IntegrityError):
        recorder.insert_events([*many, taken], tracking=shipped.Tracking("reactor", 1))
    assert [n.topic for n in recorder.select_notifications(None, 100)] == ["a"]
    assert recorder.max_tracking_id("reactor") is None
