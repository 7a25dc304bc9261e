"""Verification of an instance's log, by read-only connections, with or without a running server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from time import sleep

from alerts.app.bootstrap import PROOF_SECRET
from alerts.app.schema import pending_migrations
from alerts.eventlog.integrity.merkle import SECRET_BYTES, Checkpoint, CheckpointSigner
from alerts.eventlog.integrity.verifier import FIRST_PROOF_S, Report, verify
from alerts.kernel.errors import Unavailable
from alerts.settings import Settings
from alerts.storage.connect import connect
from subscribers.vault import stored_secret


def verify_log(
    settings: Settings,
    *,
    against: Checkpoint | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Compare the log with its proofs, and with an external checkpoint."""
    with ExitStack() as closing:
        url = settings.database_url
        main, keys = connect(url, "main", readonly=True), connect(url, "keys", readonly=True)
        closing.callback(main.close)
        closing.callback(keys.close)
        if not main.exists() or not keys.exists():
            raise Unavailable("There is no database yet: start the server once, or run `alerts migrate`")
        if waiting := pending_migrations(settings, readonly=True):
            raise Unavailable(f"The database lacks {', '.join(waiting)}: run `alerts migrate` first")
        secret = stored_secret(keys, settings.master_key, PROOF_SECRET, SECRET_BYTES)
        signer = None if secret is None else CheckpointSigner(secret)
        report = verify(main, keys, signer, datetime.now(UTC), against=against, progress=progress)
        if report.unproven:
            sleep(FIRST_PROOF_S)
            report = verify(main, keys, signer, datetime.now(UTC), against=against, progress=progress)
        return report
