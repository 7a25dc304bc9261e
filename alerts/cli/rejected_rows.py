"""What an import refused: the first ones on the terminal, all of them in a file if one was asked for."""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alerts.app.terminal import note

SHOWN = 100
"""On the terminal and in JSON: the memory must not grow with the file."""


class RejectedRowsReport:
    """Counts them, tells of the first as they come, and writes all to `report`. `what` is counted: line, feature."""

    def __init__(self, what: str, report: Path | None) -> None:
        self._what, self._report = what, report
        self.count = 0
        self.first: list[dict[str, Any]] = []
        self._closing = ExitStack()
        self._rows: Any = None

    def __enter__(self) -> Self:
        if self._report is not None:
            # By their owner alone: a reason may quote what somebody gave.
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
        """One more."""
        from alerts.import_export.csv_format import escape_formula

        self.count += 1
        if self._rows is not None:
            self._rows.writerow((number, field, escape_formula(reason)))
        if self.count <= SHOWN:
            self.first.append({self._what: number, "field": field, "reason": reason})
            note(f"{self._what} {number}: {field + ': ' if field else ''}{reason}")
        elif self.count == SHOWN + 1:
            note("… and more" + ("" if self._report else ": --report FILE.csv would name them all"))
