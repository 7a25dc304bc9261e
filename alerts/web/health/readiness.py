"""Whether a process can serve and send.

Whether the log takes writes is shown by writing, since a full disk or a standby still answers every read. Not an event:
one row of a side table moves. However often it is asked, one write in two seconds is the most.

After a start a process is ready once it knows what was in the log by then: before, its pages may be old, nobody can be
counted, and what is issued waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import DomainError
from alerts.kernel.times import micros

_log = logging.getLogger(__name__)
_BEAT = """
INSERT INTO heartbeats (name, at) VALUES ('readyz', ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""
_HOLDS_S = 2.0
"""How long an answer is given again."""
_PATIENCE_S = 4.0
"""A load balancer asks with a time limit of its own, mostly five seconds."""


class Readiness:
    """One a process, used in one event loop."""

    def __init__(
        self,
        writer: Writer,
        clock: Callable[[], datetime],
        *,
        tick: Callable[[], float] = monotonic,
        patience: float = _PATIENCE_S,
    ) -> None:
        """`patience`: seconds after which a write that is under way counts as failed."""
        self._writer, self._clock, self._tick, self._patience = writer, clock, tick, patience
        self._asked: tuple[float, asyncio.Task[str]] | None = None

    async def trouble(self) -> str:
        """Why the log takes no writes, in words; "" if it does."""
        now = self._tick()
        if self._asked is None or (self._asked[1].done() and now - self._asked[0] > _HOLDS_S):
            self._asked = now, asyncio.create_task(self._write())
        return await asyncio.shield(self._asked[1])

    async def _write(self) -> str:
        def beat(unit: UnitOfWork) -> None:
            unit.write(_BEAT, (micros(self._clock()),))

        try:
            await asyncio.wait_for(self._writer.run(beat, by="system"), self._patience)
        except TimeoutError:
            return f"a write took longer than {self._patience:g} seconds"
        except DomainError as error:
            return error.message
        except Exception as error:
            _log.exception("the log cannot be written")
            return type(error).__name__  # its words may quote a statement: they are for the log
        return ""


class StartPosition:
    """How far a process has come with what was in the log when it was first asked; then that is done with for good."""

    def __init__(self, shown: Callable[[], int], known: Callable[[], int | None]) -> None:
        """`shown`: where the read models stand. `known`: where people and registers do, None once they are there."""
        self._shown, self._known = shown, known
        self._goal: int | None = None
        self._over = False

    def waits_for(self, end: int) -> str:
        """What is still to come, in words, "" if nothing is; `end` is where the log ends now."""
        if self._over:
            return ""
        self._goal = end if self._goal is None else self._goal
        shown, known = self._shown(), self._known()
        if shown < self._goal:
            return f"the read models stand at {shown} of {self._goal}"
        if known is not None:
            return f"everybody is read from the log, now at {known} of {self._goal}"
        self._over = True
        return ""
