"""Readiness probes: log writability and catch-up after a start.

Writability is tested by a write, since a full disk or a standby still answers every read. The write is no event: it
updates one row of a side table, at most once in two seconds.

After a start a process is ready once it has applied the log up to its end at that time: before, its pages may be stale,
audiences cannot be counted, and issued notices wait.
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
"""Seconds for which a result is reused."""
_PATIENCE_S = 4.0
"""Write timeout in seconds, below the usual probe timeout of load balancers (five seconds)."""


class Readiness:
    """Write probe of the log. One per process, used in one event loop."""

    def __init__(
        self,
        writer: Writer,
        clock: Callable[[], datetime],
        *,
        tick: Callable[[], float] = monotonic,
        patience: float = _PATIENCE_S,
    ) -> None:
        """`patience`: seconds after which a pending write counts as failed."""
        self._writer, self._clock, self._tick, self._patience = writer, clock, tick, patience
        self._last_write: tuple[float, asyncio.Task[str]] | None = None

    async def trouble(self) -> str:
        """Return the reason why the log cannot be written; "" if it can."""
        now = self._tick()
        if self._last_write is None or (self._last_write[1].done() and now - self._last_write[0] > _HOLDS_S):
            self._last_write = now, asyncio.create_task(self._write())
        return await asyncio.shield(self._last_write[1])

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
            return type(error).__name__  # the message may quote a statement: it belongs in the log only
        return ""


class StartPosition:
    """Catch-up check: the goal is the log's end at the first call; once reached, it stays reached."""

    def __init__(self, shown: Callable[[], int], known: Callable[[], int | None]) -> None:
        """`shown`: position of the read models. `known`: position of the audience, None once it has caught up."""
        self._shown, self._known = shown, known
        self._goal: int | None = None
        self._over = False

    def waits_for(self, end: int) -> str:
        """Describe what has not caught up yet; "" if all has. `end` is the current end of the log."""
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
