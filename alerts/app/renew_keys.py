"""Renewal of an instance's keys, by a command while nothing runs (docs/keys.md has the steps).

On SQLite the keys are files beside the database, and are replaced here; elsewhere the operator puts the new ones into
the settings. Every step can be repeated: a new key is on disk before anything depends on it.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alerts.delivery_queue.worker_lease import workers
from alerts.kernel.errors import Conflict, Invalid
from alerts.settings import Settings
from alerts.settings.key_files import MASTER_FILE, PREVIOUS_FILE, SECRET_FILE, new_master_key
from alerts.storage.base import BaseDatabase
from alerts.storage.connect import connect
from subscribers.vault import Vault, made_with

VAPID = "vapid"
"""Purpose, in the vault, of the secret of the VAPID key pair."""
_NEW = ".new"


def renew_secret(settings: Settings) -> str:
    """Make a new secret key; on SQLite its files are replaced, and the one before is kept for links in messages.

    Returns the new key if the operator has to put it into the settings, else "".
    """
    current, now = settings.folder / SECRET_FILE, settings.secret_key.original()
    if not settings.on_sqlite or not current.exists() or current.read_bytes().strip() != now:
        return new_master_key()
    _replace(settings.folder / PREVIOUS_FILE, now.decode())
    _replace(current, new_master_key())
    return ""


def renew_master(settings: Settings, given: str = "", progress: Callable[[int], None] = lambda done: None) -> int:
    """Wrap every key under a new master key; return their number.

    `given`: the new one in base64; on SQLite it is made here if its key file is in use. Raises Invalid for a value that
    is no key, Conflict if a worker may be running.
    """
    current = settings.folder / MASTER_FILE
    own = not given and settings.on_sqlite and current.exists()
    if not given and not own:
        raise Invalid("give the new master key in ALERTS_MASTER_KEY_NEW; `alerts keys master` makes one")
    draft = current.with_name(current.name + _NEW)
    keys, main = connect(settings.database_url, "keys"), connect(settings.database_url, "main")
    with closing(keys), closing(main):
        if own and draft.exists() and made_with(keys, _decoded(draft.read_text())):
            os.replace(draft, current)  # an earlier call was interrupted after the keys were wrapped
            return 0
        _check_alone(main)
        new = given or new_master_key()
        if own:
            _replace(draft, new)
        done = Vault(keys, settings.master_key).rewrap(_decoded(new), progress)
    if own:
        os.replace(draft, current)
    return done


def renew_vapid(settings: Settings) -> None:
    """Make a new VAPID key pair; every browser has to be added again."""
    keys = connect(settings.database_url, "keys")
    with closing(keys):
        Vault(keys, settings.master_key).renew_secret(VAPID)


def _check_alone(main: BaseDatabase) -> None:
    with main.read() as tx:
        alive = main.dialect == "postgresql" and any(workers(tx, datetime.now(UTC)).values())
    if alive:
        raise Conflict("a worker of this database is running: stop every process first")


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise Invalid("the new master key is not 32 bytes in base64; `alerts keys master` makes one")
    return raw


def _replace(path: Path, text: str) -> None:
    """Write a file for its owner alone, atomically; on disk on return."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
