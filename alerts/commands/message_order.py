"""Order of the messages about one subject (RULES 13): the later `sent` stands, in whatever order they arrive.

`sent` is CAP's, or the `timestamp` of a Standard Webhooks envelope. What comes without one is taken in the order of
acceptance.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from alerts.commands import notice_threads
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.times import micros
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "commands.sql")

OUTDATED = "A later message about this was taken before: recorded, sent to nobody."
"""Note of a message that arrived after one with a later `sent`."""


def is_outdated(
    unit: UnitOfWork, subject: UUID, sent: datetime | None, source: str, names: Collection[datetime] = ()
) -> bool:
    """True if the subject's thread already has something later than `sent`.

    That is a message of the source with a later `sent`, or a notice that somebody else issued after `sent`. `names`:
    `sent` of the messages that this one refers to. It is newer than those, whatever the sender's clock says.
    """
    if sent is None:
        return False
    named = {micros(at) for at in names}
    latest_sent = unit.read(_sql.latest_sent, (subject.bytes,))
    if any(latest > micros(sent) and latest not in named for (latest,) in latest_sent):
        return True
    found = notice_threads.subject_of(unit, subject)
    issued = notice_threads.thread_notices(unit, found.thread) if found else []
    head = issued[-1] if issued else None
    return head is not None and head.source != source and head.issued_at is not None and head.issued_at > sent


def record_sent(unit: UnitOfWork, subject: UUID, sent: datetime | None) -> None:
    """Store the `sent` of the subject's latest message."""
    if sent is not None:
        unit.write(_sql.record_sent, (subject.bytes, micros(sent)))
