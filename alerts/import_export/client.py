"""One import of a file of subscribers, from the command line's side: survey, begin or go on, page by page, finish."""

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
"""Pages sent before the one before them is answered: made ready while that one is written, so that nobody waits."""


class RejectedRows(Protocol):
    """Who is told of refused rows."""

    count: int
    first: list[Json]

    def add(self, number: int, field: str, reason: str) -> None:
        """One more."""


class Import:
    """See the module. `run` is given the product; it raises Invalid for a file that cannot be read."""

    def __init__(self, file: Path, refused: RejectedRows, progress: Progress, *, dry_run: bool, again: bool) -> None:
        self._file, self._refused, self._dry_run, self._again = file, refused, dry_run, again
        self._progress = progress

    async def run(self, call: Call) -> Json:
        """{"taken", "known", "refused": the first, "refused_count", "resumed_at", "finished_before", "started_at"}."""
        found = await asyncio.to_thread(survey, self._file)
        if self._dry_run:
            with self._progress("subscribers", found.rows) as tell:
                taken, known = await self._pages(call, found, 0, tell)
            return self._answer(taken=taken, known=known)
        begun = await call("import-begin", {"digest": found.digest, "rows": found.rows, "again": self._again})
        if begun["refused"]:
            await self._earlier(call, found.digest)
        if begun["finished"]:
            return self._answer(begun["taken"], begun["known"], before=begun["started_at"])
        with self._progress("subscribers", found.rows) as tell:
            await self._pages(call, found, begun["done"], tell)
        end = await call("import-finish", {"digest": found.digest})
        return self._answer(end["taken"], end["known"], resumed_at=begun["done"])

    async def _pages(self, call: Call, found: Survey, start: int, tell: Callable[[int], None]) -> tuple[int, int]:
        """Send the rows from the `start`-th on; how many were taken, and how many known."""
        terms = msgspec.convert(await call("import-terms", {}), Terms)
        order = Order(file=str(self._file), terms=terms, skip=start, rehearsal=self._dry_run)
        totals = {"taken": 0, "known": 0}
        sent = done = start
        on_their_way: deque[asyncio.Future[Json]] = deque()

        async def answered() -> None:
            nonlocal done
            answer = await on_their_way[0]
            on_their_way.popleft()
            self._tell(answer["refused"])
            for name in totals:
                totals[name] += answer[name]
            done += answer["count"]
            tell(done)

        try:
            async with aclosing(pages(order)) as rows:
                async for page in rows:
                    if isinstance(page, Last):
                        while on_their_way:
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
                    on_their_way.append(asyncio.ensure_future(call("import-page", arguments)))
                    sent += count
                    if len(on_their_way) > _AHEAD:
                        await answered()
        finally:
            for task in on_their_way:
                task.cancel()
            await asyncio.gather(*on_their_way, return_exceptions=True)
        return totals["taken"], totals["known"]

    @staticmethod
    def _check_end(last: Last, found: Survey) -> None:
        if last.error:
            raise Invalid(last.error)
        if last.digest != found.digest:
            raise Invalid("the file was changed while it was read: what was taken stays; import the changed file")

    async def _earlier(self, call: Call, digest: str) -> None:
        """Rows that were refused before this run, as the log has them: without what they said."""
        after: int | None = None
        while True:
            page = await call("import-refused", {"digest": digest, "after": after})
            self._tell(page["items"])
            after = page["next"]
            if after is None:
                return

    def _tell(self, refused: list[Json]) -> None:
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
