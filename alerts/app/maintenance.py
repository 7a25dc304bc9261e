"""Check for an existing log in a database."""

from __future__ import annotations

from alerts.eventlog.recorder import Recorder
from alerts.settings import package_data
from alerts.storage.connect import connect
from alerts.storage.migrate import pending


def is_empty(url: str) -> bool:
    """True if there is no log yet at `url`, or one without an event. Changes nothing. Raises DomainError."""
    database = connect(url, "main")
    try:
        if "0001_log.sql" in pending(database, package_data.find("migrations", database.dialect)):
            return True
        return Recorder(database).max_notification_id() is None
    finally:
        database.close()
