"""Report of rejected rows: the first ones on the terminal, all of them in a file on request."""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alerts.app.terminal import note

SHOWN = 100
"""Maximum rows on the terminal and in JSON: memory must not grow with the file."""


class RejectedRowsReport:
    """Counts rejected rows, prints the first, and writes all to `report`. `what` is the unit: line, feature."""

    def __init__(self, what: str, report: Path | None) -> None:
        self._what, self._report = what, report
        self.count = 0
        self.first: list[dict[str, Any]] = []
        self._closing = ExitStack()
        self._rows: Any = None

    def __enter__(self) -> Self:
        if self._report is not None:
            # Readable by the owner only: a reason may quote personal data.
            descriptor = os.open(self._report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            out = self._closing.enter_context(os.fdopen(descriptor, "w", newline="", encoding="utf-8"))
            self._rows = csv.writer(out)
            self._rows.writerow((self._what, "field", "reason"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def add(self, number: int, field: str, reason: str) -> None:
        """Add one rejected row."""
        from alerts.import_export.csv_format import escape_formula

        self.count += 1
        if self._rows is not None:
            self._rows.writerow((number, field, escape_formula(reason)))
        if self.count <= SHOWN:
            self.first.append({self._what: number, "field": field, "reason": reason})
            note(f"{self._what} {number}: {field + ': ' if field else ''}{reason}")
        elif self.count == SHOWN + 1:
            note("… and more" + ("" if self._report else ": --report FILE.csv would name them all"))
