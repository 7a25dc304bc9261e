"""Import client: the command line's side of one import. Survey, begin or resume, page by page, finish."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import msgspec

from alerts.import_export.csv_format import in_columns
from alerts.import_export.csv_reader import Survey, survey
from alerts.import_export.parser_process import Last, Order, Terms, pages
from alerts.kernel.calls import Call, Json, Progress
from alerts.kernel.errors import Invalid

_AHEAD = 1
"""Pages sent before the previous one is answered: prepared while that one is written."""


class RejectedRows(Protocol):
    """Receiver of rejected rows."""

    count: int
    first: list[Json]

    def add(self, number: int, field: str, reason: str) -> None:
        """Add one rejected row."""


class Import:
    """Runs one import of a file. `run` gets the connection to the product; it raises Invalid for an unreadable file."""

    def __init__(self, file: Path, refused: RejectedRows, progress: Progress, *, dry_run: bool, again: bool) -> None:
        self._file, self._refused, self._dry_run, self._again = file, refused, dry_run, again
        self._progress = progress

    async def run(self, call: Call) -> Json:
        """Run the import.

        Returns {"taken", "known", "refused": the first, "refused_count", "resumed_at", "finished_before",
        "started_at"}.
        """
        found = await asyncio.to_thread(survey, self._file)
        if self._dry_run:
            with self._progress("subscribers", found.rows) as tell:
                taken, known = await self._pages(call, found, 0, tell)
            return self._answer(taken=taken, known=known)
        begun = await call("import-begin", {"digest": found.digest, "rows": found.rows, "again": self._again})
        if begun["refused"]:
            await self._report_earlier(call, found.digest)
        if begun["finished"]:
            return self._answer(begun["taken"], begun["known"], before=begun["started_at"])
        with self._progress("subscribers", found.rows) as tell:
            await self._pages(call, found, begun["done"], tell)
        end = await call("import-finish", {"digest": found.digest})
        return self._answer(end["taken"], end["known"], resumed_at=begun["done"])

    async def _pages(self, call: Call, found: Survey, start: int, tell: Callable[[int], None]) -> tuple[int, int]:
        """Send the rows from the `start`-th on; returns (taken, known)."""
        terms = msgspec.convert(await call("import-terms", {}), Terms)
        order = Order(file=str(self._file), terms=terms, skip=start, rehearsal=self._dry_run)
        totals = {"taken": 0, "known": 0}
        sent = done = start
        in_flight: deque[asyncio.Future[Json]] = deque()

        async def answered() -> None:
            nonlocal done
            answer = await in_flight[0]
            in_flight.popleft()
            self._report(answer["refused"])
            for name in totals:
                totals[name] += answer[name]
            done += answer["count"]
            tell(done)

        try:
            async with aclosing(pages(order)) as rows:
                async for page in rows:
                    if isinstance(page, Last):
                        while in_flight:
                            await answered()
                        self._check_end(page, found)
                        break
                    count, packed = page
                    arguments = {
                        "digest": found.digest,
                        "start": sent,
                        "rows": base64.b64encode(packed).decode(),
                        "dry_run": self._dry_run,
                    }
                    in_flight.append(asyncio.ensure_future(call("import-page", arguments)))
                    sent += count
                    if len(in_flight) > _AHEAD:
                        await answered()
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
        return totals["taken"], totals["known"]

    @staticmethod
    def _check_end(last: Last, found: Survey) -> None:
        if last.error:
            raise Invalid(last.error)
        if last.digest != found.digest:
            raise Invalid("the file was changed while it was read: what was taken stays; import the changed file")

    async def _report_earlier(self, call: Call, digest: str) -> None:
        """Report the rows rejected in earlier runs, as logged: without their content."""
        after: int | None = None
        while True:
            page = await call("import-refused", {"digest": digest, "after": after})
            self._report(page["items"])
            after = page["next"]
            if after is None:
                return

    def _report(self, refused: list[Json]) -> None:
        for one in refused:
            self._refused.add(one["line"], *in_columns(one["field"], one["reason"]))

    def _answer(self, taken: int, known: int, *, before: str | None = None, resumed_at: int = 0) -> Json:
        return {
            "taken": taken,
            "known": known,
            "refused": self._refused.first,
            "refused_count": self._refused.count,
            "resumed_at": resumed_at,
            "finished_before": before is not None,
            "started_at": before,
        }
