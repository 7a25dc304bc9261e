"""Who this worker is, and whether its claims are still its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from alerts.eventlog.ports import Unit, Writer
from alerts.eventlog.sql import load
from alerts.times import micros

_sql = load("alerts.dispatch", "dispatch.sql")
_LIFE = timedelta(seconds=8)
_BEAT = 2.0
_MARGIN = 6.0
"""Seconds after its last sign of life in which a worker still begins hand-overs: less than others wait."""
_FOR_EVER = timedelta(days=36_500)


class WorkerLease:
    """A number in the table of workers, kept alive by `beat`. Alone in its database it needs no signs of life."""

    def __init__(self, writer: Writer, *, clock: Callable[[], datetime], alone: bool) -> None:
        self._writer, self._clock, self._alone = writer, clock, alone
        self._beaten = 0.0
        self.number = 0

    def holds(self, number: int) -> bool:
        """Whether what was claimed under that number is still this worker's: False once others may take it over."""
        return number == self.number and (self._alone or monotonic() - self._beaten < _MARGIN)

    async def begin(self) -> None:
        """Take a number; again, a new one, after having been taken for dead."""
        begun = monotonic()

        def work(unit: Unit) -> int:
            number = unit.number("worker")
            unit.write(_sql.worker_alive, (number, micros(self._until())))
            return number

        self.number = (await self._writer.run(work, by="system")).result
        self._beaten = begun

    async def beat(self) -> None:
        """Say that this worker is alive, if it is time; begin anew if it was taken for dead."""
        begun = monotonic()
        if self._alone or begun - self._beaten < _BEAT:
            return

        def work(unit: Unit) -> bool:
            if not unit.read(_sql.worker, (self.number,)):
                return False
            unit.write(_sql.worker_alive, (self.number, micros(self._until())))
            return True

        if (await self._writer.run(work, by="system")).result:
            self._beaten = begun
        else:
            await self.begin()

    def _until(self) -> datetime:
        return self._clock() + (_FOR_EVER if self._alone else _LIFE)
