"""A bulletin of which too many addresses bounce is paused, and a person asked.

A list with many dead addresses costs the sender its good name with every mail server, and with it the delivery of what
is urgent. So a bulletin stops there and waits; what is an emergency or a notice never does. Whoever resumes it is not
asked about it again.
"""

from __future__ import annotations

import logging
from typing import NamedTuple
from uuid import UUID

from alerts.delivery_queue.row_format import CHANNEL, DELIVERED, JOB_NOTICE, LANE, SENT, STATE
from alerts.domain.events import DispatchPaused
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.storage.named_queries import load
from alerts.storage.ports import Row

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "queue.sql")
LEAST, MOST = 1_000, 0.05
"""Outcomes after which a part of them tells something, and the part that may have bounced."""
PAUSED, RESUMED = 1, 2
"""`jobs.paused`; 0 is neither."""
_BOUNCED, _EMAIL = STATE["failed-permanent"], CHANNEL["email"]


class BounceRate(NamedTuple):
    """E-mail of one dispatch: what was refused for good, of what has an outcome."""

    bounced: int
    outcomes: int

    @property
    def too_many(self) -> bool:
        """Whether a person is to be asked."""
        return self.outcomes >= LEAST and self.bounced > MOST * self.outcomes


NONE = BounceRate(0, 0)


def is_guarded(kind: int, lane: int, ended: int | None, paused: int) -> bool:
    """Whether a dispatch may be paused."""
    return kind == JOB_NOTICE and lane == LANE["bulletin"] and ended is None and paused == 0


def bounces(tallies: list[Row]) -> BounceRate:
    """From a dispatch's rows of `tallies_of`."""
    found = {state: int(amount) for channel, state, amount in tallies if channel == _EMAIL}
    bounced = found.get(_BOUNCED, 0)
    return BounceRate(bounced, bounced + found.get(SENT, 0) + found.get(DELIVERED, 0))


def pause(unit: UnitOfWork, notice: int) -> bool:
    """Pause a dispatch if it still has to be; whether it was paused here."""
    rows = unit.read(_sql.job_guarded, (notice,))
    if not rows or not is_guarded(*rows[0][1:]):
        return False
    found = bounces(unit.read(_sql.tallies_of, (notice,)))
    if not found.too_many:
        return False
    id = UUID(bytes=bytes(rows[0][0]))
    stream = dispatch_id(id)
    state = unit.get(DISPATCH, stream)
    if state is None or state.paused is not None:
        return False
    unit.write(_sql.job_pause, (PAUSED, notice))
    unit.append(DISPATCH, stream, DispatchPaused(notice=id, number=notice, **found._asdict()))
    unit.after_commit(
        lambda: _log.warning(
            "dispatch %d is paused: %d of %d addresses bounced; a person resumes or stops it", notice, *found
        )
    )
    return True


def describe(found: BounceRate) -> str:
    """What a person is asked."""
    share = 100 * found.bounced / max(1, found.outcomes)
    return (
        f"{found.bounced:,} of {found.outcomes:,} addresses ({share:.1f} %) refused it for good, more than 5 %: "
        "nothing more leaves until a person resumes or stops it"
    )
