"""How commands speak: data as JSON or in words, errors in one line, long work by a bar on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alerts.kernel.errors import Invalid

Json = dict[str, Any]


class Failed(Exception):
    """A command that could not be done; `str(error)` says what to do."""


class Misuse(Exception):
    """A command that was called wrongly (exit code 2); `str(error)` says how it is called."""


def show(data: Json, *, as_json: bool, words: Callable[[Json], str]) -> None:
    """Print an answer: as JSON for programs, in words for people."""
    print(json.dumps(data, ensure_ascii=False, default=str) if as_json else words(data))


def complain(error: Exception) -> None:
    """One line on standard error; bad input names its fields below."""
    print(f"alerts: {error}", file=sys.stderr)
    if isinstance(error, Invalid):
        for one in error.errors:
            if one.field and one.message != error.message:
                print(f"  {one.field}: {one.message}", file=sys.stderr)


def note(text: str) -> None:
    """Something for the person, not for the data: on standard error."""
    print(text, file=sys.stderr)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a plain line each ten seconds elsewhere; the callable is told how much is done."""
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
