"""Bounce-rate guard: pauses a bulletin of which too many addresses bounce, until a person decides.

A list with many stale addresses costs the sender its reputation with every mail server, and with it the delivery of
urgent messages. Only bulletins are paused, never emergencies or notices. A resumed dispatch is not paused again.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import NamedTuple
from uuid import UUID

from alerts.channels.registry import BOUNCING
from alerts.delivery_queue.row_format import DELIVERED, JOB_NOTICE, LANE, SENT, STATE
from alerts.domain.events import DispatchPaused
from alerts.domain.streams import DISPATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.terms import CHANNEL_CODE
from alerts.storage.named_queries import load
from alerts.storage.ports import Row

_log = logging.getLogger(__name__)
_sql = load("alerts.delivery_queue", "queue.sql")
LEAST, MOST = 1_000, 0.05
"""Minimum number of outcomes before the rate counts, and the highest share that may bounce."""
PAUSED, RESUMED = 1, 2
"""`jobs.paused`; 0 is neither."""
_BOUNCED = STATE["failed-permanent"]
_CHANNELS = frozenset(CHANNEL_CODE[channel] for channel in BOUNCING)


class BounceRate(NamedTuple):
    """E-mail outcomes of one dispatch: permanently refused ones, and all."""

    bounced: int
    outcomes: int

    @property
    def too_many(self) -> bool:
        """True if a person has to decide."""
        return self.outcomes >= LEAST and self.bounced > MOST * self.outcomes


NONE = BounceRate(0, 0)


def is_guarded(kind: int, lane: int, ended: int | None, paused: int) -> bool:
    """True if a dispatch may be paused: a running bulletin that was neither paused nor resumed before."""
    return kind == JOB_NOTICE and lane == LANE["bulletin"] and ended is None and paused == 0


def bounces(tallies: list[Row]) -> BounceRate:
    """Compute the rate from a dispatch's rows of `tallies_of`."""
    found = Counter[int]()
    for channel, state, amount in tallies:
        if channel in _CHANNELS:
            found[state] += int(amount)
    bounced = found[_BOUNCED]
    return BounceRate(bounced, bounced + found[SENT] + found[DELIVERED])


def pause(unit: UnitOfWork, notice: int) -> bool:
    """Pause a dispatch if it is still due for it; True if this call paused it."""
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
    """Describe the pause to the person who has to decide."""
    share = 100 * found.bounced / max(1, found.outcomes)
    return (
        f"{found.bounced:,} of {found.outcomes:,} addresses ({share:.1f} %) refused it for good, more than 5 %: "
        "nothing more leaves until a person resumes or stops it"
    )
