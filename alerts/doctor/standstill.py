"""Standstill check: roles without a sign of life, and messages that have waited for long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from alerts.doctor.finding import Finding
from alerts.kernel.errors import DomainError
from alerts.settings import Settings

OLD_S = 60.0
"""Seconds since the issue of the oldest message that waits, from which on it is reported."""


def standstill(settings: Settings) -> Iterator[Finding]:
    """Check that every role that was ever seen lives, and that nothing has waited for long."""
    from alerts.app import schema
    from alerts.dispatch.alarms import NEEDED_ROLES, silent_roles, waiting_by_channel
    from alerts.storage.connect import connect

    if settings.database_file is not None and not settings.database_file.exists():
        return
    try:
        if schema.pending_migrations(settings):
            return
    except (DomainError, OSError):
        return  # the check of the database says so
    now = datetime.now(UTC)
    main = connect(settings.database_url, "main", readonly=True)
    try:
        silent, waiting = silent_roles(main, now), waiting_by_channel(main)
    finally:
        main.close()
    for role, age in sorted(silent.items()):
        consequence = "nothing is sent" if role in NEEDED_ROLES else "pages and webhooks are not answered"
        yield Finding(
            "wrong" if any(load.waiting for load in waiting.values()) else "warning",
            f"role {role}",
            f"no sign of life for {age:.0f} s: {consequence}",
            "start it (`alerts serve`, or its own service), or see in its log why it stopped",
        )
    for channel, load in sorted(waiting.items()):
        waited = (now - load.oldest).total_seconds() if load.oldest is not None else 0.0
        if load.waiting and waited >= OLD_S:
            yield Finding(
                "warning",
                f"waiting {channel}",
                f"{load.waiting} messages have not left, the oldest for {waited:.0f} s",
                "see below what its provider answers, and `alerts parked list`",
            )
    if not silent and not any(load.waiting for load in waiting.values()):
        yield Finding("ok", "messages", "none waits, and every role that was seen lives")
