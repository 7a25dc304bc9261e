"""Read models of an older version: never completed in place, computed afresh by `alerts migrate`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from alerts.storage.generations import OutdatedViews, is_outdated, open_generation
from alerts.storage.migrate import migrate


@pytest.fixture
def older(database_url: str, tmp_path: Path) -> Path:
    """The migrations of a version that knew one file less."""
    dialect = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    folder = tmp_path / "older"
    shutil.copytree(find("migrations", dialect, "views"), folder)
    max(folder.glob("*.sql"), key=lambda file: file.name).unlink()
    return folder


@pytest.fixture
def views(database_url: str) -> Iterator[BaseDatabase]:
    database = connect(database_url, "views", 7)
    yield database
    database.close()


def _now(views: BaseDatabase) -> Path:
    return find("migrations", views.dialect, "views")


def test_one_that_has_read_events_is_refused_until_it_is_computed_afresh(
    views: BaseDatabase, older: Path, database_url: str
) -> None:
    migrate(views, older)
    with views.write() as tx:
        tx.execute("INSERT INTO tracking (name, position) VALUES ('documents', 12)")
    assert is_outdated(views, _now(views))
    with pytest.raises(OutdatedViews, match="alerts migrate"):
        open_generation(database_url, 7, _now(views))
    assert not is_outdated(views, older)


def test_one_that_was_interrupted_before_its_first_event_is_completed(
    views: BaseDatabase, older: Path, database_url: str
) -> None:
    assert not is_outdated(views, _now(views)), "nothing stands there yet"
    migrate(views, older)
    assert not is_outdated(views, _now(views))
    open_generation(database_url, 7, _now(views)).close()
    with views.read() as tx:
        assert not tx.execute("SELECT name FROM tracking")
