"""Terminal output of commands: data as JSON or in words, errors in one line, progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alerts.kernel.errors import Invalid

Json = dict[str, Any]


class Failed(Exception):
    """Failure of a command; `str(error)` says what to do."""


class Misuse(Exception):
    """Wrong use of a command (exit code 2); `str(error)` says how to call it."""


def show(data: Json, *, as_json: bool, words: Callable[[Json], str]) -> None:
    """Print a result: as JSON for programs, in words for people."""
    print(json.dumps(data, ensure_ascii=False, default=str) if as_json else words(data))


def complain(error: Exception) -> None:
    """Print an error on standard error; bad input names its fields below."""
    print(f"alerts: {error}", file=sys.stderr)
    if isinstance(error, Invalid):
        for one in error.errors:
            if one.field and one.message != error.message:
                print(f"  {one.field}: {one.message}", file=sys.stderr)


def note(text: str) -> None:
    """Print a message for the person on standard error, apart from the data."""
    print(text, file=sys.stderr)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, a plain line every ten seconds elsewhere; call the result with the amount done."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(what, total=total)
            yield lambda done: bars.update(task, completed=done)
        return
    from time import monotonic

    last = monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if monotonic() - last >= 10:
            last = monotonic()
            note(f"{what}: {done}" + (f" of {total}" if total else ""))

    yield tell
