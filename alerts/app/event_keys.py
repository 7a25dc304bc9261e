"""Key of the events' MACs: made with the first process of an instance, stored wrapped by the master key."""

from __future__ import annotations

import os

from alerts.eventlog.event_mac import KEY, EventAuthenticator, new_secret
from alerts.eventlog.recorder import Recorder
from alerts.storage.base import BaseDatabase
from alerts.storage.ports import ReadableDatabase
from subscribers.vault import Vault, stored_adopted_secret

PURPOSE = "event mac"


def event_authenticator(main: BaseDatabase, vault: Vault) -> EventAuthenticator:
    """Return the authenticator of this instance's events; the key is made if there is none."""
    position = Recorder(main).max_notification_id() or 0
    return EventAuthenticator(vault.adopted_secret(PURPOSE, new_secret(os.urandom(KEY), position)))


def stored_authenticator(keys: ReadableDatabase, master_key: bytes) -> EventAuthenticator | None:
    """Return the authenticator without writing; None if no process has made the key yet. Raises `WrongMasterKey`."""
    secret = stored_adopted_secret(keys, master_key, PURPOSE)
    return None if secret is None else EventAuthenticator(secret)
